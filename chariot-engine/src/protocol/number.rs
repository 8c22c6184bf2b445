//! Parses JSON numbers straight into numbers of a data type. Lists of elements are read with it.
//!
//! Common notations are parsed in one pass; all others go to the standard library, which rounds correctly.

use std::borrow::Cow;

use half::{bf16, f16};

use super::{
    decimal::{Decimal, FromDecimal, eight_digits},
    half_rounding::{to_bf16, to_f16},
};

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

/// The longest mantissa, in digits: any number of 19 digits fits 64 bits.
const MOST_DIGITS: usize = 19;

/// Parses a number of at most [`MOST_DIGITS`] digits, and returns it with its end. Returns `None` for a longer one, for one
/// that is a mantissa times a power of ten above 1, and for a malformed one.
#[inline]
fn decimal(bytes: &[u8], start: usize) -> Option<(Decimal, usize)> {
    let negative = bytes.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let (mut mantissa, mut at) = digits(bytes, first, 0);
    let mut count = at - first;
    if count == 0 || (count > 1 && bytes[first] == b'0') {
        return None;
    }
    let mut decimals = 0;
    if bytes.get(at) == Some(&b'.') {
        let point = at + 1;
        (mantissa, at) = digits(bytes, point, mantissa);
        decimals = at - point;
        if decimals == 0 {
            return None;
        }
        count += decimals;
    }
    if count > MOST_DIGITS {
        return None;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        (decimals, at) = with_exponent(bytes, at + 1, decimals)?;
    }
    let ended = !matches!(bytes.get(at), Some(b'e' | b'E' | b'.' | b'+' | b'-'));
    ended.then_some((Decimal { negative, mantissa, decimals }, at))
}

/// Parses the exponent at `start` of a number with so many decimals, and returns the decimals of the same number without
/// an exponent, and its end. Returns `None` if they are none or very many.
#[inline]
fn with_exponent(bytes: &[u8], start: usize, decimals: usize) -> Option<(usize, usize)> {
    let sign = bytes.get(start);
    let first = start + usize::from(matches!(sign, Some(b'+' | b'-')));
    let (exponent, end) = digits(bytes, first, 0);
    if !(1..=3).contains(&(end - first)) || bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let exponent = usize::try_from(exponent).ok()?;
    let decimals = if sign == Some(&b'-') { decimals + exponent } else { decimals.checked_sub(exponent)? };
    Some((decimals, end))
}

/// Appends the digits at `at` to a mantissa, and returns it with their end. Above [`MOST_DIGITS`], the mantissa wraps.
#[inline]
fn digits(bytes: &[u8], mut at: usize, mut mantissa: u64) -> (u64, usize) {
    /// Powers of ten by the number of digits appended.
    const POWERS: [u64; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let digits = u64::from_le_bytes(*eight) ^ 0x3030_3030_3030_3030;
        // Sets the highest bit of each byte above 9. Only such a byte can carry into the next one.
        let others = (digits | digits.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080;
        let count = others.trailing_zeros() / 8;
        // Moves the digits to the end of the eight, behind zeros.
        let value = eight_digits(digits.checked_shl(64 - 8 * count).unwrap_or(0));
        mantissa = mantissa.wrapping_mul(POWERS[count as usize]).wrapping_add(value);
        at += count as usize;
        if count < 8 {
            return (mantissa, at);
        }
    }
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (mantissa, at)
}

/// The reason why a well-formed number is not an integer of some type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotInteger {
    Fraction,
    Range,
}

/// A floating-point type that JSON numbers are parsed into.
pub(super) trait Float: FromDecimal {
    /// Parses the text of a well-formed number; returns an infinity if the type overflows.
    fn from_text(text: &str) -> Self;
    /// Returns `true` if the value is infinite.
    fn overflowed(&self) -> bool;
}

macro_rules! floats {
    ($($type:ty: $from_text:expr),*) => {$(
        impl Float for $type {
            fn from_text(text: &str) -> Self {
                $from_text(text)
            }

            fn overflowed(&self) -> bool {
                self.is_infinite()
            }
        }
    )*};
}
floats!(
    f16: |text| to_f16(f64::from_text(text)),
    bf16: |text| to_bf16(f64::from_text(text)),
    f32: |text: &str| text.parse().unwrap_or(f32::INFINITY),
    f64: |text: &str| text.parse().unwrap_or(f64::INFINITY)
);

/// Parses a float and returns it with its end, or `None` if the number is malformed or out of range.
#[inline]
pub(super) fn float<T: Float>(text: &str, start: usize) -> Option<(T, usize)> {
    if let Some((decimal, end)) = decimal(text.as_bytes(), start)
        && let Some(value) = T::from_decimal(decimal)
    {
        return Some((value, end));
    }
    let end = end_of_number(text.as_bytes(), start)?;
    let value = T::from_text(&text[start..end]);
    (!value.overflowed()).then_some((value, end))
}

/// Parses an integer and returns it with its end, or `None`, which [`not_integer`] explains.
#[inline]
pub(super) fn integer<T: FromDecimal + TryFrom<i128>>(text: &str, start: usize) -> Option<(T, usize)> {
    if let Some((decimal, end)) = decimal(text.as_bytes(), start)
        && let Some(value) = T::from_decimal(decimal)
    {
        return Some((value, end));
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
