//! [`QuantizedPanels`]: a matrix of small integers, each block of which has a scale, and the product of rows with it.
//! `linear` calls it.

use std::array;

use candle_core::{
    Result,
    quantized::{GgmlDType, QTensor},
};
use half::f16;
use pulp::Simd;

use super::product::{Matrix, Product, Rows, Start, Sums, Tile, Tiles, panel_width};

/// The numbers of a block, which have a scale and an offset in common.
const IN_BLOCK: usize = 32;

/// A matrix `[depth, width]` of the quantized types whose blocks have 32 numbers. A number is `scale * code + offset`, so
/// none is rounded.
///
/// A column is divided into blocks.
#[derive(Debug)]
pub(super) struct QuantizedPanels {
    /// Panel by panel and row by row. Columns that the last panel has too many are 0.
    codes: Vec<i8>,
    /// Panel by panel and block by block.
    scales: Vec<f32>,
    /// Like `scales`; empty if all are 0.
    offsets: Vec<f32>,
    depth: usize,
    width: usize,
    /// The number of columns in a panel.
    in_panel: usize,
}

impl QuantizedPanels {
    /// Lays out a weight `[width, depth]`. `None` if it is no matrix, or if its type has other blocks.
    pub(super) fn new(weight: &QTensor) -> Result<Option<Self>> {
        Self::for_panels(weight, panel_width())
    }

    fn for_panels(weight: &QTensor, in_panel: usize) -> Result<Option<Self>> {
        let &[width, depth] = weight.shape().dims() else { return Ok(None) };
        let Some(size) = block_size(weight.dtype()) else { return Ok(None) };
        let data = weight.data()?;
        let (in_column, columns) = (depth / IN_BLOCK, width.next_multiple_of(in_panel));
        let mut codes = vec![0; columns * depth];
        let (mut scales, mut offsets) = (vec![0.0; columns * in_column], vec![0.0; columns * in_column]);
        let mut all = data.chunks_exact(size);
        for column in 0..width {
            let (panel, lane) = (column / in_panel, column % in_panel);
            for (index, block) in all.by_ref().take(in_column).enumerate() {
                let block = Block::read(weight.dtype(), block);
                let at = (panel * in_column + index) * in_panel + lane;
                (scales[at], offsets[at]) = (block.scale, block.offset);
                let to = codes[((panel * depth) + index * IN_BLOCK) * in_panel + lane..].iter_mut();
                to.step_by(in_panel).zip(block.codes).for_each(|(to, code)| *to = code);
            }
        }
        if offsets.iter().all(|offset| *offset == 0.0) {
            offsets = Vec::new();
        }
        Ok(Some(QuantizedPanels { codes, scales, offsets, depth, width, in_panel }))
    }
}

impl Matrix for QuantizedPanels {
    fn size(&self) -> [usize; 2] {
        [self.depth, self.width]
    }

    fn in_panel(&self) -> usize {
        self.in_panel
    }

    fn get(&self, row: usize, column: usize) -> f32 {
        let (panel, lane) = (column / self.in_panel, column % self.in_panel);
        let code = self.codes[(panel * self.depth + row) * self.in_panel + lane];
        let at = (panel * (self.depth / IN_BLOCK) + row / IN_BLOCK) * self.in_panel + lane;
        self.scales[at] * f32::from(code) + self.offsets.get(at).copied().unwrap_or_default()
    }

    fn multiply_part(
        &self,
        panels: [usize; 2],
        count: usize,
        rows: Rows<'_>,
        (out, stride): (&mut [f32], usize),
        start: Start<'_>,
    ) {
        let matrix = &WithSums::new(self, count, rows);
        Product { matrix, panels, count, rows, out, stride, start }.compute();
    }
}

/// Returns the bytes of a block of a type whose blocks are read here.
fn block_size(dtype: GgmlDType) -> Option<usize> {
    use GgmlDType::{Q4_0, Q4_1, Q5_0, Q5_1, Q8_0};
    matches!(dtype, Q4_0 | Q4_1 | Q5_0 | Q5_1 | Q8_0).then(|| dtype.type_size())
}

/// The numbers of a block.
struct Block {
    codes: [i8; IN_BLOCK],
    scale: f32,
    offset: f32,
}

impl Block {
    /// Reads a block as ggml writes it: the scale, the offset if the type has one, the fifth bits of the codes if there are
    /// any, and the codes. Bytes of two codes have the first half of the block in their low bits.
    fn read(dtype: GgmlDType, bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let mut half = || f16::from_le_bytes(take(&mut rest)).to_f32();
        let scale = half();
        let offset = if matches!(dtype, GgmlDType::Q4_1 | GgmlDType::Q5_1) { half() } else { 0.0 };
        let high = match dtype {
            GgmlDType::Q5_0 | GgmlDType::Q5_1 => u32::from_le_bytes(take(&mut rest)),
            _ => 0,
        };
        let code = |index: usize| {
            let four = rest[index % 16] >> (index / 16 * 4) & 15;
            four as i8 | ((high >> index & 1) << 4) as i8
        };
        let codes = match dtype {
            GgmlDType::Q8_0 => array::from_fn(|index| rest[index] as i8),
            GgmlDType::Q4_0 => array::from_fn(|index| code(index) - 8),
            GgmlDType::Q5_0 => array::from_fn(|index| code(index) - 16),
            _ => array::from_fn(code),
        };
        Block { codes, scale, offset }
    }
}

/// Takes the first bytes of a block, whose size is that of its type.
fn take<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let (first, rest) = bytes.split_at(N);
    *bytes = rest;
    array::from_fn(|at| first[at])
}

/// The matrix with the sum of each block of each row, which are empty if there are no offsets.
struct WithSums<'a> {
    matrix: &'a QuantizedPanels,
    sums: Vec<f32>,
}

impl<'a> WithSums<'a> {
    fn new(matrix: &'a QuantizedPanels, count: usize, rows: Rows<'_>) -> Self {
        let sums = |row: usize| {
            let row = &rows.values[row * rows.stride..][..matrix.depth];
            row.chunks_exact(IN_BLOCK).map(|block| block.iter().sum())
        };
        let sums = if matrix.offsets.is_empty() { Vec::new() } else { (0..count).flat_map(sums).collect() };
        WithSums { matrix, sums }
    }

    #[inline(always)]
    fn add_blocks<S: Simd, const LANES: usize, const ROWS: usize>(
        &self,
        simd: S,
        tile: Tile,
        rows: [&[f32]; ROWS],
        mut sums: [Sums<S>; ROWS],
    ) -> [Sums<S>; ROWS] {
        let &QuantizedPanels { ref codes, ref scales, ref offsets, depth, .. } = self.matrix;
        let (in_panel, in_column) = (2 * LANES, depth / IN_BLOCK);
        let (first, size) = (tile.panel * in_panel, in_panel * in_column);
        let lines = codes[first * depth..][..in_panel * depth].as_chunks::<LANES>().0.as_chunks::<2>().0;
        let vectors = |values: &'a [f32]| S::as_simd_f32s(values).0.as_chunks::<2>().0;
        let scales = vectors(&scales[first * in_column..][..size]);
        let offsets = vectors(if offsets.is_empty() { &[] } else { &offsets[first * in_column..][..size] });
        for (index, (lines, scale)) in lines.as_chunks::<IN_BLOCK>().0.iter().zip(scales).enumerate() {
            let values: [&[f32; IN_BLOCK]; ROWS] = array::from_fn(|row| &rows[row].as_chunks().0[index]);
            let mut parts = [[simd.splat_f32s(0.0); 2]; ROWS];
            for (at, [left, right]) in lines.iter().enumerate() {
                let (left, right) = (vector::<S, LANES>(left), vector::<S, LANES>(right));
                for row in 0..ROWS {
                    let value = simd.splat_f32s(values[row][at]);
                    parts[row] = [
                        simd.mul_add_e_f32s(value, left, parts[row][0]),
                        simd.mul_add_e_f32s(value, right, parts[row][1]),
                    ];
                }
            }
            for row in 0..ROWS {
                let [mut left, mut right] = sums[row];
                if let Some(offset) = offsets.get(index) {
                    // An offset counts as often as the numbers of a row add up to in its block.
                    let sum = simd.splat_f32s(self.sums[(tile.row + row) * in_column + index]);
                    left = simd.mul_add_e_f32s(offset[0], sum, left);
                    right = simd.mul_add_e_f32s(offset[1], sum, right);
                }
                sums[row] = [
                    simd.mul_add_e_f32s(scale[0], parts[row][0], left),
                    simd.mul_add_e_f32s(scale[1], parts[row][1], right),
                ];
            }
        }
        sums
    }
}

impl Tiles for WithSums<'_> {
    fn depth_and_width(&self) -> [usize; 2] {
        self.matrix.size()
    }

    #[inline(always)]
    fn add<S: Simd, const ROWS: usize>(
        &self,
        simd: S,
        tile: Tile,
        rows: [&[f32]; ROWS],
        sums: [Sums<S>; ROWS],
    ) -> [Sums<S>; ROWS] {
        // The number of codes that become a vector must be a constant.
        match S::F32_LANES {
            16 => self.add_blocks::<S, 16, ROWS>(simd, tile, rows, sums),
            8 => self.add_blocks::<S, 8, ROWS>(simd, tile, rows, sums),
            4 => self.add_blocks::<S, 4, ROWS>(simd, tile, rows, sums),
            _ => self.add_blocks::<S, 1, ROWS>(simd, tile, rows, sums),
        }
    }
}

/// Converts codes to a vector. The compiler makes two instructions of it.
#[inline(always)]
fn vector<S: Simd, const LANES: usize>(codes: &[i8; LANES]) -> S::f32s {
    let values: [f32; LANES] = array::from_fn(|lane| f32::from(codes[lane]));
    S::as_simd_f32s(&values).0[0]
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::product::PanelWidth;
    use crate::ops::random::{Check, tensor, with_every_simd};

    const TYPES: [GgmlDType; 5] = [GgmlDType::Q4_0, GgmlDType::Q4_1, GgmlDType::Q5_0, GgmlDType::Q5_1, GgmlDType::Q8_0];

    /// Returns a weight `[width, depth]` and its numbers.
    fn weight(dtype: GgmlDType, [depth, width]: [usize; 2]) -> (QTensor, Vec<Vec<f32>>) {
        let weight = QTensor::quantize(&tensor(depth as u64, &[width, depth]), dtype).unwrap();
        let numbers = weight.dequantize(&Device::Cpu).unwrap().to_vec2().unwrap();
        (weight, numbers)
    }

    /// Compares products with the sums of their terms.
    struct Products;

    impl Check for Products {
        fn check<S: Simd>(simd: S) {
            for (dtype, [count, depth, width]) in TYPES
                .into_iter()
                .flat_map(|dtype| [[1, 32, 1], [2, 64, 33], [13, 96, 70], [40, 32, 5]].map(|size| (dtype, size)))
            {
                let (weight, numbers) = weight(dtype, [depth, width]);
                let matrix = QuantizedPanels::for_panels(&weight, simd.vectorize(PanelWidth)).unwrap().unwrap();
                // Rows lie apart, and so do those of the output.
                let (row_stride, out_stride) = (depth + 2, width + 3);
                let rows: Vec<f32> = (0..count * row_stride).map(|at| (at * 37 % 101) as f32 / 101.0 - 0.5).collect();
                let bias: Vec<f32> = (0..width).map(|at| at as f32 / 8.0).collect();
                let with_sums = WithSums::new(&matrix, count, Rows { values: &rows, stride: row_stride });
                for (bias, output) in [(None, false), (Some(&*bias), false), (Some(&*bias), true)] {
                    let mut out = vec![9.0; count * out_stride];
                    simd.vectorize(Product {
                        matrix: &with_sums,
                        panels: [0, matrix.count()],
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
                            let terms = numbers[column].iter().zip(&rows[row * row_stride..]);
                            let sum: f64 = terms.map(|(weight, x)| f64::from(*weight) * f64::from(*x)).sum();
                            expected += sum as f32 + bias.map_or(0.0, |bias| bias[column]);
                        }
                        assert!(
                            (got - expected).abs() < 2e-5,
                            "{dtype:?}, row {row}, column {column}: {got}, not {expected}"
                        );
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
    fn numbers_are_those_of_candle_to_the_last_bit() {
        for dtype in TYPES {
            let (weight, numbers) = weight(dtype, [96, 37]);
            let matrix = QuantizedPanels::new(&weight).unwrap().unwrap();
            assert_eq!(matrix.size(), [96, 37]);
            for (column, numbers) in numbers.iter().enumerate() {
                let got: Vec<f32> = (0..96).map(|row| matrix.get(row, column)).collect();
                assert_eq!(got, *numbers, "{dtype:?}, column {column}");
            }
        }
    }

    #[test]
    fn other_types_and_shapes_are_left_to_others() {
        for dtype in [GgmlDType::F32, GgmlDType::F16, GgmlDType::Q4K, GgmlDType::Q6K] {
            let weight = QTensor::quantize(&tensor(1, &[2, 256]), dtype).unwrap();
            assert!(QuantizedPanels::new(&weight).unwrap().is_none(), "{dtype:?}");
        }
        let vector = QTensor::quantize(&tensor(1, &[64]), GgmlDType::Q8_0).unwrap();
        assert!(QuantizedPanels::new(&vector).unwrap().is_none());
    }
}
