//! The elements of one tensor, typed. Requests are decoded into it, responses are encoded from it.

use std::fmt;

use half::{bf16, f16};

use super::{DataType, JsonText, texts::Texts};
use crate::error::Rejection;

/// The elements of one tensor, row-major.
///
/// Numbers and booleans are a vector of their Rust type. BYTES elements of a request are slices of its body: nothing is
/// copied until somebody asks for a string. The shape stands beside the data, not in it.
///
/// ```
/// use chariot_engine::protocol::{DataType, TensorData};
///
/// let data = TensorData::from(vec![1.0_f32, 2.0]);
/// assert_eq!((data.datatype(), data.len()), (DataType::Fp32, 2));
/// assert_eq!(data.as_slice::<f32>(), Some(&[1.0, 2.0][..]));
/// assert_eq!(data.as_slice::<i64>(), None);
///
/// let words = TensorData::from(vec!["a".to_owned(), "b".to_owned()]);
/// assert_eq!(words.strings(&[2]).unwrap(), ["a", "b"]);
/// ```
#[derive(Clone)]
pub struct TensorData(pub(super) Elements);

/// What is behind [`TensorData`]; private, so that a form may be added.
#[derive(Clone)]
pub(super) enum Elements {
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
    Bytes(Texts),
}

/// Does the same with the vector of any element type, and something else with BYTES.
macro_rules! on_elements {
    ($data:expr, $values:ident => $typed:expr, $texts:ident => $bytes:expr $(,)?) => {
        match $data {
            Elements::Bool($values) => $typed,
            Elements::Uint8($values) => $typed,
            Elements::Uint16($values) => $typed,
            Elements::Uint32($values) => $typed,
            Elements::Uint64($values) => $typed,
            Elements::Int8($values) => $typed,
            Elements::Int16($values) => $typed,
            Elements::Int32($values) => $typed,
            Elements::Int64($values) => $typed,
            Elements::Fp16($values) => $typed,
            Elements::Bf16($values) => $typed,
            Elements::Fp32($values) => $typed,
            Elements::Fp64($values) => $typed,
            Elements::Bytes($texts) => $bytes,
        }
    };
}

mod sealed {
    use super::TensorData;

    /// How a Rust type is found in a tensor's data. Sealed: the data types of the protocol are a closed set.
    pub trait Typed: Sized {
        fn view(data: &TensorData) -> Option<&[Self]>;
        fn take(data: TensorData) -> Result<Vec<Self>, TensorData>;
    }
}

/// A Rust type that elements of a tensor have: `bool`, the integers of 8 to 64 bits, `f32`, `f64`, and `f16` and `bf16`
/// of the crate `half`.
///
/// ```
/// use chariot_engine::protocol::{DataType, Element};
///
/// assert_eq!(<i64 as Element>::DATATYPE, DataType::Int64);
/// ```
pub trait Element: sealed::Typed + Copy + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// The data type whose elements are of this type.
    const DATATYPE: DataType;
}

macro_rules! elements {
    ($($variant:ident $type:ty,)*) => {$(
        impl Element for $type {
            const DATATYPE: DataType = DataType::$variant;
        }

        impl sealed::Typed for $type {
            fn view(data: &TensorData) -> Option<&[Self]> {
                match &data.0 {
                    Elements::$variant(values) => Some(values),
                    _ => None,
                }
            }

            fn take(data: TensorData) -> Result<Vec<Self>, TensorData> {
                match data.0 {
                    Elements::$variant(values) => Ok(values),
                    other => Err(TensorData(other)),
                }
            }
        }

        impl From<Vec<$type>> for TensorData {
            fn from(values: Vec<$type>) -> Self {
                TensorData(Elements::$variant(values))
            }
        }
    )*};
}
elements! {
    Bool bool,
    Uint8 u8,
    Uint16 u16,
    Uint32 u32,
    Uint64 u64,
    Int8 i8,
    Int16 i16,
    Int32 i32,
    Int64 i64,
    Fp16 f16,
    Bf16 bf16,
    Fp32 f32,
    Fp64 f64,
}

impl From<Vec<String>> for TensorData {
    /// BYTES elements that are strings.
    fn from(strings: Vec<String>) -> Self {
        TensorData(Elements::Bytes(Texts::Strings(strings)))
    }
}

impl From<Vec<JsonText>> for TensorData {
    /// BYTES elements that are native JSON values.
    fn from(values: Vec<JsonText>) -> Self {
        TensorData(Elements::Bytes(Texts::Values(values)))
    }
}

fn datatype_of<T: Element>(_: &[T]) -> DataType {
    T::DATATYPE
}

impl TensorData {
    /// What the elements are.
    pub fn datatype(&self) -> DataType {
        on_elements!(&self.0, values => datatype_of(values), _texts => DataType::Bytes)
    }

    /// How many elements there are. BYTES that came as nested lists count as the elements of the outermost list.
    pub fn len(&self) -> usize {
        on_elements!(&self.0, values => values.len(), texts => texts.len())
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, if they are of this type.
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        T::view(self)
    }

    /// The elements as a vector of their own, without a copy.
    ///
    /// # Errors
    /// The data itself, if its elements are of another type.
    pub fn into_vec<T: Element>(self) -> Result<Vec<T>, Self> {
        T::take(self)
    }

    /// The elements of BYTES as JSON values; those of a request are slices of its body. `None` for other data types.
    pub fn json_elements(&self) -> Option<impl Iterator<Item = JsonText> + '_> {
        match &self.0 {
            Elements::Bytes(texts) => Some((0..texts.len()).map(|index| texts.value(index))),
            _ => None,
        }
    }

    /// The elements of BYTES as strings. They may be flat or nested like `shape`, and are flat in the result.
    ///
    /// # Errors
    /// Data of another type, an element that is no string, and a count or a nesting that does not agree with `shape`.
    pub fn strings(&self, shape: &[usize]) -> Result<Vec<String>, Rejection> {
        match &self.0 {
            Elements::Bytes(texts) => texts.strings(shape),
            _ => Err(Rejection::new(format!("BYTES is expected, {} came", self.datatype()))),
        }
    }
}

impl fmt::Debug for TensorData {
    /// Data type and count: the payload stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TensorData({}, {} elements)", self.datatype(), self.len())
    }
}
