//! Resizing to the nearest pixels. `resample` calls it.

use super::{sample::Sample, turn::Turn, view::View};

/// Resizes a part of a view (left, top, width and height, within its window) to a size. Where two pixels are equally near, it
/// is the one further right and below in the image as it stands upright.
pub(super) fn resize<T: Sample>(
    view: &View<'_, T>,
    (left, top, part_width, part_height): (f64, f64, f64, f64),
    (width, height): (u32, u32),
    turn: Turn,
) -> Vec<T> {
    let channels = view.channels;
    let columns: Vec<usize> = pixels((left, part_width), width, view.window.width, turn.mirrors_x).collect();
    let mut values = Vec::with_capacity(width as usize * height as usize * channels);
    for y in pixels((top, part_height), height, view.window.height, turn.mirrors_y) {
        let row = view.row(y);
        columns.iter().for_each(|x| values.extend_from_slice(&row[x * channels..][..channels]));
    }
    values
}

/// Returns the nearest of `most` rows or columns for each of `count` that are evenly spread over a part of them.
fn pixels((start, length): (f64, f64), count: u32, most: u32, is_mirrored: bool) -> impl Iterator<Item = usize> {
    let first = if is_mirrored { f64::from(most) - start - length } else { start };
    let (step, last) = (length / f64::from(count), most as usize - 1);
    // More than rounding takes away, so that rounding does not choose between two pixels that are equally near.
    let at = move |index: u32| ((first + step * (f64::from(index) + 0.5) + 1e-9) as usize).min(last);
    (0..count).map(move |index| if is_mirrored { last - at(count - 1 - index) } else { at(index) })
}
