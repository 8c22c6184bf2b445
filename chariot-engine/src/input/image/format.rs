//! [`ImageFormat`]: the file formats that are decoded.

use std::fmt;

/// A file format that is decoded. It is detected from the content of a file, never from its name.
///
/// The guide's page [`images`](crate::guide::images) lists the variants of each.
///
/// ```
/// use chariot_engine::input::image::ImageFormat;
///
/// assert_eq!(ImageFormat::WebP.to_string(), "WebP");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImageFormat {
    /// PNG. Of an animated PNG the default image is decoded.
    Png,
    /// JPEG, baseline and progressive.
    Jpeg,
    /// WebP, lossy and lossless. Of an animated WebP the first frame is decoded.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// GIF. The first frame is decoded.
    Gif,
    /// TIFF. The first page is decoded.
    Tiff,
}

impl ImageFormat {
    /// Returns the usual name: `PNG`, `JPEG`, `WebP`, `BMP`, `GIF` or `TIFF`.
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
