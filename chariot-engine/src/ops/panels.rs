//! [`Panels`]: a matrix of F32 as products read it. `linear`, `attention` and `kv_cache` make them. The only `unsafe` of the room is a hint
//! to the processor.

use pulp::Simd;

use super::product::{Matrix, Product, Rows, Start, Sums, Tile, Tiles, panel_width};

/// The numbers in a cache line.
const IN_LINE: usize = 16;

/// A matrix `[depth, width]`, laid out in panels: as many columns as fit into two vectors, row by row. The columns that
/// the last panel has too many are 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Panels {
    values: Vec<f32>,
    depth: usize,
    width: usize,
    /// The number of columns in a panel.
    in_panel: usize,
}

impl Panels {
    /// Lays out `scale` times a matrix whose element (row, column) is at `row * strides[0] + column * strides[1]`, in place
    /// of what was here.
    pub(super) fn fill(&mut self, size: [usize; 2], values: &[f32], strides: [usize; 2], scale: f32) {
        self.fill_for(panel_width(), size, values, strides, scale);
    }

    /// Makes a matrix of zeros.
    pub(super) fn zeros([depth, width]: [usize; 2]) -> Self {
        let in_panel = panel_width();
        Panels { values: vec![0.0; width.next_multiple_of(in_panel) * depth], depth, width, in_panel }
    }

    /// Writes a row.
    pub(super) fn set_row(&mut self, row: usize, values: &[f32]) {
        for (panel, values) in values.chunks(self.in_panel).enumerate() {
            self.values[(panel * self.depth + row) * self.in_panel..][..values.len()].copy_from_slice(values);
        }
    }

    /// Writes a column.
    pub(super) fn set_column(&mut self, column: usize, values: &[f32]) {
        let first = column / self.in_panel * self.depth * self.in_panel + column % self.in_panel;
        let to = self.values.iter_mut().skip(first).step_by(self.in_panel);
        to.zip(values).for_each(|(to, value)| *to = *value);
    }

    fn fill_for(
        &mut self,
        in_panel: usize,
        [depth, width]: [usize; 2],
        values: &[f32],
        strides: [usize; 2],
        scale: f32,
    ) {
        (self.depth, self.width, self.in_panel) = (depth, width, in_panel);
        self.values.clear();
        self.values.resize(width.div_ceil(in_panel) * in_panel * depth, 0.0);
        if depth == 0 {
            return;
        }
        for (index, panel) in self.values.chunks_exact_mut(in_panel * depth).enumerate() {
            let first = index * in_panel;
            let columns = in_panel.min(width - first);
            let values = &values[first * strides[1]..];
            if strides[1] == 1 {
                for (row, to) in panel.chunks_exact_mut(in_panel).enumerate() {
                    let from = &values[row * strides[0]..][..columns];
                    to.iter_mut().zip(from).for_each(|(to, value)| *to = scale * value);
                }
            } else {
                for column in 0..columns {
                    let from = &values[column * strides[1]..];
                    let to = panel[column..].iter_mut().step_by(in_panel);
                    to.enumerate().for_each(|(row, to)| *to = scale * from[row * strides[0]]);
                }
            }
        }
    }
}

impl Matrix for Panels {
    fn size(&self) -> [usize; 2] {
        [self.depth, self.width]
    }

    fn in_panel(&self) -> usize {
        self.in_panel
    }

    fn get(&self, row: usize, column: usize) -> f32 {
        self.values[(column / self.in_panel * self.depth + row) * self.in_panel + column % self.in_panel]
    }

    fn multiply_part(
        &self,
        panels: [usize; 2],
        count: usize,
        rows: Rows<'_>,
        (out, stride): (&mut [f32], usize),
        start: Start<'_>,
    ) {
        Product { matrix: self, panels, count, rows, out, stride, start }.compute();
    }
}

impl Tiles for Panels {
    fn depth_and_width(&self) -> [usize; 2] {
        self.size()
    }

    #[inline(always)]
    fn add<S: Simd, const ROWS: usize>(
        &self,
        simd: S,
        tile: Tile,
        rows: [&[f32]; ROWS],
        mut sums: [Sums<S>; ROWS],
    ) -> [Sums<S>; ROWS] {
        let depth = self.depth;
        let size = 2 * S::F32_LANES * depth;
        let (lines, _) = S::as_simd_f32s(&self.values[tile.panel * size..][..size]).0.as_chunks::<2>();
        let lines = &lines[..depth];
        // Each tile has a part of the next panel brought into the cache.
        let next = if tile.has_next { &self.values[(tile.panel + 1) * size..][..size] } else { &[] };
        let ahead = next.chunks(size.div_ceil(tile.count).max(1)).nth(tile.index).unwrap_or(&[]);
        let step = ahead.len().div_ceil(depth.max(1));
        for at in 0..depth {
            prefetch(ahead, at * step);
            if step > IN_LINE {
                prefetch(ahead, at * step + IN_LINE);
            }
            let [left, right] = lines[at];
            for row in 0..ROWS {
                let value = simd.splat_f32s(rows[row][at]);
                sums[row] =
                    [simd.mul_add_e_f32s(value, left, sums[row][0]), simd.mul_add_e_f32s(value, right, sums[row][1])];
            }
        }
        sums
    }
}

/// Has the cache line of a number brought into the cache, if there is such a number.
#[inline(always)]
#[allow(unsafe_code)]
fn prefetch(values: &[f32], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = values.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: it is a hint, which neither reads nor writes, about a number that exists.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::product::PanelWidth;
    use crate::ops::random::{Check, with_every_simd};

    /// Compares a product with the sums of its terms.
    struct Products;

    impl Check for Products {
        fn check<S: Simd>(simd: S) {
            let number = |at: usize| (at * 37 % 101) as f32 / 101.0 - 0.5;
            for [count, depth, width] in [[1, 1, 1], [2, 0, 3], [3, 5, 7], [5, 9, 33], [31, 40, 65], [100, 3, 32]] {
                // Rows lie apart, and so do those of the output; the matrix is transposed or not.
                let (row_stride, out_stride) = (depth + 2, width + 3);
                let rows: Vec<f32> = (0..count * row_stride).map(number).collect();
                let matrix: Vec<f32> = (0..depth * width).map(|at| number(at + 7)).collect();
                let bias: Vec<f32> = (0..width).map(|at| number(at + 11)).collect();
                for strides in [[width, 1], [1, depth.max(1)]] {
                    let mut panels = Panels::default();
                    panels.fill_for(simd.vectorize(PanelWidth), [depth, width], &matrix, strides, 2.0);
                    for (bias, output) in [(None, false), (Some(&*bias), false), (None, true), (Some(&*bias), true)] {
                        let mut out = vec![9.0; count * out_stride];
                        simd.vectorize(Product {
                            matrix: &panels,
                            panels: [0, panels.count()],
                            count,
                            rows: Rows { values: &rows, stride: row_stride },
                            out: &mut out,
                            stride: out_stride,
                            start: Start { bias, output },
                        });
                        for (at, got) in out.iter().enumerate() {
                            let (row, column) = (at / out_stride, at % out_stride);
                            let mut expected = if output || column >= width { 9.0 } else { 0.0 };
                            if column < width {
                                let terms = (0..depth).map(|term| {
                                    2.0 * rows[row * row_stride + term]
                                        * matrix[term * strides[0] + column * strides[1]]
                                });
                                expected += terms.sum::<f32>() + bias.map_or(0.0, |bias| bias[column]);
                            }
                            assert!((got - expected).abs() < 1e-5, "row {row}, column {column}: {got}, not {expected}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn products_are_right_with_every_set_of_vector_instructions() {
        with_every_simd::<Products>();
    }

    #[test]
    fn a_matrix_is_returned_as_it_was() {
        let matrix: Vec<f32> = (0..35).map(|at| at as f32).collect();
        let mut panels = Panels::default();
        panels.fill([5, 7], &matrix, [7, 1], 1.0);
        assert_eq!((panels.unpacked(), panels.size()), (matrix, [5, 7]));
    }

    #[test]
    fn rows_and_columns_are_written_where_they_are_read() {
        let (depth, width) = (3, 70);
        let number = |row: usize, column: usize| (row * width + column) as f32;
        let (mut by_row, mut by_column) = (Panels::zeros([depth, width]), Panels::zeros([depth, width]));
        for row in 0..depth {
            by_row.set_row(row, &(0..width).map(|column| number(row, column)).collect::<Vec<_>>());
        }
        for column in 0..width {
            by_column.set_column(column, &(0..depth).map(|row| number(row, column)).collect::<Vec<_>>());
        }
        let expected: Vec<f32> = (0..depth * width).map(|at| at as f32).collect();
        assert_eq!((by_row.unpacked(), by_column.unpacked()), (expected.clone(), expected));
    }
}
