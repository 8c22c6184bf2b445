//! Resizing of a view to its place within the size that a model reads. `Pixels` calls it.

use fast_image_resize::{self as resizing, FilterType, ResizeAlg};

use super::{area, geometry::Plan, nearest, options::Filter, sample::Sample, turn::Turn, view::View};
use crate::error::Result;

/// Resizes a part of a view (left, top, width and height, within its window) to a size. Only pixels of the window are read. A
/// view that has the size already is not filtered. The view is turned later, which decides between two nearest pixels.
pub(super) fn resample<'a, T: Sample>(
    view: View<'a, T>,
    part: (f64, f64, f64, f64),
    (width, height): (u32, u32),
    filter: Filter,
    turn: Turn,
) -> Result<View<'a, T>> {
    let window = view.window;
    if part == (0.0, 0.0, width.into(), height.into()) && (width, height) == (window.width, window.height) {
        return Ok(view);
    }
    let algorithm = match filter {
        Filter::Nearest => {
            return Ok(View::of(nearest::resize(&view, part, (width, height), turn), (width, height), view.channels));
        }
        Filter::Area => {
            return Ok(View::of(area::resize(&view, part, (width, height)), (width, height), view.channels));
        }
        Filter::Bilinear => FilterType::Bilinear,
        Filter::Bicubic => FilterType::CatmullRom,
        Filter::Lanczos => FilterType::Lanczos3,
    };
    // One direction after the other. The crate can do both at once, but where the first weights are 0 it then counts pixels from
    // below the first one. Values are rounded and clamped in between, so the order is that of the upright image: its pixels of 8
    // bits are resized down first, and those of 16 bits across, as the crate does.
    let (left, top, part_width, part_height) = part;
    if turn.swaps == (T::MAX == u16::from(u8::MAX)) {
        let (from, rows) = reach((top, part_height), height, window.height);
        let part = (left, from.into(), part_width, rows.into());
        let view = convolve(&view, part, (width, rows), algorithm)?;
        return convolve(&view, (0.0, top - f64::from(from), width.into(), part_height), (width, height), algorithm);
    }
    let (from, columns) = reach((left, part_width), width, window.width);
    let part = (from.into(), top, columns.into(), part_height);
    let view = convolve(&view, part, (columns, height), algorithm)?;
    convolve(&view, (left - f64::from(from), 0.0, part_width, height.into()), (width, height), algorithm)
}

/// Returns the first of `most` rows or columns that a filter reads to resize a part of them to `count`, and their number.
fn reach((start, length): (f64, f64), count: u32, most: u32) -> (u32, u32) {
    // That of Lanczos, which reaches farthest.
    let reach = 3.0 * (length / f64::from(count)).max(1.0) + 1.0;
    let first = (start - reach).max(0.0) as u32;
    let end = (start + length + reach).ceil().min(most.into()) as u32;
    (first, end - first)
}

/// Resizes a part of a view to a size.
fn convolve<'a, T: Sample>(
    view: &View<'_, T>,
    (left, top, part_width, part_height): (f64, f64, f64, f64),
    (width, height): (u32, u32),
    algorithm: FilterType,
) -> Result<View<'a, T>> {
    let (window, kind) = (view.window, T::pixel_type(view.channels));
    let (stored, stored_width) = view.stored();
    let stored_height = (stored.len() / view.channels / stored_width.max(1) as usize) as u32;
    let source = resizing::images::ImageRef::new(stored_width, stored_height, bytemuck::cast_slice(stored), kind)?;
    let source = resizing::images::CroppedImage::new(&source, window.left, window.top, window.width, window.height)?;
    let mut values = vec![T::default(); width as usize * height as usize * view.channels];
    let mut target =
        resizing::images::Image::from_slice_u8(width, height, bytemuck::cast_slice_mut(&mut values), kind)?;
    let options = resizing::ResizeOptions::new().resize_alg(ResizeAlg::Convolution(algorithm));
    // Rounding must not lead out of the window.
    let (most_across, most_down) = (f64::from(window.width) - left, f64::from(window.height) - top);
    let options = options.crop(left, top, part_width.min(most_across), part_height.min(most_down));
    resizing::Resizer::new().resize(&source, &mut target, &options)?;
    drop(target);
    Ok(View::of(values, (width, height), view.channels))
}

/// Returns all pixels of the size: those of the view at their planned position, and `pad` around them.
pub(super) fn framed<'a, T: Sample>(view: View<'a, T>, plan: &Plan, size: (u32, u32), pad: T) -> View<'a, T> {
    let (left, top, width, height) = plan.target;
    if (width, height) == size {
        return view;
    }
    let row = size.0 as usize * view.channels;
    let start = left as usize * view.channels;
    let mut values = vec![pad; row * size.1 as usize];
    for (to, from) in values.chunks_exact_mut(row).skip(top as usize).zip(view.rows()) {
        to[start..start + from.len()].copy_from_slice(from);
    }
    View::of(values, size, view.channels)
}
