//! Tensors for the tests of this room, comparisons with candle's results, and the sets of vector instructions.

use candle_core::{DType, Device, Tensor};
use pulp::Simd;

/// A check that does the same with every set of vector instructions.
pub(super) trait Check {
    fn check<S: Simd>(simd: S);
}

/// Runs a check with every set of vector instructions that this processor has.
pub(super) fn with_every_simd<C: Check>() {
    C::check(pulp::Scalar::new());
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V3::try_new() {
            C::check(simd);
        }
        if let Some(simd) = pulp::x86::V4::try_new() {
            C::check(simd);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if let Some(simd) = pulp::aarch64::Neon::try_new() {
        C::check(simd);
    }
}

/// Makes a tensor of numbers in [-1, 1) that depend on the seed and the place alone.
pub(super) fn tensor(seed: u64, shape: &[usize]) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Makes a tensor as above whose elements do not lie one after the other: every second of twice as many.
pub(super) fn sparse(seed: u64, shape: &[usize]) -> Tensor {
    let twice: Vec<usize> = std::iter::once(2).chain(shape.iter().rev().copied()).collect();
    let whole = tensor(seed, &twice);
    let axes: Vec<usize> = (1..twice.len()).rev().collect();
    let half = whole.narrow(0, 1, 1).unwrap().squeeze(0).unwrap();
    half.permute(axes.into_iter().map(|axis| axis - 1).collect::<Vec<_>>()).unwrap()
}

/// Asserts that two tensors have one shape and type, and the same numbers, to a part of the largest.
#[track_caller]
pub(super) fn assert_close(got: &Tensor, expected: &Tensor, tolerance: f32) {
    assert_eq!((got.dims(), got.dtype()), (expected.dims(), expected.dtype()));
    let numbers = |t: &Tensor| t.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (got, expected) = (numbers(got), numbers(expected));
    let largest = expected.iter().fold(1e-3_f32, |largest, value| largest.max(value.abs()));
    for (at, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert!((got - expected).abs() <= tolerance * largest, "at {at}: expected {expected}, got {got}");
    }
}

/// Asserts that a shape is refused, with both shapes in the message.
#[track_caller]
pub(super) fn assert_refused<T>(result: candle_core::Result<T>, expected: &[usize], got: &[usize]) {
    let message = result.err().expect("the shape was accepted").to_string();
    assert!(message.contains(&format!("expected: {expected:?}, got: {got:?}")), "{message}");
}
