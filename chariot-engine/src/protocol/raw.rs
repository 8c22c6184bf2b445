//! A tensor of numbers or booleans as it came in binary form: a slice of the body, which is converted only when somebody
//! asks for values. [`TensorData`] holds it, and writes values as such bytes.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use half::{bf16, f16};

use super::{DataType, Element, TensorData, tensor::Elements};

/// How a Rust type stands in a binary tensor.
pub trait LittleEndian: Sized {
    /// The values of whole elements.
    fn read_all(bytes: &[u8]) -> impl ExactSizeIterator<Item = Self>;
    /// Adds the bytes of these values.
    fn write_all(values: &[Self], bytes: &mut Vec<u8>);
    /// The values where they stand, if bytes are what they are.
    fn borrow_all(_: &[u8]) -> Option<&[Self]> {
        None
    }
}

macro_rules! little_endian {
    ($($type:ty, $size:literal, $read:expr, $write:expr $(, $borrow:expr)?;)*) => {$(
        impl LittleEndian for $type {
            fn read_all(bytes: &[u8]) -> impl ExactSizeIterator<Item = Self> {
                bytes.as_chunks::<$size>().0.iter().copied().map($read)
            }

            fn write_all(values: &[Self], bytes: &mut Vec<u8>) {
                let start = bytes.len();
                bytes.resize(start + values.len() * $size, 0);
                // Into a slice of the right length, so that the compiler makes one copy of it.
                for (place, value) in bytes[start..].as_chunks_mut::<$size>().0.iter_mut().zip(values) {
                    *place = $write(*value);
                }
            }

            $(fn borrow_all(bytes: &[u8]) -> Option<&[Self]> {
                $borrow(bytes)
            })?
        }
    )*};
}
little_endian! {
    bool, 1, |[byte]: [u8; 1]| byte != 0, |value| [u8::from(value)];
    u8, 1, u8::from_le_bytes, u8::to_le_bytes, Some;
    u16, 2, u16::from_le_bytes, u16::to_le_bytes;
    u32, 4, u32::from_le_bytes, u32::to_le_bytes;
    u64, 8, u64::from_le_bytes, u64::to_le_bytes;
    i8, 1, i8::from_le_bytes, i8::to_le_bytes;
    i16, 2, i16::from_le_bytes, i16::to_le_bytes;
    i32, 4, i32::from_le_bytes, i32::to_le_bytes;
    i64, 8, i64::from_le_bytes, i64::to_le_bytes;
    f16, 2, f16::from_le_bytes, f16::to_le_bytes;
    bf16, 2, bf16::from_le_bytes, bf16::to_le_bytes;
    f32, 4, f32::from_le_bytes, f32::to_le_bytes;
    f64, 8, f64::from_le_bytes, f64::to_le_bytes;
}

/// Elements in binary form. A clone shares them, and what they have been converted to.
#[derive(Clone)]
pub(super) struct Raw(Arc<Shared>);

struct Shared {
    datatype: DataType,
    /// Whole elements, those of BOOL 0 or 1.
    bytes: Bytes,
    /// The values, once somebody has asked for a slice of them.
    converted: OnceLock<Elements>,
}

impl Raw {
    /// Bytes that are whole elements of this type, which is not BYTES.
    pub(super) fn new(datatype: DataType, bytes: Bytes) -> Self {
        Raw(Arc::new(Shared { datatype, bytes, converted: OnceLock::new() }))
    }

    pub(super) fn datatype(&self) -> DataType {
        self.0.datatype
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.0.bytes.len() / self.0.datatype.size().unwrap_or(1)
    }

    /// The elements, read as this type.
    pub(super) fn values<T: Element>(&self) -> impl ExactSizeIterator<Item = T> {
        T::read_all(&self.0.bytes)
    }

    /// The elements in vectors of their own; they are converted the first time.
    pub(super) fn converted(&self) -> &Elements {
        self.0.converted.get_or_init(|| match self.0.datatype {
            DataType::Bool => Elements::Bool(self.values().collect()),
            DataType::Uint16 => Elements::Uint16(self.values().collect()),
            DataType::Uint32 => Elements::Uint32(self.values().collect()),
            DataType::Uint64 => Elements::Uint64(self.values().collect()),
            DataType::Int8 => Elements::Int8(self.values().collect()),
            DataType::Int16 => Elements::Int16(self.values().collect()),
            DataType::Int32 => Elements::Int32(self.values().collect()),
            DataType::Int64 => Elements::Int64(self.values().collect()),
            DataType::Fp16 => Elements::Fp16(self.values().collect()),
            DataType::Bf16 => Elements::Bf16(self.values().collect()),
            DataType::Fp32 => Elements::Fp32(self.values().collect()),
            DataType::Fp64 => Elements::Fp64(self.values().collect()),
            DataType::Uint8 | DataType::Bytes => Elements::Uint8(self.values().collect()),
        })
    }

    /// The elements as a vector, which is the converted one if nobody else has it.
    pub(super) fn into_vec<T: Element>(self) -> Vec<T> {
        match Arc::try_unwrap(self.0) {
            Ok(Shared { bytes, converted, .. }) => {
                let kept = converted.into_inner().and_then(|elements| TensorData::of(elements).into_vec().ok());
                kept.unwrap_or_else(|| T::read_all(&bytes).collect())
            }
            Err(shared) => T::read_all(&shared.bytes).collect(),
        }
    }
}
