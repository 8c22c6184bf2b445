//! [`Decimal`]: a number as its digits, and its conversion to the number types of tensors. The parser of single numbers and
//! the reader of runs of numbers make them.

use half::{bf16, f16};

use super::half_rounding::{to_bf16, to_f16};

/// The powers of ten that FP64 represents exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The reciprocals of these powers, except for the first: the highest 128 bits, rounded up.
const RECIPROCALS: [u128; EXACT_POWERS.len()] = {
    let mut reciprocals = [0; EXACT_POWERS.len()];
    let (mut power, mut decimals) = (5_u128, 1);
    while decimals < reciprocals.len() {
        // A long division. Ten and five have reciprocals with the same bits, but for the exponent.
        let (mut rest, mut quotient, mut bits) = (power.next_power_of_two() - power, 1_u128, 1);
        while bits < u128::BITS {
            rest *= 2;
            quotient *= 2;
            if rest >= power {
                rest -= power;
                quotient += 1;
            }
            bits += 1;
        }
        reciprocals[decimals] = quotient + 1;
        power *= 5;
        decimals += 1;
    }
    reciprocals
};

/// A decimal number: `mantissa / 10^decimals`, and its sign.
#[derive(Clone, Copy)]
pub(super) struct Decimal {
    pub(super) negative: bool,
    pub(super) mantissa: u64,
    pub(super) decimals: usize,
}

/// A type that decimal numbers are converted to.
pub(super) trait FromDecimal: Copy {
    /// Converts a number; returns `None` if the type cannot represent it, or if this conversion may not round correctly.
    fn from_decimal(decimal: Decimal) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl FromDecimal for $type {
            #[inline]
            fn from_decimal(Decimal { negative, mantissa, decimals }: Decimal) -> Option<Self> {
                if decimals > 0 {
                    return None;
                }
                match i64::try_from(mantissa) {
                    Ok(magnitude) => <$type>::try_from(if negative { -magnitude } else { magnitude }).ok(),
                    Err(_) if negative => None,
                    Err(_) => <$type>::try_from(mantissa).ok(),
                }
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i8, i16, i32, i64);

impl FromDecimal for f64 {
    #[inline]
    fn from_decimal(Decimal { negative, mantissa, decimals }: Decimal) -> Option<Self> {
        // A limit that decimals of 16 digits are all above, and not just some, so that the branch is predictable.
        let value = if mantissa < 1 << 49 {
            // Both operands are exact, so the result is rounded once.
            mantissa as f64 / EXACT_POWERS.get(decimals)?
        } else if decimals == 0 {
            mantissa as f64
        } else {
            quotient(mantissa, decimals)?
        };
        Some(f64::from_bits(value.to_bits() | u64::from(negative) << 63))
    }
}

/// The mantissa bits of an FP64 that an FP32 lacks, and the value of these bits half way between two FP32.
const TAIL: u64 = (1 << 29) - 1;
const HALF: u64 = 1 << 28;

impl FromDecimal for f32 {
    #[inline]
    fn from_decimal(Decimal { negative, mantissa, decimals }: Decimal) -> Option<Self> {
        // The mantissa and the quotient are rounded once each, so the FP64 is within two units in the last place of the
        // decimal. It is zero or far above the subnormal FP32, where half way would be at another bit.
        let value = i64::try_from(mantissa).ok()? as f64 / EXACT_POWERS.get(decimals)?;
        let tail = value.to_bits() & TAIL;
        if tail.wrapping_sub(HALF - 2) <= 4 {
            // So close to half way between two FP32, only an FP64 that is rounded once tells on which side the decimal is,
            // and if it is half way itself, not even that.
            let rounded_once = mantissa <= 1 << 53;
            if !rounded_once || tail == HALF {
                return None;
            }
        }
        Some(f32::from_bits((value as f32).to_bits() | u32::from(negative) << 31))
    }
}

macro_rules! half_floats {
    ($($type:ty: $round:path),*) => {$(
        impl FromDecimal for $type {
            #[inline]
            fn from_decimal(decimal: Decimal) -> Option<Self> {
                let value = $round(f64::from_decimal(decimal)?);
                (!value.is_infinite()).then_some(value)
            }
        }
    )*};
}
half_floats!(f16: to_f16, bf16: to_bf16);

/// Divides a mantissa other than 0 by a power of ten other than 1, and rounds correctly. This is the algorithm of Eisel and
/// Lemire ("Number Parsing at a Gigabyte per Second", 2021). Up to `10^27`, a reciprocal of 128 bits is always precise
/// enough.
#[inline]
fn quotient(mantissa: u64, decimals: usize) -> Option<f64> {
    /// The bits of an FP64 below its exponent.
    const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    /// The bits of a product with a zero in front of it that an FP64 lacks, less one, which decides how it is rounded.
    const LACKING: u32 = u64::BITS - MANTISSA_BITS - 3;
    /// The largest power of ten that can divide a number half way between two FP64, which has 54 bits, in 64 bits.
    const MOST_HALF_WAY: usize = 4;
    let reciprocal = *RECIPROCALS.get(decimals)?;
    let zeros = mantissa.leading_zeros();
    let mantissa = mantissa << zeros;
    let product = u128::from(mantissa) * (reciprocal >> u64::BITS);
    let (mut high, mut low) = ((product >> u64::BITS) as u64, product as u64);
    if high & ((1 << LACKING) - 1) == (1 << LACKING) - 1 {
        // The lower half of the reciprocal may change how the product is rounded.
        let more = (u128::from(mantissa) * u128::from(reciprocal as u64)) >> u64::BITS;
        let (sum, carried) = low.overflowing_add(more as u64);
        low = sum;
        high += u64::from(carried);
    }
    let highest = (high >> 63) as u32;
    let mut bits = high >> (highest + LACKING);
    let is_half_way = low <= 1 && bits << (highest + LACKING) == high && decimals <= MOST_HALF_WAY;
    if is_half_way && bits & 0b11 == 0b01 {
        // Rounds to the even neighbour, which is below.
        bits -= 1;
    }
    let rounded = (bits + (bits & 1)) >> 1;
    let biased_power = (EXACT_POWERS[decimals].to_bits() >> MANTISSA_BITS) as u32;
    let exponent = 2 * 1023 + 62 + highest - zeros - biased_power;
    // The highest bit of the rounded mantissa adds one to the exponent, and a carry out of the mantissa one more.
    Some(f64::from_bits((u64::from(exponent - 1) << MANTISSA_BITS) + rounded))
}

/// Returns the value of eight decimal digits, the first in the lowest byte.
#[inline]
pub(super) fn eight_digits(digits: u64) -> u64 {
    // Each step joins pairs: of digits, of numbers of two digits, and of numbers of four.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let first = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let second = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    first.wrapping_add(second) >> 32
}
