//! The elements of a tensor as typed vectors, and the Rust types of elements. [`TensorData`](super::TensorData) holds them.

use std::fmt;

use half::{bf16, f16};

use super::{bytes_data::BytesData, datatype::DataType, little_endian::LittleEndian, write_numbers::WriteJson};

/// The elements of one tensor, in a vector of their Rust type.
#[derive(Clone)]
pub enum Elements {
    Bool(Vec<bool>),
    Uint8(Vec<u8>),
    Uint16(Vec<u16>),
    Uint32(Vec<u32>),
    Uint64(Vec<u64>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Fp16(Vec<f16>),
    Bf16(Vec<bf16>),
    Fp32(Vec<f32>),
    Fp64(Vec<f64>),
    Bytes(BytesData),
}

/// Matches on [`Elements`]: evaluates the same expression for the vector of any type, and another one for BYTES.
macro_rules! match_elements {
    ($elements:expr, $values:ident => $typed:expr, BYTES($data:pat) => $bytes:expr $(,)?) => {
        match_elements!($elements, $values => $typed, BOOL($values) => $typed, BYTES($data) => $bytes)
    };
    ($elements:expr, $values:ident => $typed:expr, BOOL($flags:pat) => $bool:expr, BYTES($data:pat) => $bytes:expr $(,)?) => {
        match $elements {
            $crate::protocol::elements::Elements::Bool($flags) => $bool,
            $crate::protocol::elements::Elements::Uint8($values) => $typed,
            $crate::protocol::elements::Elements::Uint16($values) => $typed,
            $crate::protocol::elements::Elements::Uint32($values) => $typed,
            $crate::protocol::elements::Elements::Uint64($values) => $typed,
            $crate::protocol::elements::Elements::Int8($values) => $typed,
            $crate::protocol::elements::Elements::Int16($values) => $typed,
            $crate::protocol::elements::Elements::Int32($values) => $typed,
            $crate::protocol::elements::Elements::Int64($values) => $typed,
            $crate::protocol::elements::Elements::Fp16($values) => $typed,
            $crate::protocol::elements::Elements::Bf16($values) => $typed,
            $crate::protocol::elements::Elements::Fp32($values) => $typed,
            $crate::protocol::elements::Elements::Fp64($values) => $typed,
            $crate::protocol::elements::Elements::Bytes($data) => $bytes,
        }
    };
}
pub(super) use match_elements;

/// Matches on [`DataType`]: evaluates the same expression for any type of numbers or booleans, in which the given name is
/// the Rust type, and another one for BYTES.
macro_rules! match_datatype {
    ($datatype:expr, $type:ident => $typed:expr, BYTES => $bytes:expr $(,)?) => {
        match_datatype!($datatype, $type => $typed, BOOL => { type $type = bool; $typed }, BYTES => $bytes)
    };
    ($datatype:expr, $type:ident => $typed:expr, BOOL => $bool:expr, BYTES => $bytes:expr $(,)?) => {
        match $datatype {
            $crate::protocol::DataType::Bool => $bool,
            $crate::protocol::DataType::Uint8 => { type $type = u8; $typed }
            $crate::protocol::DataType::Uint16 => { type $type = u16; $typed }
            $crate::protocol::DataType::Uint32 => { type $type = u32; $typed }
            $crate::protocol::DataType::Uint64 => { type $type = u64; $typed }
            $crate::protocol::DataType::Int8 => { type $type = i8; $typed }
            $crate::protocol::DataType::Int16 => { type $type = i16; $typed }
            $crate::protocol::DataType::Int32 => { type $type = i32; $typed }
            $crate::protocol::DataType::Int64 => { type $type = i64; $typed }
            $crate::protocol::DataType::Fp16 => { type $type = half::f16; $typed }
            $crate::protocol::DataType::Bf16 => { type $type = half::bf16; $typed }
            $crate::protocol::DataType::Fp32 => { type $type = f32; $typed }
            $crate::protocol::DataType::Fp64 => { type $type = f64; $typed }
            $crate::protocol::DataType::Bytes => $bytes,
        }
    };
}
pub(super) use match_datatype;

mod sealed {
    use super::{Elements, LittleEndian, WriteJson};

    /// Finds a Rust type among the variants of [`Elements`]. Sealed: the data types of the protocol are a closed set.
    pub trait Typed: LittleEndian + WriteJson {
        fn wrap(values: Vec<Self>) -> Elements;
        fn view(elements: &Elements) -> Option<&[Self]>;
        fn take(elements: Elements) -> Result<Vec<Self>, Elements>;
        /// Returns `false` for a number that JSON cannot represent.
        fn fits_json(self) -> bool;
    }
}

/// A Rust type of tensor elements: `bool`, the integers of 8 to 64 bits, `f32`, `f64`, and `f16` and `bf16` of the crate
/// `half`.
///
/// ```
/// use chariot_engine::protocol::{DataType, ElementType};
///
/// assert_eq!(<i64 as ElementType>::DATATYPE, DataType::Int64);
/// ```
pub trait ElementType: sealed::Typed + Copy + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// The data type whose elements have this type.
    const DATATYPE: DataType;
}

macro_rules! element_types {
    ($($variant:ident $type:ty: $fits_json:expr;)*) => {$(
        impl ElementType for $type {
            const DATATYPE: DataType = DataType::$variant;
        }

        impl sealed::Typed for $type {
            fn wrap(values: Vec<Self>) -> Elements {
                Elements::$variant(values)
            }

            fn view(elements: &Elements) -> Option<&[Self]> {
                match elements {
                    Elements::$variant(values) => Some(values),
                    _ => None,
                }
            }

            fn take(elements: Elements) -> Result<Vec<Self>, Elements> {
                match elements {
                    Elements::$variant(values) => Ok(values),
                    other => Err(other),
                }
            }

            #[inline]
            fn fits_json(self) -> bool {
                $fits_json(self)
            }
        }
    )*};
}
element_types! {
    Bool bool: always;
    Uint8 u8: always;
    Uint16 u16: always;
    Uint32 u32: always;
    Uint64 u64: always;
    Int8 i8: always;
    Int16 i16: always;
    Int32 i32: always;
    Int64 i64: always;
    Fp16 f16: f16::is_finite;
    Bf16 bf16: bf16::is_finite;
    Fp32 f32: f32::is_finite;
    Fp64 f64: f64::is_finite;
}

#[inline]
fn always<T>(_: T) -> bool {
    true
}
