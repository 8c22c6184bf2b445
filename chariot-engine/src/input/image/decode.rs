//! Decoding of the bytes of a file within limits.

use std::io::Cursor;

use ::image::{DynamicImage, ImageDecoder, ImageError, ImageReader, metadata::Orientation};

use super::{format::ImageFormat, jpeg, limits::ImageLimits, tiff, webp};
use crate::error::{Expected, Rejection};

/// A decoded file.
pub(super) struct Decoded {
    pub(super) pixels: DynamicImage,
    pub(super) format: ImageFormat,
    pub(super) orientation: Orientation,
}

/// Decodes a file by its content. `encoding` describes the form in which the caller sent it: `base64-encoded `, or empty.
pub(super) fn decode(bytes: &[u8], limits: &ImageLimits, encoding: &str) -> Result<Decoded, Rejection> {
    let unknown = |got| {
        let what = format_args!("a {encoding}PNG, JPEG, WebP, BMP, GIF or TIFF image");
        Rejection::new(Expected::new(what, got))
    };
    if bytes.is_empty() {
        return Err(unknown("no data"));
    }
    let Some((format, coded)) = detect(bytes) else {
        return Err(unknown("data in none of these formats"));
    };
    let is_valid = match format {
        ImageFormat::Jpeg => jpeg::is_complete(bytes),
        ImageFormat::Tiff => tiff::is_valid(bytes),
        ImageFormat::WebP => webp::is_valid(bytes),
        ImageFormat::Png | ImageFormat::Bmp | ImageFormat::Gif => true,
    };
    if !is_valid {
        return Err(corrupt(format));
    }
    let too_large = |got: String| {
        let what = format_args!("an image of at most {} pixels", limits.pixels());
        Rejection::new(Expected::new(what, got))
    };
    let rejection = |error: ImageError| match error {
        ImageError::Limits(_) => too_large(format!("a {format} image that needs more memory")),
        ImageError::Unsupported(_) => {
            let what = format_args!("a supported {format} image");
            Rejection::new(Expected::new(what, "a variant that is not supported"))
        }
        _ => corrupt(format),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), coded);
    reader.limits(limits.for_decoder(format));
    let mut decoder = reader.into_decoder().map_err(rejection)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(no_pixels(width, height));
    }
    if u64::from(width) * u64::from(height) > limits.pixels() {
        return Err(too_large(format!("{width} x {height} pixels")));
    }
    // An image with corrupt EXIF data can still be decoded.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let pixels = DynamicImage::from_decoder(decoder).map_err(rejection)?;
    Ok(Decoded { pixels, format, orientation })
}

/// Returns the rejection of an image of which one side is 0.
pub(super) fn no_pixels(width: u32, height: u32) -> Rejection {
    Rejection::new(Expected::new("an image with at least one pixel", format_args!("{width} x {height} pixels")))
}

fn corrupt(format: ImageFormat) -> Rejection {
    Rejection::new(Expected::new(format_args!("a valid {format} image"), "one that is corrupt or truncated"))
}

/// Detects the format of a file.
fn detect(bytes: &[u8]) -> Option<(ImageFormat, ::image::ImageFormat)> {
    let coded = ::image::guess_format(bytes).ok()?;
    let format = match coded {
        ::image::ImageFormat::Png => ImageFormat::Png,
        ::image::ImageFormat::Jpeg => ImageFormat::Jpeg,
        ::image::ImageFormat::WebP => ImageFormat::WebP,
        ::image::ImageFormat::Bmp => ImageFormat::Bmp,
        ::image::ImageFormat::Gif => ImageFormat::Gif,
        ::image::ImageFormat::Tiff => ImageFormat::Tiff,
        _ => return None,
    };
    Some((format, coded))
}
