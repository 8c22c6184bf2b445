//! [`Panels`]: a matrix as products read it, and the product of rows with it, for the widest vectors of the processor.
//! `linear` and `attention` call it, and `quantized` has another [`Matrix`]. The only `unsafe` of the room is a hint to the processor.

use std::array;

use pulp::{Arch, Simd, WithSimd};

/// The memory, in numbers, that the rows of a block take. They are read once per panel, so they are to stay in the cache.
pub(super) const BLOCK: usize = 1 << 16;

/// The numbers in a cache line.
const IN_LINE: usize = 16;

/// Rows of numbers in a slice, whose beginnings are `stride` apart.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
}

/// The numbers that a product is added to.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    /// A number for each column.
    pub(super) bias: Option<&'a [f32]>,
    /// Says that the product is added to the numbers in the output.
    pub(super) output: bool,
}

/// A matrix `[depth, width]` that is laid out in panels of columns.
pub(super) trait Matrix: Sync {
    /// Returns the size, `[depth, width]`.
    fn size(&self) -> [usize; 2];

    /// Returns the number of columns in a panel.
    fn in_panel(&self) -> usize;

    /// Returns an element.
    fn get(&self, row: usize, column: usize) -> f32;

    /// Writes as much of the product of `count` rows with the matrix as some of the panels make, to rows of an output that
    /// are `stride` apart. `out` begins with the first column of the first panel.
    fn multiply_part(
        &self,
        panels: [usize; 2],
        count: usize,
        rows: Rows<'_>,
        out: (&mut [f32], usize),
        start: Start<'_>,
    );

    /// Writes the product of `count` rows with the matrix to rows of an output, which are `stride` apart.
    fn multiply(&self, count: usize, rows: Rows<'_>, out: (&mut [f32], usize), start: Start<'_>) {
        self.multiply_part([0, self.count()], count, rows, out, start);
    }

    /// Returns the number of panels.
    fn count(&self) -> usize {
        self.size()[1].div_ceil(self.in_panel())
    }

    /// Returns the columns that some panels have.
    fn columns(&self, [first, end]: [usize; 2]) -> [usize; 2] {
        [first, end].map(|panel| (panel * self.in_panel()).min(self.size()[1]))
    }

    /// Returns the matrix, row by row.
    fn unpacked(&self) -> Vec<f32> {
        let [depth, width] = self.size();
        (0..depth).flat_map(|row| (0..width).map(move |column| self.get(row, column))).collect()
    }
}

/// A matrix `[depth, width]`, laid out in panels: as many columns as fit into two vectors, row by row. The columns that
/// the last panel has too many are 0.
#[derive(Debug, Default)]
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
        self.fill_for(Arch::new().dispatch(PanelWidth), size, values, strides, scale);
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
        Arch::new().dispatch(Product { matrix: self, panels, count, rows, out, stride, start });
    }
}

/// Computes the number of columns in a panel.
pub(super) struct PanelWidth;

impl WithSimd for PanelWidth {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        2 * S::F32_LANES
    }
}

struct Product<'a> {
    matrix: &'a Panels,
    panels: [usize; 2],
    count: usize,
    rows: Rows<'a>,
    out: &'a mut [f32],
    stride: usize,
    start: Start<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { matrix, panels: [first, end], count, rows, out, stride, start } = self;
        let &Panels { ref values, depth, width, .. } = matrix;
        let in_panel = 2 * S::F32_LANES;
        let in_block = (BLOCK / depth.max(1)).next_multiple_of(24).max(24);
        for block in (0..count).step_by(in_block) {
            let end_of_block = count.min(block + in_block);
            for panel in first..end {
                let column = panel * in_panel;
                let columns = in_panel.min(width - column);
                let bias = start.bias.map_or([simd.splat_f32s(0.0); 2], |bias| load(simd, &bias[column..][..columns]));
                // Each tile has a part of the next panel brought into the cache.
                let next =
                    if panel + 1 < end { &values[(panel + 1) * in_panel * depth..][..in_panel * depth] } else { &[] };
                let panel = &values[panel * in_panel * depth..][..in_panel * depth];
                let mut parts = next.chunks(next.len().div_ceil((end_of_block - block).div_ceil(8)).max(1));
                let mut row = block;
                // The sums of a tile are to fill the registers.
                macro_rules! tiles {
                    ($($rows:literal),*) => {$(
                        while end_of_block - row >= $rows {
                            let rows = Rows { values: &rows.values[row * rows.stride..], ..rows };
                            let out = &mut out[row * stride + column - first * in_panel..];
                            let ahead = parts.next().unwrap_or(&[]);
                            tile::<S, $rows>(simd, [panel, ahead], depth, rows, (out, stride), columns, bias, start.output);
                            row += $rows;
                        }
                    )*};
                }
                if S::REGISTER_COUNT >= 32 {
                    tiles!(8);
                }
                tiles!(6, 4, 2, 1);
            }
        }
    }
}

/// Writes the product of some rows with a panel.
#[inline(always)]
#[expect(clippy::too_many_arguments)]
fn tile<S: Simd, const ROWS: usize>(
    simd: S,
    [panel, ahead]: [&[f32]; 2],
    depth: usize,
    rows: Rows<'_>,
    (out, stride): (&mut [f32], usize),
    columns: usize,
    bias: [S::f32s; 2],
    add: bool,
) {
    let rows: [&[f32]; ROWS] = array::from_fn(|row| &rows.values[row * rows.stride..][..depth]);
    let (lines, _) = S::as_simd_f32s(panel).0.as_chunks::<2>();
    let lines = &lines[..depth];
    let mut sums = [bias; ROWS];
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
    for row in 0..ROWS {
        let out = &mut out[row * stride..][..columns];
        if add {
            let [left, right] = load(simd, out);
            sums[row] = [simd.add_f32s(sums[row][0], left), simd.add_f32s(sums[row][1], right)];
        }
        store(simd, out, sums[row]);
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

/// Loads two vectors, or less.
#[inline(always)]
pub(super) fn load<S: Simd>(simd: S, values: &[f32]) -> [S::f32s; 2] {
    if let [first, second] = S::as_simd_f32s(values).0 {
        return [*first, *second];
    }
    let (left, right) = values.split_at(S::F32_LANES.min(values.len()));
    [simd.partial_load_f32s(left), simd.partial_load_f32s(right)]
}

/// Stores two vectors, or less.
#[inline(always)]
pub(super) fn store<S: Simd>(simd: S, to: &mut [f32], [first, second]: [S::f32s; 2]) {
    if let [to_first, to_second] = S::as_mut_simd_f32s(to).0 {
        (*to_first, *to_second) = (first, second);
        return;
    }
    let (left, right) = to.split_at_mut(S::F32_LANES.min(to.len()));
    simd.partial_store_f32s(left, first);
    simd.partial_store_f32s(right, second);
}

#[cfg(test)]
mod tests {
    use super::*;
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
}
