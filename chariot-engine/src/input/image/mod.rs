//! Images: decoding a file within limits, and converting the image to the numbers that a model reads.
//!
//! [`Image`] is a model's input, and [`Pixels`] converts it. Both are also at the root of the crate and in the prelude.
//!
//! | file | holds |
//! |---|---|
//! | `decoded` | `Image` |
//! | `input` | `Image` as an input of a model |
//! | `format`, `limits` | `ImageFormat`, `ImageLimits` |
//! | `decode` | decoding of a file |
//! | `base64` | decoding of base64 |
//! | `fault` | a reason not to decode a file |
//! | `foreign` | names of formats that are not decoded |
//! | `jpeg` | decoding of a JPEG, by the decoder that is right for its structure |
//! | `bmp`, `tiff`, `webp` | checks of a file for what its decoder does not check |
//! | `pixels`, `options` | `Pixels` and its options |
//! | `geometry` | resizing, and the way back for boxes |
//! | `color` | conversion to 8 bits per channel, gray or color |

mod base64;
mod bmp;
mod color;
mod decode;
mod decoded;
mod fault;
mod foreign;
mod format;
mod geometry;
mod input;
mod jpeg;
mod limits;
mod options;
mod pixels;
#[cfg(test)]
mod tests;
mod tiff;
mod webp;

pub use decoded::Image;
pub use format::ImageFormat;
pub use geometry::{Placement, Resize};
pub use limits::ImageLimits;
pub use options::{ChannelLayout, Filter, PerChannel};
pub use pixels::Pixels;
