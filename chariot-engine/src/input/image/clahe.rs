//! Contrast-limited adaptive histogram equalization, with the results of OpenCV's `CLAHE`. `contrast` calls it.
//!
//! The image is divided into a grid of cells. Each cell has a table that maps its values so that all occur about equally
//! often, within a limit, and a pixel gets the values of the four nearest cells' tables, interpolated. OpenCV computes with
//! `f32` and rounds halves to even, and so does this.

use super::sample::Sample;

/// Equalizes each channel of pixels that are stored row by row, in place.
pub(super) fn equalize<T: Sample>(
    values: &mut [T],
    (width, height): (u32, u32),
    channels: usize,
    clip: f64,
    (columns, rows): (u32, u32),
) {
    let (width, height) = (width as usize, height as usize);
    let (columns, rows) = (columns as usize, rows as usize);
    // A size that is no multiple of the grid is extended in both directions, by a whole grid where it is a multiple.
    let is_whole = width.is_multiple_of(columns) && height.is_multiple_of(rows);
    let cell = |length: usize, of: usize| if is_whole { length / of } else { length / of + 1 };
    let (cell_width, cell_height) = (cell(width, columns), cell(height, rows));
    let (across, down) = (Neighbors::all(width, cell_width, columns), Neighbors::all(height, cell_height, rows));
    for channel in 0..channels {
        let at = |x: usize, y: usize| (y * width + x) * channels + channel;
        let mut tables = Vec::with_capacity(columns * rows);
        for cell in 0..columns * rows {
            let (left, top) = (cell % columns * cell_width, cell / columns * cell_height);
            let mut counts = vec![0_u32; usize::from(T::MAX) + 1];
            for y in top..top + cell_height {
                let y = mirrored(y, height);
                for x in left..left + cell_width {
                    counts[usize::from(values[at(mirrored(x, width), y)].get())] += 1;
                }
            }
            tables.push(table::<T>(counts, cell_width * cell_height, clip));
        }
        for (y, down) in down.iter().enumerate() {
            for (x, across) in across.iter().enumerate() {
                let value = &mut values[at(x, y)];
                let index = usize::from(value.get());
                let of = |row: usize, column: usize| f32::from(tables[row * columns + column][index]);
                let mixed = |row| of(row, across.first) * (1.0 - across.share) + of(row, across.second) * across.share;
                let new = mixed(down.first) * (1.0 - down.share) + mixed(down.second) * down.share;
                *value = rounded(new);
            }
        }
    }
}

/// The two nearest cells of a row or a column, and the share of the second one.
struct Neighbors {
    first: usize,
    second: usize,
    share: f32,
}

impl Neighbors {
    /// Returns the neighbors of each pixel of a row or a column with `cells` cells of this length.
    fn all(length: usize, cell: usize, cells: usize) -> Vec<Self> {
        let inverse = 1.0 / cell as f32;
        let of = |at: usize| {
            let position = at as f32 * inverse - 0.5;
            let before = position.floor();
            let first = (before.max(0.0) as usize).min(cells - 1);
            let second = ((before + 1.0) as usize).min(cells - 1);
            Neighbors { first, second, share: position - before }
        };
        (0..length).map(of).collect()
    }
}

/// Returns the new value of each value of a cell, from the numbers of its values.
fn table<T: Sample>(mut counts: Vec<u32>, pixels: usize, clip: f64) -> Vec<u16> {
    let values = counts.len();
    if clip > 0.0 {
        let limit = ((clip * pixels as f64 / values as f64) as u32).max(1);
        let mut clipped = 0;
        for count in &mut counts {
            clipped += count.saturating_sub(limit) as usize;
            *count = (*count).min(limit);
        }
        // What is above the limit is spread over all values, and the rest of the division over values at equal distances.
        let (each, rest) = ((clipped / values) as u32, clipped % values);
        counts.iter_mut().for_each(|count| *count += each);
        // No more than `rest` of them, so none if it is 0.
        let step = (values / rest.max(1)).max(1);
        counts.iter_mut().step_by(step).take(rest).for_each(|count| *count += 1);
    }
    let scale = f32::from(T::MAX) / pixels as f32;
    let mut sum = 0_u32;
    let cumulative = counts.into_iter().map(|count| {
        sum += count;
        rounded::<T>(sum as f32 * scale).get()
    });
    cumulative.collect()
}

fn rounded<T: Sample>(value: f32) -> T {
    T::from_u16(value.round_ties_even().clamp(0.0, f32::from(T::MAX)) as u16)
}

/// Returns the pixel that stands in for one beyond the end: mirrored at the last one, which is not repeated.
fn mirrored(at: usize, length: usize) -> usize {
    if at < length || length == 1 {
        return at.min(length - 1);
    }
    let period = 2 * (length - 1);
    let at = at % period;
    at.min(period - at)
}
