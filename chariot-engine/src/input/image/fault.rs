//! [`Fault`]: a reason not to decode a file whose format is known. Each format's checks return it, and `decode` makes a
//! rejection of it.

use std::borrow::Cow;

use super::{format::ImageFormat, limits::MAX_SIDE};
use crate::error::{Expected, Rejection};

/// A reason not to decode a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Corrupt,
    /// A variant that is not decoded, as words that follow "one".
    Unsupported(Cow<'static, str>),
    /// A side that is longer than those of any picture.
    TooLong {
        width: u32,
        height: u32,
    },
    /// A request or a budget without room for the pixels. The meter has the error.
    OverBudget,
    /// More pixels or memory than the limit.
    TooLarge {
        max_pixels: u64,
        got: String,
    },
    /// An image of which one side is 0.
    NoPixels {
        width: u32,
        height: u32,
    },
}

impl Fault {
    pub(super) fn unsupported(what: impl Into<Cow<'static, str>>) -> Self {
        Fault::Unsupported(what.into())
    }

    /// Returns the rejection of a file of this format.
    pub(super) fn rejection(self, format: ImageFormat) -> Rejection {
        let text: String = match self {
            Fault::Corrupt => {
                Expected::new(format_args!("a valid {format} image"), "one that is corrupt or truncated").into()
            }
            Fault::Unsupported(what) => {
                let got = format_args!("one {what}, which is not supported");
                Expected::new(format_args!("a supported {format} image"), got).into()
            }
            Fault::TooLarge { max_pixels, got } => {
                Expected::new(format_args!("an image of at most {max_pixels} pixels"), got).into()
            }
            Fault::TooLong { width, height } => {
                let expected = format_args!("an image with sides of at most {MAX_SIDE} pixels");
                Expected::new(expected, format_args!("{width} x {height} pixels")).into()
            }
            Fault::OverBudget => "no memory for the image".to_owned(),
            Fault::NoPixels { width, height } => return no_pixels(width, height),
        };
        Rejection::new(text)
    }
}

/// Returns the rejection of an image of which one side is 0.
pub(super) fn no_pixels(width: u32, height: u32) -> Rejection {
    Rejection::new(Expected::new("an image with at least one pixel", format_args!("{width} x {height} pixels")))
}
