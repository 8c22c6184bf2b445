//! The binary form of a Rust type: little-endian and without padding.

use bytemuck::cast_slice;
use half::{bf16, f16, slice::HalfFloatSliceExt};

/// A Rust type that a binary tensor can store.
pub trait LittleEndian: Sized {
    /// Reads the values of whole elements.
    fn read_all(bytes: &[u8]) -> impl ExactSizeIterator<Item = Self>;
    /// Appends the bytes of these values.
    fn write_all(values: &[Self], bytes: &mut Vec<u8>);
    /// Returns the bytes of these values where they are. `None` on a machine with another order of bytes.
    fn as_bytes(values: &[Self]) -> Option<&[u8]>;
    /// Returns the values without a copy, if the type is a plain byte.
    fn borrow_all(_: &[u8]) -> Option<&[Self]> {
        None
    }
}

macro_rules! little_endian {
    ($($type:ty, $size:literal, $read:expr, $write:expr, $bytes:expr $(, $borrow:expr)?;)*) => {$(
        impl LittleEndian for $type {
            fn read_all(bytes: &[u8]) -> impl ExactSizeIterator<Item = Self> {
                bytes.as_chunks::<$size>().0.iter().copied().map($read)
            }

            fn write_all(values: &[Self], bytes: &mut Vec<u8>) {
                let start = bytes.len();
                bytes.resize(start + values.len() * $size, 0);
                // Writes into a slice of the right length, so that the compiler turns the loop into one copy.
                for (target, value) in bytes[start..].as_chunks_mut::<$size>().0.iter_mut().zip(values) {
                    *target = $write(*value);
                }
            }

            fn as_bytes(values: &[Self]) -> Option<&[u8]> {
                (cfg!(target_endian = "little") || $size == 1).then(|| $bytes(values))
            }

            $(fn borrow_all(bytes: &[u8]) -> Option<&[Self]> {
                $borrow(bytes)
            })?
        }
    )*};
}
little_endian! {
    bool, 1, |[byte]: [u8; 1]| byte != 0, |value| [u8::from(value)], cast_slice;
    u8, 1, u8::from_le_bytes, u8::to_le_bytes, cast_slice, Some;
    u16, 2, u16::from_le_bytes, u16::to_le_bytes, cast_slice;
    u32, 4, u32::from_le_bytes, u32::to_le_bytes, cast_slice;
    u64, 8, u64::from_le_bytes, u64::to_le_bytes, cast_slice;
    i8, 1, i8::from_le_bytes, i8::to_le_bytes, cast_slice;
    i16, 2, i16::from_le_bytes, i16::to_le_bytes, cast_slice;
    i32, 4, i32::from_le_bytes, i32::to_le_bytes, cast_slice;
    i64, 8, i64::from_le_bytes, i64::to_le_bytes, cast_slice;
    f16, 2, f16::from_le_bytes, f16::to_le_bytes, cast_half;
    bf16, 2, bf16::from_le_bytes, bf16::to_le_bytes, cast_half;
    f32, 4, f32::from_le_bytes, f32::to_le_bytes, cast_slice;
    f64, 8, f64::from_le_bytes, f64::to_le_bytes, cast_slice;
}

fn cast_half<T>(values: &[T]) -> &[u8]
where
    [T]: HalfFloatSliceExt,
{
    cast_slice(values.reinterpret_cast())
}
