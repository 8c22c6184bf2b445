//! Resizing by area: a pixel of the result is the mean of the part of the image that it covers, in which a pixel at the edge
//! counts by its covered share. When an image shrinks, it is OpenCV's `INTER_AREA`. `resample` calls it.

use super::{sample::Sample, view::View};

/// Resizes a part of a view (left, top, width and height, within its window) to a size.
pub(super) fn resize<T: Sample>(
    view: &View<'_, T>,
    (left, top, part_width, part_height): (f64, f64, f64, f64),
    (width, height): (u32, u32),
) -> Vec<T> {
    let channels = view.channels;
    let columns = spans(left, part_width, width, view.window.width);
    let rows: Vec<&[T]> = view.rows().collect();
    let mut sums = vec![0.0_f32; view.window.width as usize * channels];
    let mut values = Vec::with_capacity(columns.len() * height as usize * channels);
    for span in spans(top, part_height, height, view.window.height) {
        sums.fill(0.0);
        for (row, weight) in rows[span.first..].iter().zip(&span.weights) {
            for (sum, value) in sums.iter_mut().zip(*row) {
                *sum += f32::from(value.get()) * weight;
            }
        }
        for span in &columns {
            let pixels = sums[span.first * channels..].chunks_exact(channels);
            for channel in 0..channels {
                let weighted = pixels.clone().zip(&span.weights).map(|(pixel, weight)| pixel[channel] * weight);
                let mean: f32 = weighted.sum();
                values.push(T::from_u16(mean.round_ties_even().clamp(0.0, f32::from(T::MAX)) as u16));
            }
        }
    }
    values
}

/// The rows or columns that become one, and the share of each.
struct Span {
    first: usize,
    weights: Vec<f32>,
}

/// Divides a part of the rows or columns, of which there are `most`, into `count` spans of equal length.
fn spans(start: f64, length: f64, count: u32, most: u32) -> Vec<Span> {
    let of = |index: u32| {
        let edge = |index: u32| start + length * f64::from(index) / f64::from(count);
        let (from, to) = (edge(index), edge(index + 1));
        let first = (from.floor() as usize).min(most as usize - 1);
        let end = (to.ceil() as usize).clamp(first + 1, most as usize);
        let share = |at: usize| (to.min(at as f64 + 1.0) - from.max(at as f64)).max(0.0) / (to - from);
        let weights = if end - first == 1 { vec![1.0] } else { (first..end).map(|at| share(at) as f32).collect() };
        Span { first, weights }
    };
    (0..count).map(of).collect()
}
