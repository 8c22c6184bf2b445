//! The elements of one tensor, typed. Requests are decoded into it, responses are encoded from it.

use std::fmt;

use half::{bf16, f16};

use super::{
    BytesElement, DataType, JsonText,
    raw::{LittleEndian, Raw},
    texts::{Text, Texts},
};
use crate::error::Rejection;

/// The elements of one tensor, row-major.
///
/// Numbers and booleans are a vector of their Rust type, or as a request's binary tensor a slice of its body, which is
/// converted when somebody asks for values. BYTES elements of a request are slices of its body too: nothing is copied
/// until somebody asks for a string. The shape stands beside the data, not in it.
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
pub struct TensorData(pub(super) Form);

/// What is behind [`TensorData`]; private, so that a form may be added.
#[derive(Clone)]
pub(super) enum Form {
    Typed(Elements),
    /// Numbers or booleans of a binary tensor.
    Raw(Raw),
}

/// Elements as values.
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
    use super::{LittleEndian, TensorData};

    /// How a Rust type is found in a tensor's data. Sealed: the data types of the protocol are a closed set.
    pub trait Typed: LittleEndian {
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
                let elements = match &data.0 {
                    Form::Typed(elements) => elements,
                    Form::Raw(raw) if raw.datatype() != DataType::$variant => return None,
                    Form::Raw(raw) => match <$type>::borrow_all(raw.bytes()) {
                        Some(values) => return Some(values),
                        None => raw.converted(),
                    },
                };
                match elements {
                    Elements::$variant(values) => Some(values),
                    _ => None,
                }
            }

            fn take(data: TensorData) -> Result<Vec<Self>, TensorData> {
                match data.0 {
                    Form::Typed(Elements::$variant(values)) => Ok(values),
                    Form::Raw(raw) if raw.datatype() == DataType::$variant => Ok(raw.into_vec()),
                    other => Err(TensorData(other)),
                }
            }
        }

        impl From<Vec<$type>> for TensorData {
            fn from(values: Vec<$type>) -> Self {
                TensorData::of(Elements::$variant(values))
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
        TensorData::of(Elements::Bytes(Texts::Strings(strings)))
    }
}

impl From<Vec<JsonText>> for TensorData {
    /// BYTES elements that are native JSON values.
    fn from(values: Vec<JsonText>) -> Self {
        TensorData::of(Elements::Bytes(Texts::Values(values)))
    }
}

fn datatype_of<T: Element>(_: &[T]) -> DataType {
    T::DATATYPE
}

impl TensorData {
    /// The bytes that the elements take beyond those of the request that they came in.
    pub(crate) fn memory(&self) -> usize {
        match &self.0 {
            Form::Raw(_) => 0,
            Form::Typed(elements) => {
                on_elements!(elements, values => size_of_val(&values[..]), texts => texts.memory())
            }
        }
    }

    pub(super) fn of(elements: Elements) -> Self {
        TensorData(Form::Typed(elements))
    }

    /// The elements as values; those of a binary tensor are converted, and kept.
    pub(super) fn values(&self) -> &Elements {
        match &self.0 {
            Form::Typed(elements) => elements,
            Form::Raw(raw) => raw.converted(),
        }
    }

    /// The elements of BYTES.
    pub(super) fn texts(&self) -> Option<&Texts> {
        match &self.0 {
            Form::Typed(Elements::Bytes(texts)) => Some(texts),
            _ => None,
        }
    }

    /// What the elements are.
    pub fn datatype(&self) -> DataType {
        match &self.0 {
            Form::Typed(elements) => on_elements!(elements, values => datatype_of(values), _texts => DataType::Bytes),
            Form::Raw(raw) => raw.datatype(),
        }
    }

    /// How many elements there are. BYTES that came as nested lists count as the elements of the outermost list.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Typed(elements) => on_elements!(elements, values => values.len(), texts => texts.len()),
            Form::Raw(raw) => raw.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, if they are of this type.
    ///
    /// Those of a binary tensor are converted when this is first called, and kept beside the body from then on (bytes are
    /// not: they are where they came). [`into_vec`](Self::into_vec) keeps nothing.
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        T::view(self)
    }

    /// The elements as a vector of their own: without a copy, or converted from a binary tensor in one pass.
    ///
    /// # Errors
    /// The data itself, if its elements are of another type.
    pub fn into_vec<T: Element>(self) -> Result<Vec<T>, Self> {
        T::take(self)
    }

    /// The elements of BYTES, each a JSON value or bytes; those of a request are slices of its body. `None` for other
    /// data types.
    pub fn bytes_elements(&self) -> Option<impl Iterator<Item = BytesElement> + '_> {
        self.texts().map(|texts| (0..texts.len()).map(|index| texts.element(index)))
    }

    /// The element of BYTES at `index`, where it stands.
    pub(crate) fn text_at(&self, index: usize) -> Option<Text<'_>> {
        self.texts()?.borrowed(index)
    }

    /// The elements of BYTES as strings. They may be flat or nested like `shape`, and are flat in the result.
    ///
    /// # Errors
    /// Data of another type, an element that is no string (or in binary form not UTF-8), and a count or a nesting that
    /// does not agree with `shape`.
    pub fn strings(&self, shape: &[usize]) -> Result<Vec<String>, Rejection> {
        match self.texts() {
            Some(texts) => texts.strings(shape),
            None => Err(Rejection::new(format!("BYTES is expected, {} came", self.datatype()))),
        }
    }

    /// The elements of BYTES, flat and as many as `shape` needs: strings, or bytes in binary form as they are.
    ///
    /// # Errors
    /// Those of [`strings`](Self::strings), but that bytes need not be UTF-8.
    pub(crate) fn flat(self, shape: &[usize]) -> Result<TensorData, Rejection> {
        match self.texts() {
            Some(texts @ Texts::Binary { .. }) => texts.same_count(shape).map(|()| self),
            _ => self.strings(shape).map(TensorData::from),
        }
    }
}

impl fmt::Debug for TensorData {
    /// Data type and count: the payload stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TensorData({}, {} elements)", self.datatype(), self.len())
    }
}
