//! Conversion of any image to 8 bits per channel, gray or color, without alpha.

use std::borrow::Cow;

use ::image::DynamicImage;

/// Pixels row by row, with one channel (gray) or three (red, green, blue).
pub(super) struct Flat<'a> {
    pub(super) values: Cow<'a, [u8]>,
    pub(super) channels: usize,
}

/// Converts an image to one channel if it is gray or `gray` is set, and to three channels otherwise. Transparent pixels
/// are blended with white.
pub(super) fn flatten(image: &DynamicImage, gray: bool) -> Flat<'_> {
    let one = |values| Flat { values, channels: 1 };
    let three = |values| Flat { values, channels: 3 };
    match image {
        DynamicImage::ImageLuma8(pixels) => one(Cow::Borrowed(pixels.as_raw())),
        DynamicImage::ImageLuma16(_) => one(Cow::Owned(image.to_luma8().into_raw())),
        DynamicImage::ImageLumaA8(pixels) => one(on_white(pixels.as_raw())),
        DynamicImage::ImageLumaA16(_) => one(on_white(&image.to_luma_alpha8())),
        DynamicImage::ImageRgb8(pixels) if gray => one(to_gray(pixels.as_raw())),
        DynamicImage::ImageRgb8(pixels) => three(Cow::Borrowed(pixels.as_raw())),
        _ => {
            let values = match image {
                DynamicImage::ImageRgba8(pixels) => on_white_three(pixels.as_raw()),
                _ if image.color().has_alpha() => on_white_three(&image.to_rgba8()),
                _ => Cow::Owned(image.to_rgb8().into_raw()),
            };
            if gray { one(to_gray(&values)) } else { three(values) }
        }
    }
}

/// Converts color to gray by Rec. 601 in fixed-point arithmetic with 16 fractional bits, rounded.
fn to_gray(values: &[u8]) -> Cow<'static, [u8]> {
    let gray = |pixel: &[u8; 3]| {
        let [red, green, blue] = pixel.map(u32::from);
        ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16) as u8
    };
    values.as_chunks::<3>().0.iter().map(gray).collect()
}

/// Blends gray pixels with white.
fn on_white(values: &[u8]) -> Cow<'static, [u8]> {
    values.as_chunks::<2>().0.iter().map(|[gray, alpha]| blend(*gray, *alpha)).collect()
}

/// Blends color pixels with white.
fn on_white_three(values: &[u8]) -> Cow<'static, [u8]> {
    let pixels = values.as_chunks::<4>().0.iter();
    pixels.flat_map(|[red, green, blue, alpha]| [*red, *green, *blue].map(|value| blend(value, *alpha))).collect()
}

fn blend(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}
