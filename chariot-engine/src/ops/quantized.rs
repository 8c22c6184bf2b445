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

/// As many bytes hold the codes of a block if they have 4 bits.
const HALF: usize = IN_BLOCK / 2;

/// A matrix `[depth, width]` of the quantized types whose blocks have 32 numbers. A number is `scale * code + offset`, so
/// none is rounded.
///
/// A column is divided into blocks.
#[derive(Debug)]
pub(super) struct QuantizedPanels {
    codes: Codes,
    /// Panel by panel and block by block.
    scales: Vec<f16>,
    offsets: Offsets,
    depth: usize,
    width: usize,
    /// The number of columns in a panel.
    in_panel: usize,
}

/// Codes, panel by panel and row by row. Columns that the last panel has too many are 0.
#[derive(Debug)]
enum Codes {
    Bytes(Vec<i8>),
    /// Codes of 4 bits. The low bits of a byte are of a row of the first half of a block, the high bits of the row in the
    /// same place of the second half.
    Halves(Vec<u8>),
}

#[derive(Debug)]
enum Offsets {
    /// As many times the scale.
    Scaled(i8),
    /// Like the scales.
    Stored(Vec<f16>),
}

impl QuantizedPanels {
    /// Lays out a weight `[width, depth]`. `None` if it is no matrix, if its type has other blocks, or if a scale or an
    /// offset is not finite.
    pub(super) fn new(weight: &QTensor) -> Result<Option<Self>> {
        Self::for_panels(weight, panel_width())
    }

    fn for_panels(weight: &QTensor, in_panel: usize) -> Result<Option<Self>> {
        let &[width, depth] = weight.shape().dims() else { return Ok(None) };
        let Some(form) = Form::of(weight.dtype()) else { return Ok(None) };
        let data = weight.data()?;
        let (in_column, columns) = (depth / IN_BLOCK, width.next_multiple_of(in_panel));
        let mut codes = match form.fifth_bits || form.bytes {
            true => Codes::Bytes(vec![0; columns * depth]),
            false => Codes::Halves(vec![0; columns * depth / 2]),
        };
        let mut scales = vec![f16::ZERO; columns * in_column];
        let mut offsets = if form.offset { vec![f16::ZERO; columns * in_column] } else { Vec::new() };
        let mut all = data.chunks_exact(weight.dtype().type_size());
        for column in 0..width {
            let (panel, lane) = (column / in_panel, column % in_panel);
            for (index, block) in all.by_ref().take(in_column).enumerate() {
                let block = Block::read(form, block);
                if !block.scale.is_finite() || !block.offset.is_finite() {
                    return Ok(None);
                }
                let at = panel * in_column + index;
                scales[at * in_panel + lane] = block.scale;
                if form.offset {
                    offsets[at * in_panel + lane] = block.offset;
                }
                match &mut codes {
                    Codes::Bytes(codes) => {
                        let to = codes[at * IN_BLOCK * in_panel + lane..].iter_mut().step_by(in_panel);
                        to.zip(block.codes).for_each(|(to, code)| *to = code as i8);
                    }
                    Codes::Halves(codes) => {
                        let to = codes[at * HALF * in_panel + lane..].iter_mut().step_by(in_panel);
                        let (low, high) = block.codes.split_at(HALF);
                        to.zip(low.iter().zip(high)).for_each(|(to, (low, high))| *to = low | high << 4);
                    }
                }
            }
        }
        let offsets = if form.offset { Offsets::Stored(offsets) } else { Offsets::Scaled(form.zero) };
        Ok(Some(QuantizedPanels { codes, scales, offsets, depth, width, in_panel }))
    }

    /// Returns `true` if all offsets are 0.
    fn is_without_offsets(&self) -> bool {
        matches!(self.offsets, Offsets::Scaled(0))
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
        let (block, row) = (panel * (self.depth / IN_BLOCK) + row / IN_BLOCK, row % IN_BLOCK);
        let code = match &self.codes {
            Codes::Bytes(codes) => f32::from(codes[(block * IN_BLOCK + row) * self.in_panel + lane]),
            Codes::Halves(codes) => {
                let byte = codes[(block * HALF + row % HALF) * self.in_panel + lane];
                f32::from(byte >> (row / HALF * 4) & 15)
            }
        };
        let at = block * self.in_panel + lane;
        let scale = self.scales[at].to_f32();
        let offset = match &self.offsets {
            Offsets::Scaled(factor) => scale * f32::from(*factor),
            Offsets::Stored(offsets) => offsets[at].to_f32(),
        };
        scale * code + offset
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

/// The form of a block.
#[derive(Clone, Copy, Default)]
struct Form {
    /// Set if an offset is stored.
    offset: bool,
    /// The offset that is not stored, in scales.
    zero: i8,
    fifth_bits: bool,
    /// Set if a code is a byte.
    bytes: bool,
}

impl Form {
    /// Returns the form of the blocks of a type. `None` if they are not read here.
    fn of(dtype: GgmlDType) -> Option<Self> {
        let form = Form::default();
        match dtype {
            GgmlDType::Q4_0 => Some(Form { zero: -8, ..form }),
            GgmlDType::Q4_1 => Some(Form { offset: true, ..form }),
            GgmlDType::Q5_0 => Some(Form { zero: -16, fifth_bits: true, ..form }),
            GgmlDType::Q5_1 => Some(Form { offset: true, fifth_bits: true, ..form }),
            GgmlDType::Q8_0 => Some(Form { bytes: true, ..form }),
            _ => None,
        }
    }
}

/// The numbers of a block.
struct Block {
    /// Codes; those of Q8_0 are the bits of signed numbers.
    codes: [u8; IN_BLOCK],
    scale: f16,
    /// 0 if it is not stored.
    offset: f16,
}

impl Block {
    /// Reads a block as ggml writes it: the scale, the offset if the type has one, the fifth bits of the codes if there are
    /// any, and the codes. Bytes of two codes have the first half of the block in their low bits.
    fn read(form: Form, bytes: &[u8]) -> Self {
        let mut rest = bytes;
        let mut half = || f16::from_le_bytes(take(&mut rest));
        let scale = half();
        let offset = if form.offset { half() } else { f16::ZERO };
        let high = if form.fifth_bits { u32::from_le_bytes(take(&mut rest)) } else { 0 };
        let code = |index: usize| {
            let four = rest[index % HALF] >> (index / HALF * 4) & 15;
            four | ((high >> index & 1) << 4) as u8
        };
        let codes = if form.bytes { array::from_fn(|index| rest[index]) } else { array::from_fn(code) };
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
        let sums = if matrix.is_without_offsets() { Vec::new() } else { (0..count).flat_map(sums).collect() };
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
        let in_column = depth / IN_BLOCK;
        let first = tile.panel * in_column;
        for index in 0..in_column {
            let at = first + index;
            let values: [&[f32; IN_BLOCK]; ROWS] = array::from_fn(|row| &rows[row].as_chunks().0[index]);
            let parts = match codes {
                Codes::Bytes(codes) => of_bytes::<S, LANES, ROWS>(simd, &lines(codes).as_chunks().0[at], values),
                Codes::Halves(codes) => of_halves::<S, LANES, ROWS>(simd, &lines(codes).as_chunks().0[at], values),
            };
            let scale = lines::<_, LANES>(scales)[at].map(|line| widened::<S, LANES>(&line));
            let offset = match offsets {
                Offsets::Scaled(0) => None,
                Offsets::Scaled(factor) => {
                    let factor = simd.splat_f32s(f32::from(*factor));
                    Some(scale.map(|scale| simd.mul_f32s(factor, scale)))
                }
                Offsets::Stored(offsets) => Some(lines::<_, LANES>(offsets)[at].map(|line| widened::<S, LANES>(&line))),
            };
            for row in 0..ROWS {
                let [mut left, mut right] = sums[row];
                if let Some(offset) = offset {
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

/// Returns the rows of panels, each as two parts for a vector.
#[inline(always)]
fn lines<T, const LANES: usize>(values: &[T]) -> &[[[T; LANES]; 2]] {
    values.as_chunks::<LANES>().0.as_chunks().0
}

/// Multiplies rows with the codes of a block.
#[inline(always)]
fn of_bytes<S: Simd, const LANES: usize, const ROWS: usize>(
    simd: S,
    codes: &[[[i8; LANES]; 2]; IN_BLOCK],
    rows: [&[f32; IN_BLOCK]; ROWS],
) -> [Sums<S>; ROWS] {
    let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
    for (at, [left, right]) in codes.iter().enumerate() {
        let (left, right) = (of_signed::<S, LANES>(left), of_signed::<S, LANES>(right));
        // Loops over the rows in a function of their own would keep the sums in memory.
        for row in 0..ROWS {
            let number = simd.splat_f32s(rows[row][at]);
            sums[row] =
                [simd.mul_add_e_f32s(number, left, sums[row][0]), simd.mul_add_e_f32s(number, right, sums[row][1])];
        }
    }
    sums
}

/// Multiplies rows with the codes of a block that have 4 bits.
#[inline(always)]
fn of_halves<S: Simd, const LANES: usize, const ROWS: usize>(
    simd: S,
    codes: &[[[u8; LANES]; 2]; HALF],
    rows: [&[f32; IN_BLOCK]; ROWS],
) -> [Sums<S>; ROWS] {
    let mut sums = [[simd.splat_f32s(0.0); 2]; ROWS];
    for (at, [left, right]) in codes.iter().enumerate() {
        let (low_left, low_right) = (low::<S, LANES>(left), low::<S, LANES>(right));
        for row in 0..ROWS {
            let number = simd.splat_f32s(rows[row][at]);
            sums[row] = [
                simd.mul_add_e_f32s(number, low_left, sums[row][0]),
                simd.mul_add_e_f32s(number, low_right, sums[row][1]),
            ];
        }
        let (high_left, high_right) = (high::<S, LANES>(left), high::<S, LANES>(right));
        for row in 0..ROWS {
            let number = simd.splat_f32s(rows[row][HALF + at]);
            sums[row] = [
                simd.mul_add_e_f32s(number, high_left, sums[row][0]),
                simd.mul_add_e_f32s(number, high_right, sums[row][1]),
            ];
        }
    }
    sums
}

#[inline(always)]
fn of_signed<S: Simd, const LANES: usize>(codes: &[i8; LANES]) -> S::f32s {
    vector::<S, LANES>(|lane| f32::from(codes[lane]))
}

/// Converts the low bits of codes to a vector.
#[inline(always)]
fn low<S: Simd, const LANES: usize>(codes: &[u8; LANES]) -> S::f32s {
    vector::<S, LANES>(|lane| (i32::from(codes[lane]) & 15) as f32)
}

/// Converts the high bits of codes to a vector.
#[inline(always)]
fn high<S: Simd, const LANES: usize>(codes: &[u8; LANES]) -> S::f32s {
    vector::<S, LANES>(|lane| (i32::from(codes[lane]) >> 4) as f32)
}

/// Converts finite numbers to a vector, by instructions that every processor has: the bits of the number, which has 112 less
/// in its exponent as an F32, times 2^112.
#[inline(always)]
fn widened<S: Simd, const LANES: usize>(numbers: &[f16; LANES]) -> S::f32s {
    vector::<S, LANES>(|lane| {
        let bits = u32::from(numbers[lane].to_bits());
        let size = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits((112 + 127) << 23);
        f32::from_bits(size.to_bits() | (bits & 0x8000) << 16)
    })
}

/// Makes a vector. The compiler needs few instructions for it.
#[inline(always)]
fn vector<S: Simd, const LANES: usize>(value: impl Fn(usize) -> f32) -> S::f32s {
    let values: [f32; LANES] = array::from_fn(value);
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
