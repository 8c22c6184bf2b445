//! Conversion of any image to 8 or 16 bits per channel, gray or color, without alpha. `Pixels` calls it.

use std::borrow::Cow;

use ::image::DynamicImage;

use super::{
    sample::Sample,
    view::{View, Window},
};

/// Converts a window of an image to one channel if the image is gray or `gray` is set, and to three channels otherwise.
/// Transparent pixels are blended with white. An image that has this form already is not copied.
pub(super) fn flatten<T: Sample>(image: &DynamicImage, window: Window, gray: bool) -> View<'_, T> {
    if let Some(values) = T::of_gray(image) {
        return View::new(values, image.width(), window, 1);
    }
    let size = (window.width, window.height);
    if let Some(values) = T::of_color(image) {
        let color = View::new(values, image.width(), window, 3);
        if !gray {
            return color;
        }
        let gray = color.rows().flat_map(|row| row.as_chunks::<3>().0).map(gray_of).collect();
        return View::of(gray, size, 1);
    }
    // The whole image would be converted to show a part of it.
    let part = part(image, window);
    let has_alpha = part.color().has_alpha();
    if !part.color().has_color() {
        let values = T::to_gray(&part, has_alpha);
        let values = if has_alpha { on_white::<T, 2, 1>(&values) } else { values };
        return View::of(values, size, 1);
    }
    let values = T::to_color(&part, has_alpha);
    let values = if has_alpha { on_white::<T, 4, 3>(&values) } else { values };
    if gray {
        return View::of(values.as_chunks::<3>().0.iter().map(gray_of).collect(), size, 1);
    }
    View::of(values, size, 3)
}

fn part(image: &DynamicImage, window: Window) -> Cow<'_, DynamicImage> {
    let Window { left, top, width, height } = window;
    if (width, height) == (image.width(), image.height()) {
        return Cow::Borrowed(image);
    }
    Cow::Owned(image.crop_imm(left, top, width, height))
}

/// Converts color to gray by Rec. 601 in fixed-point arithmetic with 16 fractional bits, rounded.
fn gray_of<T: Sample>(pixel: &[T; 3]) -> T {
    let [red, green, blue] = pixel.map(|value| u32::from(value.get()));
    T::from_u16(((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16) as u16)
}

/// Blends pixels of which the last value is alpha with white.
fn on_white<T: Sample, const WITH_ALPHA: usize, const COLORS: usize>(values: &[T]) -> Vec<T> {
    let max = u64::from(T::MAX);
    let mut blended = Vec::with_capacity(values.len() / WITH_ALPHA * COLORS);
    for pixel in values.as_chunks::<WITH_ALPHA>().0 {
        let alpha = u64::from(pixel[COLORS].get());
        blended.extend(pixel[..COLORS].iter().map(|value| {
            let sum = u64::from(value.get()) * alpha + max * (max - alpha);
            T::from_u16(((sum + max / 2) / max) as u16)
        }));
    }
    blended
}
