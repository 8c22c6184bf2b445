//! The loops over numbers, compiled for each set of vector instructions; `pulp` calls the one for the processor. The
//! operations of this room call them. A NaN in makes a NaN out, as in candle.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E};

use pulp::{Arch, Simd, WithSimd};

/// Sums and maxima have as many parts, so that the compiler can keep them in vectors.
const LANES: usize = 16;

/// The activations that are computed in place.
#[derive(Clone, Copy)]
pub(super) enum Pointwise {
    GeluErf,
    GeluTanh,
    Relu,
    Silu,
}

/// Replaces each number by its activation.
pub(super) fn activate(values: &mut [f32], activation: Pointwise) {
    Arch::new().dispatch(Activate(values, activation));
}

/// Replaces each row of `width` scores by its softmax. A row of which every score is -infinity becomes NaN.
pub(super) fn softmax(scores: &mut [f32], width: usize) {
    if width > 0 {
        Arch::new().dispatch(Softmax { scores, width });
    }
}

/// Multiplies each number by a factor.
pub(super) fn scale(values: &mut [f32], by: f32) {
    Arch::new().dispatch(Scale { values, by });
}

/// The parameters of a normalization.
#[derive(Clone, Copy)]
pub(super) struct Norm<'a> {
    pub(super) weight: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) epsilon: f32,
    pub(super) remove_mean: bool,
}

/// Normalizes each row, which is as long as the weight and not empty, in place.
pub(super) fn normalize(rows: &mut [f32], norm: Norm<'_>) {
    Arch::new().dispatch(Normalize { rows, norm });
}

/// Adds numbers to others, one by one.
pub(super) fn add(to: &mut [f32], values: &[f32]) {
    Arch::new().dispatch(Add { to, values });
}

/// Returns e^x for x <= 0, to a few units in the last place.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding and subtracting it leaves an integer, in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    let bounded = if x < -87.0 { -87.0 } else { x };
    let shifted = bounded * LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts, the first of which has few bits, so that the difference is exact.
    let r = bounded - n * (355.0 / 512.0) - n * -2.121_944_4e-4;
    // The Taylor series of e^r on [-ln 2 / 2, ln 2 / 2], to the seventh power.
    let mut p = 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { p * power }
}

/// Returns 1 / (1 + e^-x), without cancellation on either side.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// Returns half of the complementary error function of `|x| / sqrt 2`, to 1e-7: formula 7.1.26 of Abramowitz and Stegun.
#[inline(always)]
fn tail(x: f32) -> f32 {
    let z = x.abs() * FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let p = ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_7) * t - 0.284_496_74) * t + 0.254_829_6) * t;
    0.5 * p * exp(-z * z)
}

#[inline(always)]
fn gelu_erf(x: f32) -> f32 {
    let tail = tail(x);
    x * if x < 0.0 { tail } else { 1.0 - tail }
}

#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    // (1 + tanh u) / 2 is the sigmoid of 2u. The product of the constants is 2 * sqrt(2 / pi).
    x * sigmoid(2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044_715 * x * x * x))
}

struct Activate<'a>(&'a mut [f32], Pointwise);

impl WithSimd for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match self.1 {
            Pointwise::GeluErf => self.0.iter_mut().for_each(|value| *value = gelu_erf(*value)),
            Pointwise::GeluTanh => self.0.iter_mut().for_each(|value| *value = gelu_tanh(*value)),
            Pointwise::Relu => self.0.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value }),
            Pointwise::Silu => self.0.iter_mut().for_each(|value| *value *= sigmoid(*value)),
        }
    }
}

/// Sums what `of` makes of each number.
#[inline(always)]
fn sum(values: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|value| of(*value)).sum();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += of(*value));
    }
    lanes.iter().sum::<f32>() + rest
}

#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, larger);
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane = larger(*lane, *value));
    }
    lanes.into_iter().fold(rest, larger)
}

struct Softmax<'a> {
    scores: &'a mut [f32],
    width: usize,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.scores.chunks_exact_mut(self.width) {
            let largest = largest(row);
            row.iter_mut().for_each(|score| *score = exp(*score - largest));
            let scale = 1.0 / sum(row, |value| value);
            row.iter_mut().for_each(|value| *value *= scale);
        }
    }
}

struct Normalize<'a> {
    rows: &'a mut [f32],
    norm: Norm<'a>,
}

impl WithSimd for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Norm { weight, bias, epsilon, remove_mean } = self.norm;
        let size = weight.len() as f32;
        for row in self.rows.chunks_exact_mut(weight.len()) {
            let mean = if remove_mean { sum(row, |value| value) / size } else { 0.0 };
            let variance = sum(row, |value| (value - mean) * (value - mean)) / size;
            let scale = 1.0 / (variance + epsilon).sqrt();
            row.iter_mut().zip(weight).for_each(|(value, weight)| *value = (*value - mean) * scale * weight);
            if let Some(bias) = bias {
                row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
            }
        }
    }
}

struct Add<'a> {
    to: &'a mut [f32],
    values: &'a [f32],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.to.iter_mut().zip(self.values).for_each(|(to, value)| *to += value);
    }
}

struct Scale<'a> {
    values: &'a mut [f32],
    by: f32,
}

impl WithSimd for Scale<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.values.iter_mut().for_each(|value| *value *= self.by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right_to_the_last_places() {
        for step in 0..87_000 {
            let x = step as f32 * -1e-3;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) - exact).abs() <= 4e-7 * exact, "e^{x} is {}", exp(x));
        }
        assert_eq!([exp(0.0), exp(-88.0), exp(f32::NEG_INFINITY)], [1.0, 0.0, 0.0]);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn activations_at_the_ends_neither_overflow_nor_hide_a_nan() {
        use Pointwise::{GeluErf, GeluTanh, Relu, Silu};
        for activation in [GeluErf, GeluTanh, Relu, Silu] {
            let mut values = [f32::MAX, 1e4, -1e4, 0.0, f32::NAN];
            activate(&mut values, activation);
            assert_eq!(values[..4], [f32::MAX, 1e4, 0.0, 0.0]);
            assert!(values[4].is_nan());
        }
    }
}
