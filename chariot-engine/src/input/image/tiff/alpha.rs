//! Straight alpha from premultiplied alpha. `decode` calls it for a file that states premultiplied alpha, because the
//! decoder passes its values on as they are.

use ::image::DynamicImage;

/// Divides the colors by alpha. Pixels that are fully transparent become black.
pub(in super::super) fn straighten(image: &mut DynamicImage) {
    match image {
        DynamicImage::ImageRgba8(pixels) => divide(pixels, |value, alpha| {
            let (value, alpha) = (u32::from(value), u32::from(alpha));
            ((value * 255 + alpha / 2) / alpha).min(255) as u8
        }),
        DynamicImage::ImageRgba16(pixels) => divide(pixels, |value, alpha| {
            let (value, alpha) = (u64::from(value), u64::from(alpha));
            ((value * 65535 + alpha / 2) / alpha).min(65535) as u16
        }),
        DynamicImage::ImageRgba32F(pixels) => divide(pixels, |value, alpha| value / alpha),
        _ => {}
    }
}

fn divide<T: Copy + Default + PartialEq>(pixels: &mut [T], quotient: impl Fn(T, T) -> T) {
    let none = T::default();
    for [colors @ .., alpha] in pixels.as_chunks_mut::<4>().0 {
        for color in colors {
            *color = if *alpha == none { none } else { quotient(*color, *alpha) };
        }
    }
}
