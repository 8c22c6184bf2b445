//! The data of one tensor. Requests are decoded into it, responses are encoded from it.

use std::fmt;

use half::{bf16, f16};

use super::{
    binary_elements::BinaryElements,
    bytes_data::{BytesData, BytesElementRef},
    bytes_element::BytesElement,
    datatype::DataType,
    elements::{ElementType, Elements, match_elements},
    json_text::JsonText,
    meter::{Meter, block},
};
use crate::error::{Expected, Rejection};

/// The elements of one tensor, in row-major order. The shape is stored beside the data.
///
/// Numbers and booleans are a vector of their Rust type. Those of a binary tensor are a slice of the request body,
/// converted when values are requested. The BYTES elements of a request are slices of its body too: nothing is copied
/// until strings are requested.
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
pub struct TensorData(pub(super) Storage);

/// The storage behind [`TensorData`]; private, so that another kind can be added.
#[derive(Clone)]
pub(super) enum Storage {
    Typed(Elements),
    /// Numbers or booleans of a binary tensor.
    Binary(BinaryElements),
}

macro_rules! from_vectors {
    ($($type:ty)*) => {$(
        impl From<Vec<$type>> for TensorData {
            fn from(values: Vec<$type>) -> Self {
                TensorData::from_values(values)
            }
        }
    )*};
}
from_vectors!(bool u8 u16 u32 u64 i8 i16 i32 i64 f16 bf16 f32 f64);

impl From<Vec<String>> for TensorData {
    /// Makes BYTES elements that are strings.
    fn from(strings: Vec<String>) -> Self {
        TensorData::new(Elements::Bytes(BytesData::Strings(strings)))
    }
}

impl From<Vec<JsonText>> for TensorData {
    /// Makes BYTES elements that are native JSON values.
    fn from(values: Vec<JsonText>) -> Self {
        TensorData::new(Elements::Bytes(BytesData::Values(values)))
    }
}

/// Returns the memory of a vector's block.
fn memory_of<T>(values: &Vec<T>) -> usize {
    block(values.capacity().saturating_mul(size_of::<T>()))
}

fn datatype_of<T: ElementType>(_: &[T]) -> DataType {
    T::DATATYPE
}

impl TensorData {
    pub(super) fn new(elements: Elements) -> Self {
        TensorData(Storage::Typed(elements))
    }

    pub(super) fn from_values<T: ElementType>(values: Vec<T>) -> Self {
        TensorData::new(T::wrap(values))
    }

    /// Returns the memory of the elements in bytes, without the body of the request that they refer to. The values of a
    /// binary tensor count before they are converted.
    pub(crate) fn memory(&self) -> usize {
        match &self.0 {
            Storage::Binary(binary) => binary.memory(),
            Storage::Typed(elements) => {
                match_elements!(elements, values => memory_of(values), BYTES(data) => data.memory())
            }
        }
    }

    /// Returns the memory that the values of a binary tensor take once they are converted.
    pub(crate) fn unconverted(&self) -> usize {
        match &self.0 {
            Storage::Binary(binary) => binary.memory(),
            Storage::Typed(_) => 0,
        }
    }

    /// Returns the elements as typed vectors; converts those of a binary tensor and keeps the result.
    pub(super) fn elements(&self) -> &Elements {
        match &self.0 {
            Storage::Typed(elements) => elements,
            Storage::Binary(binary) => binary.converted(),
        }
    }

    /// Returns the elements of a BYTES tensor.
    pub(super) fn bytes_data(&self) -> Option<&BytesData> {
        match &self.0 {
            Storage::Typed(Elements::Bytes(data)) => Some(data),
            _ => None,
        }
    }

    /// Returns `true` if JSON can represent every element. Only a binary tensor can have others: NaN, infinities, and bytes
    /// that are not UTF-8.
    pub(crate) fn fits_json(&self) -> bool {
        match &self.0 {
            Storage::Binary(binary) => match binary.datatype() {
                DataType::Fp16 => binary.all::<f16>(f16::is_finite),
                DataType::Bf16 => binary.all::<bf16>(bf16::is_finite),
                DataType::Fp32 => binary.all::<f32>(f32::is_finite),
                DataType::Fp64 => binary.all::<f64>(f64::is_finite),
                _ => true,
            },
            Storage::Typed(Elements::Bytes(data)) => data.fits_json(),
            Storage::Typed(_) => true,
        }
    }

    /// Returns the data type of the elements.
    pub fn datatype(&self) -> DataType {
        match &self.0 {
            Storage::Typed(elements) => {
                match_elements!(elements, values => datatype_of(values), BYTES(_) => DataType::Bytes)
            }
            Storage::Binary(binary) => binary.datatype(),
        }
    }

    /// Returns the number of elements. BYTES received as nested lists count as the elements of the outermost list.
    pub fn len(&self) -> usize {
        match &self.0 {
            Storage::Typed(elements) => match_elements!(elements, values => values.len(), BYTES(data) => data.len()),
            Storage::Binary(binary) => binary.len(),
        }
    }

    /// Returns `true` if there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the elements, or `None` if they have another type.
    ///
    /// The first call on a binary tensor converts the elements and keeps the result beside the body, except for UINT8,
    /// which is borrowed from the body. [`into_vec`](Self::into_vec) keeps nothing.
    pub fn as_slice<T: ElementType>(&self) -> Option<&[T]> {
        match &self.0 {
            Storage::Typed(elements) => T::view(elements),
            Storage::Binary(binary) if binary.datatype() != T::DATATYPE => None,
            Storage::Binary(binary) => T::borrow_all(binary.bytes()).or_else(|| T::view(binary.converted())),
        }
    }

    /// Converts the data into a vector: without a copy, or in one pass over a binary tensor.
    ///
    /// # Errors
    /// Returns the data itself if its elements have another type.
    pub fn into_vec<T: ElementType>(self) -> Result<Vec<T>, Self> {
        match self.0 {
            Storage::Typed(elements) => T::take(elements).map_err(TensorData::new),
            Storage::Binary(binary) if binary.datatype() == T::DATATYPE => Ok(binary.into_vec()),
            other => Err(TensorData(other)),
        }
    }

    /// Returns the elements of a BYTES tensor, each a JSON value or bytes; those of a request are slices of its body.
    /// Returns `None` for other data types.
    pub fn bytes_elements(&self) -> Option<impl Iterator<Item = BytesElement> + '_> {
        self.bytes_data().map(|data| (0..data.len()).map(|index| data.element(index)))
    }

    /// Returns the element at `index` of a BYTES tensor without a copy.
    pub(crate) fn bytes_element_ref(&self, index: usize) -> Option<BytesElementRef<'_>> {
        self.bytes_data()?.element_ref(index)
    }

    /// Returns the elements of a BYTES tensor as strings. Accepts elements that are flat or nested like `shape`; the
    /// result is flat.
    ///
    /// # Errors
    /// Returns an error if the data has another type, if an element is not a string (in binary form: not UTF-8), or if
    /// the number or the nesting of the elements does not match `shape`.
    pub fn strings(&self, shape: &[usize]) -> Result<Vec<String>, Rejection> {
        self.strings_metered(shape, &Meter::default())
    }

    /// Returns the elements as [`strings`](Self::strings) does, after their memory is reserved.
    pub(crate) fn strings_metered(&self, shape: &[usize], meter: &Meter<'_>) -> Result<Vec<String>, Rejection> {
        match self.bytes_data() {
            Some(data) => data.strings(shape, meter),
            None => Err(Rejection::new(Expected::new(DataType::Bytes, self.datatype()))),
        }
    }

    /// Returns the strings of a BYTES tensor that holds strings, without a copy.
    ///
    /// # Errors
    /// Returns the data itself if it holds anything else.
    pub(crate) fn into_strings(self) -> Result<Vec<String>, Self> {
        match self.0 {
            Storage::Typed(Elements::Bytes(BytesData::Strings(strings))) => Ok(strings),
            other => Err(TensorData(other)),
        }
    }

    /// Flattens the elements of a BYTES tensor as [`flattened`](Self::flattened) does, but leaves strings without escapes where
    /// they are, in the body, if they are most of it.
    ///
    /// # Errors
    /// Returns the errors of [`flattened`](Self::flattened).
    pub(crate) fn flattened_in_place(self, shape: &[usize], meter: &Meter<'_>) -> Result<TensorData, Rejection> {
        match self.bytes_data() {
            Some(data) if data.is_plain_body() && data.check_count(shape).is_ok() => Ok(self),
            _ => self.flattened(shape, meter),
        }
    }

    /// Flattens the elements of a BYTES tensor to as many as `shape` needs: strings, whose memory is reserved, or bytes in
    /// binary form unchanged.
    ///
    /// # Errors
    /// Returns the errors of [`strings`](Self::strings), but accepts bytes that are not UTF-8.
    pub(crate) fn flattened(self, shape: &[usize], meter: &Meter<'_>) -> Result<TensorData, Rejection> {
        match self.bytes_data() {
            Some(data @ BytesData::Binary { .. }) => data.check_count(shape).map(|()| self),
            _ => self.strings_metered(shape, meter).map(TensorData::from),
        }
    }
}

impl fmt::Debug for TensorData {
    /// Formats the data type and the number of elements only, to keep the payload out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TensorData({}, {} elements)", self.datatype(), self.len())
    }
}
