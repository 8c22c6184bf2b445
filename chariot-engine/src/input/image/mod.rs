//! Pictures as an input: decoding a file within limits, and turning the picture into a model's numbers. The input
//! types of the SDK call it, and authors do for pictures of their own.

mod base64;
mod colour;
mod decode;
mod geometry;
mod input;
mod jpeg;
mod options;
mod picture;
mod pixels;
mod tiff;
mod webp;

pub use decode::ImageLimits;
pub use geometry::{Placement, Resize};
pub use options::{ChannelLayout, Filter, PerChannel};
pub use picture::{Image, ImageFormat};
pub use pixels::Pixels;
