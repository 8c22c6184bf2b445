//! JSON numbers to numbers of a data type, straight from the text. Lists of elements are read with it.
//!
//! The common forms are read in one pass; what is left goes to the standard library, which rounds correctly.

use half::{bf16, f16};

/// Powers of ten that an FP64 holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Where the number that starts at `start` ends; `None` if it is none by the grammar of JSON.
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
    // `01` and `1x` are one malformed number, not a number and a rest.
    match bytes.get(at) {
        Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-') => None,
        _ => Some(at),
    }
}

/// A number in its parts: `(-1)^negative * mantissa * 10^exponent`, and where it ended.
struct Parts {
    negative: bool,
    mantissa: u64,
    exponent: i32,
    end: usize,
}

/// Reads a number without an `e` and with at most 19 digits; `None` for every other form.
#[inline]
fn parts(bytes: &[u8], start: usize) -> Option<Parts> {
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
    (ended && count <= 19).then_some(Parts { negative, mantissa, exponent, end: at })
}

#[inline]
fn digit(bytes: &[u8], at: usize) -> Option<u64> {
    let value = bytes.get(at)?.wrapping_sub(b'0');
    (value < 10).then_some(u64::from(value))
}

/// The quick way to a correctly rounded FP64: both operands are exact, so the one operation rounds once.
#[inline]
fn quick(parts: &Parts) -> Option<f64> {
    let power = usize::try_from(-parts.exponent).ok()?;
    if parts.mantissa > 1 << 53 {
        return None;
    }
    let value = parts.mantissa as f64 / EXACT_POWERS.get(power)?;
    Some(if parts.negative { -value } else { value })
}

/// The quick way to an FP64 that is at most two units in its last place from the decimal: the mantissa and the quotient are
/// rounded once each. Clients that keep numbers as FP64 write 16 or 17 digits, more than [`quick`] takes.
#[inline]
fn near(parts: &Parts) -> Option<f64> {
    let power = usize::try_from(-parts.exponent).ok()?;
    let value = parts.mantissa as f64 / EXACT_POWERS.get(power)?;
    Some(if parts.negative { -value } else { value })
}

/// Why a number that is well-formed is not of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Fraction,
    Range,
}

/// A number that JSON can give: what it is in a float.
pub(super) trait Float: Sized {
    /// From a correctly rounded FP64 if that rounds to the same, which `None` leaves open.
    fn from_quick(value: f64) -> Option<Self>;
    /// From an FP64 that is at most two units in its last place away, if that makes no difference.
    fn from_near(_: f64) -> Option<Self> {
        None
    }
    /// From the text of a well-formed number; infinite where the type overflows.
    fn from_text(text: &str) -> Self;
    fn overflowed(&self) -> bool;
}

impl Float for f64 {
    #[inline]
    fn from_quick(value: f64) -> Option<Self> {
        Some(value)
    }

    fn from_text(text: &str) -> Self {
        text.parse().unwrap_or(f64::INFINITY)
    }

    fn overflowed(&self) -> bool {
        self.is_infinite()
    }
}

/// What an FP64 has beyond the FP32 that it is cut to, and the half of the last place of that.
const TAIL: u64 = (1 << 29) - 1;
const HALF: u64 = 1 << 28;

impl Float for f32 {
    #[inline]
    fn from_quick(value: f64) -> Option<Self> {
        // Half way between two FP32 the FP64 has lost to which side the decimal lay.
        (value.to_bits() & TAIL != HALF).then_some(value as f32)
    }

    #[inline]
    fn from_near(value: f64) -> Option<Self> {
        // Below the normal FP32 the half way lies at another bit.
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
    ($($type:ty),*) => {$(
        impl Float for $type {
            #[inline]
            fn from_quick(value: f64) -> Option<Self> {
                let value = <$type>::from_f64(value);
                (!value.is_infinite()).then_some(value)
            }

            fn from_text(text: &str) -> Self {
                <$type>::from_f64(f64::from_text(text))
            }

            fn overflowed(&self) -> bool {
                self.is_infinite()
            }
        }
    )*};
}
half_floats!(f16, bf16);

/// A float and where it ended; `None` is for [`why`] to explain.
#[inline]
pub(super) fn float<T: Float>(text: &str, start: usize) -> Option<(T, usize)> {
    if let Some(parts) = parts(text.as_bytes(), start)
        && let Some(value) = quick(&parts).and_then(T::from_quick).or_else(|| near(&parts).and_then(T::from_near))
    {
        return Some((value, parts.end));
    }
    let end = end_of_number(text.as_bytes(), start)?;
    let value = T::from_text(&text[start..end]);
    (!value.overflowed()).then_some((value, end))
}

/// An integer and where it ended; `None` is for [`why`] to explain.
#[inline]
pub(super) fn integer<T: TryFrom<i128>>(text: &str, start: usize) -> Option<(T, usize)> {
    if let Some(parts) = parts(text.as_bytes(), start)
        && parts.exponent == 0
    {
        let magnitude = i128::from(parts.mantissa);
        let value = T::try_from(if parts.negative { -magnitude } else { magnitude }).ok()?;
        return Some((value, parts.end));
    }
    let end = end_of_number(text.as_bytes(), start)?;
    Some((T::try_from(integral(&text[start..end]).ok()?).ok()?, end))
}

/// Why the well-formed number `text` is not an integer of some type: it has a fraction, or it is out of range.
pub(super) fn why(text: &str) -> Unfit {
    integral(text).err().unwrap_or(Unfit::Range)
}

/// The value of a well-formed number that may be written with a point or an exponent, if it is a whole one.
fn integral(text: &str) -> Result<i128, Unfit> {
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
    // An exponent beyond i64 lies far beyond every type, so its sign is all that matters.
    let beyond = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    let exponent = exponent.parse().unwrap_or(beyond).clamp(i64::MIN / 2, i64::MAX / 2);
    let power = exponent - fraction.len() as i64 + zeros as i64;
    let power = u32::try_from(power).map_err(|_| if power < 0 { Unfit::Fraction } else { Unfit::Range })?;
    let mut value = 0_i128;
    for digit in digits().take(whole.len() + fraction.len() - zeros) {
        value = value.checked_mul(10).and_then(|v| v.checked_add(i128::from(digit - b'0'))).ok_or(Unfit::Range)?;
    }
    let value = 10_i128.checked_pow(power).and_then(|factor| value.checked_mul(factor)).ok_or(Unfit::Range)?;
    Ok(if negative { -value } else { value })
}
