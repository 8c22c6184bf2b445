//! [`ImageLimits`]: the maximum size of a decoded image.

use ::image::Limits;

use super::format::ImageFormat;

/// The maximum number of pixels whatever the limit: the largest WebP has this many, and the decoders count bytes in 32
/// bits.
const MAX_PIXELS: u64 = 1 << 28;

/// The longest side of an image, which is that of JPEG and GIF. Decoders hold whole rows, and resizing whole columns.
pub(super) const MAX_SIDE: u32 = 65_535;

/// The memory of a decoder's tables and of the metadata of a file, in bytes.
pub(super) const OVERHEAD: u64 = 2 << 20;

/// The maximum size of a decoded image.
///
/// The size is read from the header of a file and checked before memory for the pixels is allocated, so that a small file
/// that unpacks to a huge image is rejected cheaply.
///
/// ```
/// use chariot_engine::input::image::ImageLimits;
///
/// assert_eq!(ImageLimits::default().max_pixels, 50_000_000);
/// assert_eq!(ImageLimits::new(1024 * 1024).max_pixels, 1024 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ImageLimits {
    /// The maximum number of pixels, width times height. Default: 50,000,000.
    ///
    /// More than 268,435,456 pixels are never decoded. A pixel takes 1 to 4 bytes in most files, and at most 16.
    pub max_pixels: u64,
}

impl Default for ImageLimits {
    /// Returns a limit of 50,000,000 pixels.
    fn default() -> Self {
        ImageLimits::new(50_000_000)
    }
}

impl ImageLimits {
    /// Creates limits with this maximum number of pixels.
    pub const fn new(max_pixels: u64) -> Self {
        ImageLimits { max_pixels }
    }

    /// Returns the effective maximum number of pixels.
    pub(super) fn pixels(&self) -> u64 {
        self.max_pixels.min(MAX_PIXELS)
    }

    /// Returns the memory limit of a format's decoder for a file of this length. Each decoder counts differently: in addition
    /// to the image, or including it.
    pub(super) fn for_decoder(&self, format: ImageFormat, length: usize) -> Limits {
        let bytes_per_pixel = match format {
            // Rows and metadata only.
            ImageFormat::Png => 0,
            // Four channels of 32 bits, and the same again for the strip or tile that is being decoded.
            ImageFormat::Tiff => 32,
            ImageFormat::Gif | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Bmp => 8,
        };
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(self.pixels() * bytes_per_pixel + length as u64 + OVERHEAD);
        limits
    }
}
