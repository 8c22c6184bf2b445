//! Writes lists of numbers and booleans as JSON, exactly as serde_json writes them. The elements of outputs are written with
//! it.
//!
//! Numbers are written into a block, which is appended to the text as a whole: a text that grows for every number costs as
//! much as small numbers themselves.

use half::{bf16, f16};

/// The place for one value and the comma behind it. The longest value is an FP64 of 24 bytes.
type Slot = [u8; 32];

/// The number of values in a block.
const MANY: usize = 64;

/// A type of values that JSON can represent.
pub trait WriteJson: Copy {
    /// Writes the value at the start of the slot, and returns its length. The bytes behind it may be anything.
    fn write(self, slot: &mut Slot) -> usize;
}

/// Writes a list of values, which must be finite.
pub(super) fn write_list<T: WriteJson>(text: &mut Vec<u8>, values: &[T]) {
    let mut block = [0; MANY * size_of::<Slot>()];
    text.push(b'[');
    for values in values.chunks(MANY) {
        let mut at = 0;
        for value in values {
            // Always a slot: the block has one for each value.
            let Some(slot) = block[at..].first_chunk_mut::<{ size_of::<Slot>() }>() else { break };
            let length = value.write(slot);
            slot[length] = b',';
            at += length + 1;
        }
        text.extend_from_slice(&block[..at]);
    }
    match text.last_mut() {
        Some(comma) if !values.is_empty() => *comma = b']',
        _ => text.push(b']'),
    }
}

impl WriteJson for bool {
    #[inline]
    fn write(self, slot: &mut Slot) -> usize {
        copy(slot, if self { b"true" } else { b"false" })
    }
}

macro_rules! integers {
    ($($type:ty: $is_negative:expr),*) => {$(
        impl WriteJson for $type {
            #[inline]
            fn write(self, slot: &mut Slot) -> usize {
                match u32::try_from(self.abs_diff(0)) {
                    Ok(magnitude) if magnitude < EIGHT_DIGITS => whole(slot, $is_negative(self), magnitude),
                    _ => copy(slot, itoa::Buffer::new().format(self).as_bytes()),
                }
            }
        }
    )*};
}
integers!(
    u8: |_| false, u16: |_| false, u32: |_| false, u64: |_| false,
    i8: i8::is_negative, i16: i16::is_negative, i32: i32::is_negative, i64: i64::is_negative
);

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl WriteJson for $type {
            #[inline]
            fn write(self, slot: &mut Slot) -> usize {
                // Whole numbers that are exact are common, and zeros above all. Their digits are the shortest ones.
                let magnitude = self.abs() as u32;
                if magnitude < EXACT && <$type>::from(magnitude as f32) == self.abs() {
                    let length = whole(slot, self.is_sign_negative(), magnitude);
                    slot[length..length + 2].copy_from_slice(b".0");
                    return length + 2;
                }
                copy(slot, zmij::Buffer::new().format_finite(self).as_bytes())
            }
        }
    )*};
}
floats!(f32, f64);

macro_rules! half_floats {
    ($($type:ty),*) => {$(
        impl WriteJson for $type {
            #[inline]
            fn write(self, slot: &mut Slot) -> usize {
                self.to_f32().write(slot)
            }
        }
    )*};
}
half_floats!(f16, bf16);

/// The first whole number that FP32 may not represent.
const EXACT: u32 = 1 << f32::MANTISSA_DIGITS;

/// The first number with more than eight digits.
const EIGHT_DIGITS: u32 = 100_000_000;

/// Writes a whole number of at most eight digits.
#[inline]
fn whole(slot: &mut Slot, negative: bool, magnitude: u32) -> usize {
    // The reverse of reading: splits the number into pairs of numbers of four digits, of two, and of one, without a branch
    // for their count. The multiplications divide by 10,000, by 100 and by 10.
    let number = u64::from(magnitude);
    let first = (number * 109_951_163) >> 40;
    let fours = first | (number - first * 10_000) << 32;
    let first = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = first | (fours - first * 100) << 16;
    let first = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let digits = first | (twos - first * 10) << 8;
    // The zeros in front; zero itself is one digit.
    let zeros = (digits.trailing_zeros() / 8).min(7);
    let text = (digits | 0x3030_3030_3030_3030) >> (8 * zeros);
    let sign = usize::from(negative);
    slot[0] = b'-';
    slot[sign..sign + 8].copy_from_slice(&text.to_le_bytes());
    sign + 8 - zeros as usize
}

/// Copies a text of up to 24 bytes.
#[inline]
fn copy(slot: &mut Slot, text: &[u8]) -> usize {
    let length = text.len();
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        // Two copies of a known length are faster than one of any length.
        (Some(first), Some(last)) if length <= 16 => {
            slot[..8].copy_from_slice(first);
            slot[length - 8..length].copy_from_slice(last);
        }
        _ => slot[..length].copy_from_slice(text),
    }
    length
}
