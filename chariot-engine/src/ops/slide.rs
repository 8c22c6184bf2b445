//! The loops of a kernel that slides over one plane of numbers, compiled for each set of vector instructions; `pulp` calls the
//! one for the processor. `depthwise` calls them.

use std::array;

use pulp::{Arch, Simd, WithSimd};

/// A kernel that slides over one plane of numbers.
pub(super) struct Slide<'a> {
    /// The rows of the plane, and one of zeros; each is `stride` phases of `phase` numbers: the padded row taken apart, so
    /// that neighbours in the output have neighbours here. A phase has [`SLACK`] numbers more than are needed.
    pub(super) plane: &'a [f32],
    pub(super) rows: usize,
    pub(super) phase: usize,
    /// `[rows, columns]`.
    pub(super) kernel: &'a [f32],
    pub(super) kernel_width: usize,
    /// The place in a row of the first number that each column of the kernel meets.
    pub(super) offsets: &'a [usize],
    pub(super) bias: f32,
    pub(super) padding: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
}

/// The numbers by which a phase is longer than what is needed of it: a vector at the end of a row reads beyond it.
pub(super) const SLACK: usize = 16;

/// Slides a kernel over a plane. The rows of `out` are `width` long, which is not 0.
pub(super) fn slide(out: &mut [f32], width: usize, slide: &Slide<'_>) {
    let arch = Arch::new();
    let square = slide.kernel_width * slide.kernel_width == slide.kernel.len() && slide.dilation == 1;
    match (slide.kernel_width, slide.stride) {
        (3, 1) if square => arch.dispatch(Square::<3, 1, 4, 6> { out, width, slide }),
        (3, 2) if square => arch.dispatch(Square::<3, 2, 2, 5> { out, width, slide }),
        (5, 1) if square => arch.dispatch(Square::<5, 1, 2, 6> { out, width, slide }),
        (5, 2) if square => arch.dispatch(Square::<5, 2, 2, 7> { out, width, slide }),
        _ => arch.dispatch(Any { out, width, slide }),
    }
}

impl Slide<'_> {
    /// Returns the row of the plane that row `line` of the kernel meets, for row `y` of the output.
    #[inline(always)]
    fn row(&self, y: usize, line: usize) -> &[f32] {
        // A row above the plane wraps around, and is beyond it like those below.
        let row = (y * self.stride + line).wrapping_sub(self.padding).min(self.rows);
        let length = self.stride * self.phase;
        &self.plane[row * length..][..length]
    }
}

/// A square kernel without dilation, which makes `ROWS` rows of the output at a time: what is loaded of the `LINES` rows that
/// they meet serves them all.
struct Square<'a, const SIDE: usize, const STRIDE: usize, const ROWS: usize, const LINES: usize> {
    out: &'a mut [f32],
    width: usize,
    slide: &'a Slide<'a>,
}

impl<const SIDE: usize, const STRIDE: usize, const ROWS: usize, const LINES: usize> WithSimd
    for Square<'_, SIDE, STRIDE, ROWS, LINES>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const { assert!(LINES == (ROWS - 1) * STRIDE + SIDE) };
        let Square { out, width, slide } = self;
        let taps: [[S::f32s; SIDE]; SIDE] =
            array::from_fn(|row| array::from_fn(|column| simd.splat_f32s(slide.kernel[row * SIDE + column])));
        let bias = simd.splat_f32s(slide.bias);
        for (group, out) in out.chunks_mut(ROWS * width).enumerate() {
            let lines: [&[f32]; LINES] = array::from_fn(|line| slide.row(group * ROWS, line));
            for at in starts::<S>(width) {
                let mut sums = [bias; ROWS];
                for (line, values) in lines.iter().enumerate() {
                    let inputs: [S::f32s; SIDE] = array::from_fn(|column| {
                        load::<S>(values, column % STRIDE * slide.phase + column / STRIDE + at)
                    });
                    for (row, sum) in sums.iter_mut().enumerate() {
                        let tap = line.wrapping_sub(row * STRIDE);
                        if tap < SIDE {
                            for column in 0..SIDE {
                                *sum = simd.mul_add_e_f32s(inputs[column], taps[tap][column], *sum);
                            }
                        }
                    }
                }
                // The last rows of an output can be fewer.
                out.chunks_exact_mut(width).zip(sums).for_each(|(row, sum)| store(simd, row, at, sum));
            }
        }
    }
}

/// Any other kernel.
struct Any<'a> {
    out: &'a mut [f32],
    width: usize,
    slide: &'a Slide<'a>,
}

impl WithSimd for Any<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Any { out, width, slide } = self;
        for (y, out) in out.chunks_exact_mut(width).enumerate() {
            for at in starts::<S>(width) {
                let mut sum = simd.splat_f32s(slide.bias);
                for (line, taps) in slide.kernel.chunks_exact(slide.kernel_width).enumerate() {
                    let values = slide.row(y, line * slide.dilation);
                    for (offset, tap) in slide.offsets.iter().zip(taps) {
                        sum = simd.mul_add_e_f32s(simd.splat_f32s(*tap), load::<S>(values, offset + at), sum);
                    }
                }
                store(simd, out, at, sum);
            }
        }
    }
}

/// Returns where the vectors of a row begin. The last one is moved back so that it ends with the row, if the row is as long.
#[inline(always)]
fn starts<S: Simd>(width: usize) -> impl Iterator<Item = usize> {
    let last = width.saturating_sub(S::F32_LANES);
    (0..width.div_ceil(S::F32_LANES)).map(move |index| (index * S::F32_LANES).min(last))
}

#[inline(always)]
fn load<S: Simd>(values: &[f32], at: usize) -> S::f32s {
    S::as_simd_f32s(&values[at..][..S::F32_LANES]).0[0]
}

/// Stores a vector, or as much of it as the row takes.
#[inline(always)]
fn store<S: Simd>(simd: S, row: &mut [f32], at: usize, values: S::f32s) {
    match row.get_mut(at..at + S::F32_LANES) {
        Some(row) => S::as_mut_simd_f32s(row).0[0] = values,
        None => simd.partial_store_f32s(&mut row[at..], values),
    }
}
