//! Rounding of FP64 to FP16 and BF16. `number` and `convert` call it.

use half::{bf16, f16};

/// Returns the FP16 nearest to a number, or an infinity beyond its range.
pub(super) fn to_f16(value: f64) -> f16 {
    f16::from_f32(round_to_odd(value))
}

/// Returns the BF16 nearest to a number, or an infinity beyond its range.
pub(super) fn to_bf16(value: f64) -> bf16 {
    bf16::from_f32(round_to_odd(value))
}

/// Rounds to an FP32 that rounds to the same half as the number itself. `half` rounds to the nearest FP32 first, which can
/// be a tie between two halves where the number is none. An inexact result is therefore rounded toward zero, and its last
/// bit says that something was cut off.
fn round_to_odd(value: f64) -> f32 {
    let nearest = value as f32;
    let exact = f64::from(nearest);
    if exact == value || value.is_nan() {
        return nearest;
    }
    let toward_zero = nearest.to_bits() - u32::from(exact.abs() > value.abs());
    f32::from_bits(toward_zero | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_rounded_once() {
        for (value, expected) in [
            (1.000_488_3, 1.000_976_562_5),
            (1.000_488_281_250_000_2, 1.000_976_562_5),
            (1.000_488_281_25, 1.0),
            (-1.000_488_281_250_000_2, -1.000_976_562_5),
            (65_519.999_999_99, 65_504.0),
            (65_520.0, f64::INFINITY),
            (1e300, f64::INFINITY),
            (-1e300, f64::NEG_INFINITY),
            (f64::INFINITY, f64::INFINITY),
            (5.0e-324, 0.0),
            (2.980_232_238_769_531_2e-8, 0.0),
            (2.980_232_238_769_532e-8, 5.960_464_477_539_063e-8),
        ] {
            assert_eq!(to_f16(value).to_f64(), expected, "{value}");
        }
        assert_eq!(to_bf16(1.003_906_250_000_000_2).to_f64(), 1.007_812_5);
        assert_eq!(to_bf16(1.003_906_25).to_f64(), 1.0);
        assert_eq!(to_bf16(f64::MAX).to_f64(), f64::INFINITY);
        assert!(to_f16(f64::NAN).is_nan() && to_bf16(f64::NAN).is_nan());
    }

    #[test]
    fn every_half_is_itself() {
        for bits in 0..=u16::MAX {
            let (half, wide) = (f16::from_bits(bits), bf16::from_bits(bits));
            assert!(half.is_nan() || to_f16(half.to_f64()).to_bits() == bits, "{half}");
            assert!(wide.is_nan() || to_bf16(wide.to_f64()).to_bits() == bits, "{wide}");
        }
    }
}
