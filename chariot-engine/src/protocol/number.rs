//! Parses JSON numbers straight into numbers of a data type. Lists of elements are read with it.
//!
//! Common notations are parsed in one pass; all others go to the standard library, which rounds correctly.

use std::borrow::Cow;

use half::{bf16, f16};

use super::half_rounding::{to_bf16, to_f16};

/// The powers of ten that FP64 represents exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Returns the end of the number that starts at `start`, or `None` if the grammar of JSON does not allow it.
pub(super) fn end_of_number(bytes: &[u8], start: usize) -> Option<usize> {
    let digits = |mut at: usize| {
        let first = at;
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        (at > first).then_some(at)
    };
    let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = digits(at)?;
    }
    // `01` and `1x` are one malformed number, not a number followed by something else.
    match bytes.get(at) {
        Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-') => None,
        _ => Some(at),
    }
}

/// A decimal number, `(-1)^negative * mantissa * 10^exponent`, and the offset of its end.
struct Decimal {
    negative: bool,
    mantissa: u64,
    exponent: i32,
    end: usize,
}

/// Parses a number without an `e` and with at most 19 digits; returns `None` for any other notation.
#[inline]
fn decimal(bytes: &[u8], start: usize) -> Option<Decimal> {
    let negative = bytes.get(start) == Some(&b'-');
    let mut at = start + usize::from(negative);
    let first = at;
    let mut mantissa = 0_u64;
    while let Some(digit) = digit(bytes, at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        at += 1;
    }
    let mut count = at - first;
    if count == 0 || (count > 1 && bytes[first] == b'0') {
        return None;
    }
    let mut exponent = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        let point = at;
        while let Some(digit) = digit(bytes, at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
            at += 1;
        }
        if at == point {
            return None;
        }
        count += at - point;
        exponent = -i32::try_from(at - point).ok()?;
    }
    let ended = !matches!(bytes.get(at), Some(b'e' | b'E' | b'.' | b'+' | b'-'));
    (ended && count <= 19).then_some(Decimal { negative, mantissa, exponent, end: at })
}

#[inline]
fn digit(bytes: &[u8], at: usize) -> Option<u64> {
    let value = bytes.get(at)?.wrapping_sub(b'0');
    (value < 10).then_some(u64::from(value))
}

/// Computes a correctly rounded FP64 in one operation: both operands are exact, so the result is rounded once.
#[inline]
fn exact_f64(decimal: &Decimal) -> Option<f64> {
    let power = usize::try_from(-decimal.exponent).ok()?;
    if decimal.mantissa > 1 << 53 {
        return None;
    }
    let value = decimal.mantissa as f64 / EXACT_POWERS.get(power)?;
    Some(if decimal.negative { -value } else { value })
}

/// Computes an FP64 within two units in the last place of the decimal: the mantissa and the quotient are rounded once each.
/// Clients that store numbers as FP64 write 16 or 17 digits, more than [`exact_f64`] accepts.
#[inline]
fn approximate_f64(decimal: &Decimal) -> Option<f64> {
    let power = usize::try_from(-decimal.exponent).ok()?;
    let value = decimal.mantissa as f64 / EXACT_POWERS.get(power)?;
    Some(if decimal.negative { -value } else { value })
}

/// The reason why a well-formed number is not an integer of some type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotInteger {
    Fraction,
    Range,
}

/// A floating-point type that JSON numbers are parsed into.
pub(super) trait Float: Sized {
    /// Converts a correctly rounded FP64; returns `None` if rounding twice may give another result.
    fn from_exact(value: f64) -> Option<Self>;
    /// Converts an FP64 that is up to two units in the last place off; returns `None` if that may change the result.
    fn from_approximate(_: f64) -> Option<Self> {
        None
    }
    /// Parses the text of a well-formed number; returns an infinity if the type overflows.
    fn from_text(text: &str) -> Self;
    /// Returns `true` if the value is infinite.
    fn overflowed(&self) -> bool;
}

impl Float for f64 {
    #[inline]
    fn from_exact(value: f64) -> Option<Self> {
        Some(value)
    }

    fn from_text(text: &str) -> Self {
        text.parse().unwrap_or(f64::INFINITY)
    }

    fn overflowed(&self) -> bool {
        self.is_infinite()
    }
}

/// The mantissa bits of an FP64 that an FP32 lacks, and the value of these bits half way between two FP32.
const TAIL: u64 = (1 << 29) - 1;
const HALF: u64 = 1 << 28;

impl Float for f32 {
    #[inline]
    fn from_exact(value: f64) -> Option<Self> {
        // Half way between two FP32, the FP64 no longer tells on which side the decimal was.
        (value.to_bits() & TAIL != HALF).then_some(value as f32)
    }

    #[inline]
    fn from_approximate(value: f64) -> Option<Self> {
        // For subnormal FP32, half way is at another bit.
        let normal = value.abs() >= f64::from(f32::MIN_POSITIVE);
        (normal && (value.to_bits() & TAIL).abs_diff(HALF) > 2).then_some(value as f32)
    }

    fn from_text(text: &str) -> Self {
        text.parse().unwrap_or(f32::INFINITY)
    }

    fn overflowed(&self) -> bool {
        self.is_infinite()
    }
}

macro_rules! half_floats {
    ($($type:ty: $round:path),*) => {$(
        impl Float for $type {
            #[inline]
            fn from_exact(value: f64) -> Option<Self> {
                let value = $round(value);
                (!value.is_infinite()).then_some(value)
            }

            fn from_text(text: &str) -> Self {
                $round(f64::from_text(text))
            }

            fn overflowed(&self) -> bool {
                self.is_infinite()
            }
        }
    )*};
}
half_floats!(f16: to_f16, bf16: to_bf16);

/// Parses a float and returns it with its end, or `None` if the number is malformed or out of range.
#[inline]
pub(super) fn float<T: Float>(text: &str, start: usize) -> Option<(T, usize)> {
    if let Some(decimal) = decimal(text.as_bytes(), start)
        && let Some(value) = exact_f64(&decimal)
            .and_then(T::from_exact)
            .or_else(|| approximate_f64(&decimal).and_then(T::from_approximate))
    {
        return Some((value, decimal.end));
    }
    let end = end_of_number(text.as_bytes(), start)?;
    let value = T::from_text(&text[start..end]);
    (!value.overflowed()).then_some((value, end))
}

/// Parses an integer and returns it with its end, or `None`, which [`not_integer`] explains.
#[inline]
pub(super) fn integer<T: TryFrom<i128>>(text: &str, start: usize) -> Option<(T, usize)> {
    if let Some(decimal) = decimal(text.as_bytes(), start)
        && decimal.exponent == 0
    {
        let magnitude = i128::from(decimal.mantissa);
        let value = T::try_from(if decimal.negative { -magnitude } else { magnitude }).ok()?;
        return Some((value, decimal.end));
    }
    let end = end_of_number(text.as_bytes(), start)?;
    Some((T::try_from(integral(&text[start..end]).ok()?).ok()?, end))
}

/// Returns the reason why the well-formed number `text` is not an integer of some type.
pub(super) fn not_integer(text: &str) -> NotInteger {
    integral(text).err().unwrap_or(NotInteger::Range)
}

/// The longest number in a message, in bytes. Enough for any integer of 64 bits and for an FP64 with all its digits.
pub(super) const LONGEST: usize = 25;

/// Returns a number that is out of range for a message: the number itself, unless it is too long to read.
pub(super) fn out_of_range(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST { text.into() } else { format!("a number of {} characters", text.len()).into() }
}

/// Returns the value of a whole number, also if it is written with a decimal point or an exponent.
fn integral(text: &str) -> Result<i128, NotInteger> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    let Some(zeros) = digits().rev().position(|digit| digit != b'0') else {
        return Ok(0);
    };
    // An exponent outside the range of i64 is far outside the range of every type: only its sign matters.
    let beyond = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    let exponent = exponent.parse().unwrap_or(beyond).clamp(i64::MIN / 2, i64::MAX / 2);
    let power = exponent - fraction.len() as i64 + zeros as i64;
    let power = u32::try_from(power).map_err(|_| if power < 0 { NotInteger::Fraction } else { NotInteger::Range })?;
    let mut value = 0_i128;
    for digit in digits().take(whole.len() + fraction.len() - zeros) {
        value = value.checked_mul(10).and_then(|v| v.checked_add(i128::from(digit - b'0'))).ok_or(NotInteger::Range)?;
    }
    let value = 10_i128.checked_pow(power).and_then(|factor| value.checked_mul(factor)).ok_or(NotInteger::Range)?;
    Ok(if negative { -value } else { value })
}
