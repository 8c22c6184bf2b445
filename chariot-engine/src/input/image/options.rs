//! The options of [`Pixels`](super::Pixels): layout, filter, and values per channel.

/// The position of the channels among the dimensions of a batch.
///
/// ```
/// use chariot_engine::{Pixels, input::image::ChannelLayout};
///
/// assert_eq!(Pixels::rgb(64, 32).shape(5), [5, 3, 32, 64]);
/// assert_eq!(Pixels::rgb(64, 32).layout(ChannelLayout::Last).shape(5), [5, 32, 64, 3]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChannelLayout {
    /// N x C x H x W, as in PyTorch and candle. The default.
    #[default]
    First,
    /// N x H x W x C, as in TensorFlow.
    Last,
}

/// The interpolation filter of a resize. When an image shrinks, all filters but [`Filter::Nearest`] use every pixel (like
/// Pillow).
///
/// ```
/// use chariot_engine::{Pixels, input::image::Filter};
///
/// let masks = Pixels::gray(128, 128).filter(Filter::Nearest);
/// assert_ne!(masks, Pixels::gray(128, 128));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// The nearest pixel. Fast, and every value occurs in the image.
    Nearest,
    /// The mean of the area of the image that becomes a pixel, where a pixel at the edge counts by its share. When an image
    /// shrinks, it is OpenCV's `INTER_AREA`; when it grows, pixels stay sharp.
    Area,
    /// Linear interpolation. The default.
    #[default]
    Bilinear,
    /// Cubic interpolation (Catmull-Rom, a = -0.5).
    Bicubic,
    /// Lanczos with three lobes. The sharpest and the slowest.
    Lanczos,
}

/// One number for each channel, or one for all of them. Created from a number, or from an array of one or three.
///
/// It is the argument of [`Pixels::mean`](super::Pixels::mean) and [`Pixels::deviation`](super::Pixels::deviation).
///
/// ```
/// use chariot_engine::{Pixels, input::image::PerChannel};
///
/// assert_eq!(PerChannel::from(0.5), PerChannel::from([0.5]));
/// assert_eq!(Pixels::rgb(8, 8).mean(0.5), Pixels::rgb(8, 8).mean([0.5]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerChannel(Values);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Values {
    All(f32),
    Three([f32; 3]),
}

impl From<f32> for PerChannel {
    fn from(value: f32) -> Self {
        PerChannel(Values::All(value))
    }
}

impl From<[f32; 1]> for PerChannel {
    fn from([value]: [f32; 1]) -> Self {
        PerChannel(Values::All(value))
    }
}

impl From<[f32; 3]> for PerChannel {
    fn from(values: [f32; 3]) -> Self {
        PerChannel(Values::Three(values))
    }
}

impl PerChannel {
    /// Returns `true` if there is one number for each channel, or one for all.
    pub(super) fn fits(&self, channels: usize) -> bool {
        match self.0 {
            Values::All(_) => true,
            Values::Three(_) => channels == 3,
        }
    }

    pub(super) fn get(&self, channel: usize) -> f32 {
        match &self.0 {
            Values::All(value) => *value,
            Values::Three(values) => values.get(channel).copied().unwrap_or_default(),
        }
    }
}
