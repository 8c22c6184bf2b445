//! Decoding of the bytes of a file within limits. `decoded` calls it.

use std::io::Cursor;

use ::image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, metadata::Orientation};

use super::{
    bmp,
    fault::Fault,
    foreign,
    format::ImageFormat,
    jpeg,
    limits::{ImageLimits, MAX_SIDE, OVERHEAD},
    tiff, webp,
};
use crate::{
    error::{Expected, Rejection},
    protocol::Meter,
    telemetry,
};

/// A decoded file.
pub(super) struct Decoded {
    pub(super) pixels: DynamicImage,
    pub(super) format: ImageFormat,
    pub(super) orientation: Orientation,
}

/// Decodes a file by its content. `encoding` describes the form in which the caller sent it: `base64-encoded `, or empty.
/// Reserves the memory that the decoder takes at most.
pub(super) fn decode(
    bytes: &[u8],
    limits: &ImageLimits,
    encoding: &str,
    meter: &Meter<'_>,
) -> Result<Decoded, Rejection> {
    let Some(format) = detect(bytes) else {
        let what = format_args!("a {encoding}PNG, JPEG, WebP, BMP, GIF or TIFF image");
        return Err(Rejection::new(match foreign::name(bytes) {
            Some(name) => Expected::new(what, format_args!("{name}, which is not supported")).to_string(),
            None if bytes.is_empty() => Expected::new(what, "no data").to_string(),
            None => Expected::new(what, "data in none of these formats").to_string(),
        }));
    };
    let (pixels, orientation) = guarded(format, || match format {
        ImageFormat::Jpeg => jpeg::decode(bytes, limits.pixels(), |width, height, memory| {
            check_size(width, height, limits)?;
            reserve(meter, memory)
        }),
        _ => decode_by_crate(bytes, format, limits, meter),
    })?;
    Ok(Decoded { pixels, format, orientation })
}

/// Runs a decoder. A panic of it is the fault of the file, as any other error of it is.
pub(super) fn guarded<T>(format: ImageFormat, decode: impl FnOnce() -> Result<T, Fault>) -> Result<T, Rejection> {
    let fault = match telemetry::catch(decode) {
        Ok(Ok(decoded)) => return Ok(decoded),
        Ok(Err(fault)) => fault,
        Err(panic) => {
            tracing::warn!("the decoder of {format} files panicked, and the file was rejected as corrupt: {panic}");
            Fault::Corrupt
        }
    };
    Err(fault.rejection(format))
}

/// Decodes a file of a format other than JPEG with the crate `image`.
fn decode_by_crate(
    bytes: &[u8],
    format: ImageFormat,
    limits: &ImageLimits,
    meter: &Meter<'_>,
) -> Result<(DynamicImage, Orientation), Fault> {
    let mut checked = tiff::Checked { alpha: tiff::Alpha::Straight, has_jpegs: false };
    let coded = match format {
        ImageFormat::Jpeg => ::image::ImageFormat::Jpeg,
        ImageFormat::Png => ::image::ImageFormat::Png,
        ImageFormat::Bmp => {
            bmp::check(bytes)?;
            ::image::ImageFormat::Bmp
        }
        ImageFormat::Gif => ::image::ImageFormat::Gif,
        ImageFormat::WebP => {
            webp::check(bytes)?;
            ::image::ImageFormat::WebP
        }
        ImageFormat::Tiff => {
            checked = tiff::check(bytes)?;
            ::image::ImageFormat::Tiff
        }
    };
    let fault = |error: ImageError| match error {
        ImageError::Limits(_) => {
            Fault::TooLarge { max_pixels: limits.pixels(), got: format!("a {format} image that needs more memory") }
        }
        ImageError::Unsupported(_) => Fault::unsupported("of another variant"),
        _ => Fault::Corrupt,
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), coded);
    reader.limits(limits.for_decoder(format, bytes.len()));
    let mut decoder = reader.into_decoder().map_err(fault)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height, limits)?;
    let memory = peak(format, &decoder, bytes.len(), checked.has_jpegs);
    reserve(meter, memory)?;
    if format == ImageFormat::Gif {
        // A frame may be larger than the image.
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(memory - decoder.total_bytes());
        decoder.set_limits(limits).map_err(fault)?;
    }
    let orientation = orientation(&mut decoder);
    let mut pixels = DynamicImage::from_decoder(decoder).map_err(fault)?;
    if checked.alpha == tiff::Alpha::Premultiplied {
        tiff::straighten(&mut pixels);
    }
    Ok((pixels, orientation))
}

/// Returns the most memory that decoding takes, with the result: measured for each decoder.
fn peak(format: ImageFormat, decoder: &impl ImageDecoder, length: usize, has_jpegs: bool) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let (image, length) = (decoder.total_bytes(), length as u64);
    let row = image / u64::from(height.max(1));
    let more = match format {
        // A frame beside the image, if it is of another size.
        ImageFormat::Gif => pixels * 4,
        // All strips or tiles beside the image, in four colors, and the JPEG that is being decoded.
        ImageFormat::Tiff => image + image / 3 + if has_jpegs { image } else { 0 },
        // The planes or the colors of a frame, its alpha, and the file without its container.
        ImageFormat::WebP => pixels * 8 + length,
        ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::Bmp => row * 4,
    };
    // A color profile is a part of the file, compressed or not.
    image + more + OVERHEAD.min((64 << 10) + length * 64)
}

fn reserve(meter: &Meter<'_>, bytes: u64) -> Result<(), Fault> {
    meter.read(usize::try_from(bytes).unwrap_or(usize::MAX)).map_err(|_| Fault::OverBudget)
}

fn check_size(width: u32, height: u32, limits: &ImageLimits) -> Result<(), Fault> {
    if width == 0 || height == 0 {
        return Err(Fault::NoPixels { width, height });
    }
    if width.max(height) > MAX_SIDE {
        return Err(Fault::TooLong { width, height });
    }
    if u64::from(width) * u64::from(height) > limits.pixels() {
        return Err(Fault::TooLarge { max_pixels: limits.pixels(), got: format!("{width} x {height} pixels") });
    }
    Ok(())
}

/// Returns the orientation of an image. One with corrupt EXIF data can still be decoded.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    // Some encoders write the head of a JPEG's EXIF segment into other formats too.
    let exif = decoder.exif_metadata().ok().flatten();
    let headed = exif.as_deref().and_then(|exif| exif.strip_prefix(b"Exif\0\0"));
    match headed {
        Some(exif) => Orientation::from_exif_chunk(exif),
        None => decoder.orientation().ok(),
    }
    .unwrap_or(Orientation::NoTransforms)
}

/// Detects the format of a file.
fn detect(bytes: &[u8]) -> Option<ImageFormat> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        [b'B', b'M', ..] => Some(ImageFormat::Bmp),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(ImageFormat::Gif),
        [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => Some(ImageFormat::Tiff),
        _ => None,
    }
}
