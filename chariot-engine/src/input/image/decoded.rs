//! [`Image`]: one decoded image.

use std::fmt;

use ::image::{DynamicImage, metadata::Orientation};

use super::{
    base64, decode, decode::Decoded, format::ImageFormat, geometry::Placement, limits::ImageLimits, turn::Turn,
};
use crate::{error::Rejection, protocol::Meter};

/// One decoded image.
///
/// It has the pixels as they are stored in the file: gray or color, 8 bits or more, with or without alpha, and not
/// rotated. [`Pixels`](super::Pixels) converts it to the numbers that a model reads. For anything else use the crate
/// `image`, re-exported as `chariot_engine::image`.
///
/// ```
/// use chariot_engine::Image;
/// use chariot_engine::image::{DynamicImage, RgbImage};
///
/// let image = Image::from_dynamic(DynamicImage::ImageRgb8(RgbImage::new(640, 480)));
/// assert_eq!((image.width(), image.height(), image.format()), (640, 480, None));
/// ```
#[derive(Clone, PartialEq)]
pub struct Image {
    pub(super) pixels: DynamicImage,
    pub(super) format: Option<ImageFormat>,
    /// The EXIF orientation of the file.
    pub(super) orientation: Orientation,
}

impl Image {
    /// Decodes a PNG, JPEG, WebP, BMP, GIF or TIFF file. The format is detected from the content.
    ///
    /// ```
    /// use chariot_engine::{Image, input::image::ImageLimits};
    ///
    /// let fault = Image::decode(b"not an image", &ImageLimits::default()).unwrap_err();
    /// assert!(fault.text().starts_with("expected a PNG, JPEG, WebP, BMP, GIF or TIFF image"));
    /// ```
    ///
    /// # Errors
    /// Returns a rejection if there is no data, if the format is unknown, if the format or its variant is not supported, if
    /// the file is corrupt or truncated, or if the image is larger than the limits.
    pub fn decode(bytes: &[u8], limits: &ImageLimits) -> Result<Self, Rejection> {
        Self::decode_metered(bytes, limits, &Meter::default())
    }

    /// Decodes a file as [`decode`](Self::decode) does, and reserves the memory that decoding takes at most.
    pub(super) fn decode_metered(bytes: &[u8], limits: &ImageLimits, meter: &Meter<'_>) -> Result<Self, Rejection> {
        decode::decode(bytes, limits, "", meter).map(Self::from_decoded)
    }

    /// Decodes a base64-encoded file.
    ///
    /// Accepts the standard and the URL-safe alphabet, with or without padding. Spaces, tabs and line breaks are ignored.
    ///
    /// ```
    /// use chariot_engine::{Image, input::image::ImageLimits};
    ///
    /// let gif = "R0lGODdhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkQBADs=";
    /// let image = Image::decode_base64(gif, &ImageLimits::default())?;
    /// assert_eq!((image.width(), image.height()), (1, 1));
    /// # Ok::<(), chariot_engine::Rejection>(())
    /// ```
    ///
    /// # Errors
    /// Returns a rejection if the text is not base64, with the position of the first invalid character, and the rejections
    /// of [`Image::decode`].
    pub fn decode_base64(text: &str, limits: &ImageLimits) -> Result<Self, Rejection> {
        Self::decode_base64_metered(text, limits, &Meter::default())
    }

    /// Decodes a file as [`decode_base64`](Self::decode_base64) does, and reserves the memory that decoding takes at most.
    pub(in crate::input) fn decode_base64_metered(
        text: &str,
        limits: &ImageLimits,
        meter: &Meter<'_>,
    ) -> Result<Self, Rejection> {
        // The file, or the text without white space, which becomes the file.
        meter.read(text.len())?;
        decode::decode(&base64::decode(text)?, limits, "base64-encoded ", meter).map(Self::from_decoded)
    }

    fn from_decoded(file: Decoded) -> Self {
        Image { pixels: file.pixels, format: Some(file.format), orientation: file.orientation }
    }

    /// Creates an image from pixels.
    pub fn from_dynamic(pixels: DynamicImage) -> Self {
        Image { pixels, format: None, orientation: Orientation::NoTransforms }
    }

    /// Returns the width in pixels.
    pub fn width(&self) -> u32 {
        self.pixels.width()
    }

    /// Returns the height in pixels.
    pub fn height(&self) -> u32 {
        self.pixels.height()
    }

    /// Returns the format of the file; `None` if the image was not decoded from a file.
    pub fn format(&self) -> Option<ImageFormat> {
        self.format
    }

    /// Returns the pixels as a type of the crate `image`.
    pub fn as_dynamic(&self) -> &DynamicImage {
        &self.pixels
    }

    /// Returns the pixels as a type of the crate `image`, without a copy.
    pub fn into_dynamic(self) -> DynamicImage {
        self.pixels
    }

    /// Rotates the image according to its EXIF orientation. An image without an orientation does not change.
    ///
    /// The SDK never rotates an image by itself, because boxes and masks are measured in the stored pixels.
    /// [`Pixels::upright`](super::Pixels::upright) shows a model the upright image and leads back to them.
    #[must_use]
    pub fn upright(mut self) -> Self {
        self.pixels.apply_orientation(self.orientation);
        self.orientation = Orientation::NoTransforms;
        self
    }

    /// Returns the way from pixels of the [upright](Self::upright) image to the stored pixels, for a model that does not read
    /// the numbers of [`Pixels`](super::Pixels).
    ///
    /// ```
    /// use chariot_engine::{Image, tasks::Detection};
    ///
    /// # fn network(image: &Image) -> Vec<Detection> { vec![Detection::new(0, 0.9, [1.0, 2.0, 3.0, 4.0])] }
    /// fn detect(image: Image) -> Vec<Detection> {
    ///     let placement = image.upright_placement();
    ///     network(&image.upright()).into_iter().map(|one| one.to_image(&placement)).collect()
    /// }
    /// # let image = chariot_engine::image::DynamicImage::new_rgb8(8, 8);
    /// # assert_eq!(detect(Image::from_dynamic(image)), [Detection::new(0, 0.9, [1.0, 2.0, 3.0, 4.0])]);
    /// ```
    pub fn upright_placement(&self) -> Placement {
        let turn = Turn::of(self.orientation);
        Placement::of_upright((self.width(), self.height()), turn)
    }
}

/// Prints size and format only. The pixels would flood the log.
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
