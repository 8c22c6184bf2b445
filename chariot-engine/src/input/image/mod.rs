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
//! | `geometry`, `region` | resizing of an image or of a part of it, and the way back for boxes |
//! | `tiles` | parts of an image that overlap |
//! | `sample`, `view` | the pixels of a conversion: 8 or 16 bits per channel, borrowed or not |
//! | `color` | conversion to gray or color |
//! | `contrast`, `clahe` | adjusting the contrast |
//! | `resample`, `area`, `nearest` | resizing of pixels |
//! | `turn` | the way from stored pixels to the upright image, and back |

mod area;
mod base64;
mod bmp;
mod clahe;
mod color;
mod contrast;
mod decode;
mod decoded;
mod fault;
mod foreign;
mod format;
mod geometry;
mod input;
mod jpeg;
mod limits;
mod nearest;
mod options;
mod pixels;
mod region;
mod resample;
mod sample;
#[cfg(test)]
mod tests;
mod tiff;
mod tiles;
mod turn;
mod view;
mod webp;

pub use contrast::Contrast;
pub use decoded::Image;
pub use format::ImageFormat;
pub use geometry::{Placement, Resize};
pub use limits::ImageLimits;
pub use options::{ChannelLayout, Filter, PerChannel};
pub use pixels::Pixels;
pub use region::Region;
pub use tiles::{Tile, Tiles};
