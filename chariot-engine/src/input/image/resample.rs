//! Resizing of a view to its place within the size that a model reads. `Pixels` calls it.

use fast_image_resize as resizing;

use super::{area, geometry::Plan, options::Filter, sample::Sample, view::View};
use crate::error::Result;

/// Resizes a part of a view (left, top, width and height, within its window) to a size. Only pixels of the window are read. A
/// view that has the size already is not filtered.
pub(super) fn resample<'a, T: Sample>(
    view: View<'a, T>,
    part: (f64, f64, f64, f64),
    (width, height): (u32, u32),
    filter: Filter,
) -> Result<View<'a, T>> {
    let window = view.window;
    if part == (0.0, 0.0, width.into(), height.into()) && (width, height) == (window.width, window.height) {
        return Ok(view);
    }
    let Some(algorithm) = filter.algorithm() else {
        return Ok(View::of(area::resize(&view, part, (width, height)), (width, height), view.channels));
    };
    let kind = T::pixel_type(view.channels);
    let (stored, stored_width) = view.stored();
    let stored_height = (stored.len() / view.channels / stored_width.max(1) as usize) as u32;
    let source = resizing::images::ImageRef::new(stored_width, stored_height, bytemuck::cast_slice(stored), kind)?;
    let source = resizing::images::CroppedImage::new(&source, window.left, window.top, window.width, window.height)?;
    let mut values = vec![T::default(); width as usize * height as usize * view.channels];
    let mut target =
        resizing::images::Image::from_slice_u8(width, height, bytemuck::cast_slice_mut(&mut values), kind)?;
    let (x, y, part_width, part_height) = part;
    let options = resizing::ResizeOptions::new().resize_alg(algorithm).crop(x, y, part_width, part_height);
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
