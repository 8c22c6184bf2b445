//! The product of rows with a [`Matrix`] in panels, for the widest vectors of the processor: blocks of rows, panels, and tiles
//! of rows whose sums fill the registers. `panels` and `quantized` have the matrices; `linear` and `attention` multiply.

use std::array;

use pulp::{Arch, Simd, WithSimd};

/// The memory, in numbers, that the rows of a block take. They are read once per panel, so they are to stay in the cache.
const BLOCK: usize = 1 << 16;

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

/// A matrix `[depth, width]` that is laid out in panels: as many columns as fit into two vectors, row by row.
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

/// Returns the number of columns in a panel: those of two of the widest vectors.
pub(super) fn panel_width() -> usize {
    Arch::new().dispatch(PanelWidth)
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

/// The sums of a row and the columns of a panel.
pub(super) type Sums<S> = [<S as Simd>::f32s; 2];

/// A matrix whose product with the rows of a tile is computed in registers.
pub(super) trait Tiles {
    /// Returns the depth and the width of the matrix.
    fn depth_and_width(&self) -> [usize; 2];

    /// Adds the products of some rows, each as long as the depth, with a panel to sums.
    fn add<S: Simd, const ROWS: usize>(
        &self,
        simd: S,
        tile: Tile,
        rows: [&[f32]; ROWS],
        sums: [Sums<S>; ROWS],
    ) -> [Sums<S>; ROWS];
}

/// The place of a tile.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) panel: usize,
    /// Set if the panel after this one follows.
    pub(super) has_next: bool,
    /// The index of its first row among all rows.
    pub(super) row: usize,
    /// Its index among the tiles of a panel, and their number at most.
    pub(super) index: usize,
    pub(super) count: usize,
}

/// The product of rows with some panels of a matrix.
pub(super) struct Product<'a, T> {
    pub(super) matrix: &'a T,
    pub(super) panels: [usize; 2],
    pub(super) count: usize,
    pub(super) rows: Rows<'a>,
    /// Rows that are `stride` apart, which begin with the first column of the first panel.
    pub(super) out: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) start: Start<'a>,
}

impl<T: Tiles> Product<'_, T> {
    /// Computes the product.
    pub(super) fn compute(self) {
        Arch::new().dispatch(self);
    }
}

impl<T: Tiles> WithSimd for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { matrix, panels: [first, end], count, rows, out, stride, start } = self;
        let [depth, width] = matrix.depth_and_width();
        let in_panel = 2 * S::F32_LANES;
        let in_block = (BLOCK / depth.max(1)).next_multiple_of(24).max(24);
        for block in (0..count).step_by(in_block) {
            let end_of_block = count.min(block + in_block);
            for panel in first..end {
                let column = panel * in_panel;
                let columns = in_panel.min(width - column);
                let bias = start.bias.map_or([simd.splat_f32s(0.0); 2], |bias| load(simd, &bias[column..][..columns]));
                let tiles = (end_of_block - block).div_ceil(8);
                let mut tile = Tile { panel, has_next: panel + 1 < end, row: block, index: 0, count: tiles };
                // The sums of a tile are to fill the registers.
                macro_rules! tiles {
                    ($($rows:literal),*) => {$(
                        while end_of_block - tile.row >= $rows {
                            let of_tile: [&[f32]; $rows] =
                                array::from_fn(|row| &rows.values[(tile.row + row) * rows.stride..][..depth]);
                            let sums = matrix.add::<S, $rows>(simd, tile, of_tile, [bias; $rows]);
                            let out = &mut out[tile.row * stride + column - first * in_panel..];
                            write::<S, $rows>(simd, sums, (out, stride), columns, start.output);
                            (tile.row, tile.index) = (tile.row + $rows, tile.index + 1);
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

/// Writes the sums of a tile to the output, or adds them to it.
#[inline(always)]
fn write<S: Simd, const ROWS: usize>(
    simd: S,
    sums: [Sums<S>; ROWS],
    (out, stride): (&mut [f32], usize),
    columns: usize,
    add: bool,
) {
    for (row, mut sums) in sums.into_iter().enumerate() {
        let out = &mut out[row * stride..][..columns];
        if add {
            let [left, right] = load(simd, out);
            sums = [simd.add_f32s(sums[0], left), simd.add_f32s(sums[1], right)];
        }
        store(simd, out, sums);
    }
}

/// Loads two vectors, or less.
#[inline(always)]
fn load<S: Simd>(simd: S, values: &[f32]) -> [S::f32s; 2] {
    if let [first, second] = S::as_simd_f32s(values).0 {
        return [*first, *second];
    }
    let (left, right) = values.split_at(S::F32_LANES.min(values.len()));
    [simd.partial_load_f32s(left), simd.partial_load_f32s(right)]
}

/// Stores two vectors, or less.
#[inline(always)]
fn store<S: Simd>(simd: S, to: &mut [f32], [first, second]: [S::f32s; 2]) {
    if let [to_first, to_second] = S::as_mut_simd_f32s(to).0 {
        (*to_first, *to_second) = (first, second);
        return;
    }
    let (left, right) = to.split_at_mut(S::F32_LANES.min(to.len()));
    simd.partial_store_f32s(left, first);
    simd.partial_store_f32s(right, second);
}
