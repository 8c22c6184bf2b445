//! [`Image`], one decoded picture: what an engine for pictures gets for each item.

use std::fmt;

use ::image::{DynamicImage, metadata::Orientation};

use super::{ImageLimits, base64, decode};
use crate::Rejection;

/// The formats that are decoded. A file is told by its content, never by its name.
///
/// ```
/// use chariot_engine::ImageFormat;
///
/// assert_eq!(ImageFormat::WebP.to_string(), "WebP");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageFormat {
    /// PNG; of an animated one the default picture.
    Png,
    /// JPEG, baseline and progressive.
    Jpeg,
    /// WebP, lossy and lossless; of an animated one the first frame.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// GIF; the first frame.
    Gif,
    /// TIFF; the first page. Palettes, and floating point in grey, are not supported.
    Tiff,
}

impl ImageFormat {
    /// The name as people write it: `PNG`, `JPEG`, `WebP`, `BMP`, `GIF`, `TIFF`.
    pub fn name(self) -> &'static str {
        match self {
            ImageFormat::Png => "PNG",
            ImageFormat::Jpeg => "JPEG",
            ImageFormat::WebP => "WebP",
            ImageFormat::Bmp => "BMP",
            ImageFormat::Gif => "GIF",
            ImageFormat::Tiff => "TIFF",
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One decoded picture.
///
/// It is held as it was stored: grey or colour, 8 bit or more, with or without alpha, and not rotated. What a model is
/// fed with is said by [`Pixels`](super::Pixels). The crate `image` is at hand as `chariot_engine::image` for whatever
/// else is to be done with the picture.
///
/// ```
/// use chariot_engine::Image;
/// use chariot_engine::image::{DynamicImage, RgbImage};
///
/// let picture = Image::from_dynamic(DynamicImage::ImageRgb8(RgbImage::new(640, 480)));
/// assert_eq!((picture.width(), picture.height(), picture.format()), (640, 480, None));
/// ```
#[derive(Clone, PartialEq)]
pub struct Image {
    pub(super) pixels: DynamicImage,
    pub(super) format: Option<ImageFormat>,
    /// What the file says about how the camera was held.
    pub(super) orientation: Orientation,
}

impl Image {
    /// Decodes a file: PNG, JPEG, WebP, BMP, GIF or TIFF, by its content.
    ///
    /// ```
    /// use chariot_engine::{Image, ImageLimits};
    ///
    /// let fault = Image::decode(b"no picture", &ImageLimits::default()).unwrap_err();
    /// assert_eq!(fault.text(), "a picture as PNG, JPEG, WebP, BMP, GIF or TIFF is expected; what came is none of these");
    /// ```
    ///
    /// # Errors
    /// A rejection if nothing came, the format is not known, the file is broken or cut short, or the picture is larger
    /// than `limits` allow.
    pub fn decode(bytes: &[u8], limits: &ImageLimits) -> Result<Self, Rejection> {
        decode::decode(bytes, limits)
    }

    /// Decodes a file that came as base64: the standard or the URL-safe alphabet, padded or not; spaces, tabs and line
    /// ends are ignored.
    ///
    /// ```
    /// use chariot_engine::{Image, ImageLimits};
    ///
    /// let gif = "R0lGODdhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkQBADs=";
    /// let picture = Image::decode_base64(gif, &ImageLimits::default())?;
    /// assert_eq!((picture.width(), picture.height()), (1, 1));
    /// # Ok::<(), chariot_engine::Rejection>(())
    /// ```
    ///
    /// # Errors
    /// A rejection if the text is not base64, naming the first character at fault, and those of [`Image::decode`].
    pub fn decode_base64(text: &str, limits: &ImageLimits) -> Result<Self, Rejection> {
        decode::decode(&base64::decode(text)?, limits)
    }

    /// A picture that did not come as a file.
    pub fn from_dynamic(pixels: DynamicImage) -> Self {
        Image { pixels, format: None, orientation: Orientation::NoTransforms }
    }

    /// Pixels from left to right.
    pub fn width(&self) -> u32 {
        self.pixels.width()
    }

    /// Pixels from top to bottom.
    pub fn height(&self) -> u32 {
        self.pixels.height()
    }

    /// The format of the file; `None` if the picture did not come as one.
    pub fn format(&self) -> Option<ImageFormat> {
        self.format
    }

    /// The pixels as the crate `image` holds them.
    pub fn as_dynamic(&self) -> &DynamicImage {
        &self.pixels
    }

    /// The pixels as the crate `image` holds them, without a copy.
    pub fn into_dynamic(self) -> DynamicImage {
        self.pixels
    }

    /// The picture turned as its EXIF orientation says. One that says nothing stays as it is, and so does one that is
    /// upright already.
    ///
    /// Pictures are not turned unasked: Chariot counts boxes and masks in the pixels as they are stored.
    #[must_use]
    pub fn upright(mut self) -> Self {
        self.pixels.apply_orientation(self.orientation);
        self.orientation = Orientation::NoTransforms;
        self
    }
}

/// The pixels would drown every log: size and format are enough.
impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("width", &self.width())
            .field("height", &self.height())
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl AsRef<Image> for Image {
    fn as_ref(&self) -> &Image {
        self
    }
}

impl From<DynamicImage> for Image {
    fn from(pixels: DynamicImage) -> Self {
        Image::from_dynamic(pixels)
    }
}
