//! [`QuantizedPanels`]: a matrix of small integers, each block of which has a scale, and the product of rows with it.
//! `linear` calls it.

use std::array;

use candle_core::{
    Result,
    quantized::{GgmlDType, QTensor},
};
use half::f16;
use pulp::{Arch, Simd, WithSimd};

use super::panels::{BLOCK, Matrix, PanelWidth, Rows, Start, load, store};

/// The numbers of a block, which have a scale and an offset in common.
const IN_BLOCK: usize = 32;

/// A matrix `[depth, width]` of the quantized types whose blocks have 32 numbers. A number is `scale * code + offset`, so
/// none is rounded.
///
/// It is laid out in panels like [`Panels`](super::panels::Panels). A column is divided into blocks.
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
        Self::for_panels(weight, Arch::new().dispatch(PanelWidth))
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
        // An offset counts as often as the numbers of a row add up to in its block.
        let sums = |row: usize| {
            let row = &rows.values[row * rows.stride..][..self.depth];
            row.chunks_exact(IN_BLOCK).map(|block| block.iter().sum())
        };
        let sums = if self.offsets.is_empty() { Vec::new() } else { (0..count).flat_map(sums).collect() };
        Arch::new().dispatch(Product { matrix: self, panels, count, rows, sums: &sums, out, stride, start });
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

struct Product<'a> {
    matrix: &'a QuantizedPanels,
    panels: [usize; 2],
    count: usize,
    rows: Rows<'a>,
    /// The sum of each block of each row; empty if there are no offsets.
    sums: &'a [f32],
    out: &'a mut [f32],
    stride: usize,
    start: Start<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // The number of codes that become a vector must be a constant.
        match S::F32_LANES {
            16 => self.run::<S, 16>(simd),
            8 => self.run::<S, 8>(simd),
            4 => self.run::<S, 4>(simd),
            _ => self.run::<S, 1>(simd),
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn run<S: Simd, const LANES: usize>(self, simd: S) {
        let Self { matrix, panels: [first, end], count, rows, sums, out, stride, start } = self;
        let &QuantizedPanels { ref codes, ref scales, ref offsets, depth, width, .. } = matrix;
        let (in_panel, in_column) = (2 * LANES, depth / IN_BLOCK);
        let at_once = (BLOCK / depth.max(1)).next_multiple_of(24).max(24);
        for block in (0..count).step_by(at_once) {
            let end_of_block = count.min(block + at_once);
            for panel in first..end {
                let column = panel * in_panel;
                let columns = in_panel.min(width - column);
                let bias = start.bias.map_or([simd.splat_f32s(0.0); 2], |bias| load(simd, &bias[column..][..columns]));
                let part = |values: &'_ [f32]| -> std::ops::Range<usize> {
                    let begin = panel * in_panel * in_column;
                    if values.is_empty() { 0..0 } else { begin..begin + in_panel * in_column }
                };
                let panel = Panel {
                    codes: &codes[column * depth..][..in_panel * depth],
                    scales: &scales[part(scales)],
                    offsets: &offsets[part(offsets)],
                };
                let mut row = block;
                // The sums of a tile are to fill the registers.
                macro_rules! tiles {
                    ($($rows:literal),*) => {$(
                        while end_of_block - row >= $rows {
                            let rows = Rows { values: &rows.values[row * rows.stride..], ..rows };
                            let sums = if sums.is_empty() { sums } else { &sums[row * in_column..] };
                            let out = &mut out[row * stride + column - first * in_panel..];
                            tile::<S, LANES, $rows>(simd, panel, depth, (rows, sums), (out, stride), columns, bias, start.output);
                            row += $rows;
                        }
                    )*};
                }
                if S::REGISTER_COUNT >= 32 {
                    tiles!(8);
                }
                tiles!(4, 2, 1);
            }
        }
    }
}

/// The parts of a matrix that are a panel.
#[derive(Clone, Copy)]
struct Panel<'a> {
    codes: &'a [i8],
    scales: &'a [f32],
    offsets: &'a [f32],
}

/// Writes the product of some rows with a panel.
#[inline(always)]
#[expect(clippy::too_many_arguments)]
fn tile<S: Simd, const LANES: usize, const ROWS: usize>(
    simd: S,
    panel: Panel<'_>,
    depth: usize,
    (rows, sums_of_rows): (Rows<'_>, &[f32]),
    (out, stride): (&mut [f32], usize),
    columns: usize,
    bias: [S::f32s; 2],
    add: bool,
) {
    let in_column = depth / IN_BLOCK;
    let rows: [&[[f32; IN_BLOCK]]; ROWS] =
        array::from_fn(|row| rows.values[row * rows.stride..][..depth].as_chunks().0);
    let blocks = panel.codes.as_chunks::<LANES>().0.as_chunks::<2>().0.as_chunks::<IN_BLOCK>().0;
    let (scales, _) = S::as_simd_f32s(panel.scales).0.as_chunks::<2>();
    let (offsets, _) = S::as_simd_f32s(panel.offsets).0.as_chunks::<2>();
    let mut sums = [bias; ROWS];
    for (index, (lines, scale)) in blocks.iter().zip(scales).enumerate() {
        let values: [&[f32; IN_BLOCK]; ROWS] = array::from_fn(|row| &rows[row][index]);
        let mut parts = [[simd.splat_f32s(0.0); 2]; ROWS];
        for (at, [left, right]) in lines.iter().enumerate() {
            let (left, right) = (vector::<S, LANES>(left), vector::<S, LANES>(right));
            for row in 0..ROWS {
                let value = simd.splat_f32s(values[row][at]);
                parts[row] =
                    [simd.mul_add_e_f32s(value, left, parts[row][0]), simd.mul_add_e_f32s(value, right, parts[row][1])];
            }
        }
        for row in 0..ROWS {
            if let Some(offset) = offsets.get(index) {
                let sum = simd.splat_f32s(sums_of_rows[row * in_column + index]);
                sums[row] = [
                    simd.mul_add_e_f32s(offset[0], sum, sums[row][0]),
                    simd.mul_add_e_f32s(offset[1], sum, sums[row][1]),
                ];
            }
            sums[row] = [
                simd.mul_add_e_f32s(scale[0], parts[row][0], sums[row][0]),
                simd.mul_add_e_f32s(scale[1], parts[row][1], sums[row][1]),
            ];
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
                let sums: Vec<f32> = rows
                    .chunks(row_stride)
                    .flat_map(|row| row[..depth].chunks(IN_BLOCK).map(|block| block.iter().sum()))
                    .collect();
                for (bias, output) in [(None, false), (Some(&*bias), false), (Some(&*bias), true)] {
                    let mut out = vec![9.0; count * out_stride];
                    simd.vectorize(Product {
                        matrix: &matrix,
                        panels: [0, matrix.count()],
                        count,
                        rows: Rows { values: &rows, stride: row_stride },
                        sums: if matrix.offsets.is_empty() { &[] } else { &sums },
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
