//! [`TensorField`]: the types that a field of a struct of tensors can have, and its implementation for vectors.

use std::ops::Range;

use crate::{
    device::Device,
    error::{Error, Expected, Result},
    protocol::{DataType, ElementType as TensorElement, InferOutput, TensorData, block},
    signature::{Dim, TensorSpec},
};

/// A field of a struct of tensors: a `Tensor` of candle, or a vector of elements in row-major order.
///
/// ```
/// use chariot_engine::{input::TensorField, protocol::DataType};
///
/// assert_eq!(<Vec<i64> as TensorField>::DATATYPE, DataType::Int64);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the type of a named tensor",
    label = "not a tensor type",
    note = "use `Tensor`, or a vector of numbers, `bool` or `String`: `Vec<f32>`, `Vec<i64>`, `Vec<String>`, ..."
)]
pub trait TensorField: Sized + Send + Sync + 'static {
    /// The datatype, unless the attribute sets another one.
    const DATATYPE: DataType;

    /// Set if a value knows its shape. For a type that does not, only one dimension can vary.
    const HAS_SHAPE: bool = true;

    /// Creates the field from the elements and the shape of a tensor in a request.
    ///
    /// # Errors
    /// Returns a rejection if the elements have another datatype.
    fn from_data(data: TensorData, shape: Vec<usize>) -> Result<Self>;

    /// Converts the field to a tensor of a response.
    ///
    /// # Errors
    /// Returns an error if the shape is not the declared one, or if an element does not fit the declared datatype.
    fn into_output(self, name: &str, spec: &TensorSpec) -> Result<InferOutput>;

    /// Returns the memory of the elements in bytes. Default: 0.
    fn memory(&self) -> usize {
        0
    }

    /// Returns the number of rows.
    fn rows(&self, spec: &TensorSpec) -> usize;

    /// Concatenates several fields along the first dimension, on this device.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    fn join(fields: &[&Self], device: &Device) -> Result<Self>;

    /// Returns these rows.
    ///
    /// # Errors
    /// Returns an error if the rows are out of range.
    fn slice(&self, rows: Range<usize>, spec: &TensorSpec) -> Result<Self>;
}

impl<T> TensorField for Vec<T>
where
    T: VecElement + Clone + Send + Sync + 'static,
{
    const DATATYPE: DataType = T::DATATYPE;
    const HAS_SHAPE: bool = false;

    fn from_data(data: TensorData, shape: Vec<usize>) -> Result<Self> {
        T::from_data(data, &shape)
    }

    fn into_output(self, name: &str, spec: &TensorSpec) -> Result<InferOutput> {
        let mut shape: Vec<usize> =
            spec.shape().iter().map(|dim| if let Dim::Fixed(n) = dim { *n } else { 0 }).collect();
        let varying = spec.shape().iter().filter(|dim| !matches!(dim, Dim::Fixed(_))).count();
        let fixed: usize = shape.iter().filter(|n| **n > 0).product();
        let fits = if varying == 0 { self.len() == fixed } else { self.len().is_multiple_of(fixed.max(1)) };
        if !fits {
            let what = format!("elements that fill the shape {:?}", spec.metadata().shape);
            let fault = Expected::new(what, format_args!("{} elements", self.len())).to_string();
            return Err(format!("output '{name}': {fault}").into());
        }
        let length = self.len() / fixed.max(1);
        for (n, dim) in shape.iter_mut().zip(spec.shape()) {
            if !matches!(dim, Dim::Fixed(_)) {
                *n = length;
            }
        }
        let mut data = T::into_data(self);
        if data.datatype() != spec.datatype() {
            // The output is at fault, not the request, so the rejection becomes plain text.
            data = data.convert(spec.datatype()).map_err(|fault| format!("output '{name}': {fault}"))?;
        }
        Ok(InferOutput { name: name.to_string(), shape, data, metadata: None })
    }

    fn memory(&self) -> usize {
        let elements: usize = if T::OWNS_MEMORY { self.iter().map(T::memory).sum() } else { 0 };
        block(self.capacity() * size_of::<T>()) + elements
    }

    fn rows(&self, spec: &TensorSpec) -> usize {
        self.len() / spec.row_len().max(1)
    }

    fn join(fields: &[&Self], _: &Device) -> Result<Self> {
        Ok(fields.iter().flat_map(|field| field.iter().cloned()).collect())
    }

    fn slice(&self, rows: Range<usize>, spec: &TensorSpec) -> Result<Self> {
        let width = spec.row_len();
        let range = rows.start.saturating_mul(width)..rows.end.saturating_mul(width);
        match self.get(range) {
            Some(elements) => Ok(elements.to_vec()),
            None => {
                let fault = Expected::new(format!("rows within 0..{}", self.rows(spec)), format!("{rows:?}"));
                Err(format!("tensor '{}': {fault}", spec.name()).into())
            }
        }
    }
}

/// An element of a vector field: a number of the protocol, `bool`, or `String`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`Vec<{Self}>` cannot be the type of a named tensor",
    label = "`{Self}` is not an element type of a tensor",
    note = "use a flat vector of numbers, `bool` or `String` in row-major order, whatever the shape: `Vec<f32>`, `Vec<i64>`, `Vec<String>`, ..."
)]
pub trait VecElement: Sized {
    const DATATYPE: DataType;
    /// Set if an element holds memory of its own.
    const OWNS_MEMORY: bool = false;
    fn from_data(data: TensorData, shape: &[usize]) -> Result<Vec<Self>>;
    fn into_data(values: Vec<Self>) -> TensorData;
    fn memory(&self) -> usize {
        0
    }
}

macro_rules! vec_elements {
    ($($element:ty),*) => { $(
        impl VecElement for $element {
            const DATATYPE: DataType = <$element as TensorElement>::DATATYPE;

            fn from_data(data: TensorData, _: &[usize]) -> Result<Vec<Self>> {
                data.into_vec::<$element>().map_err(|data| {
                    let what = <$element as TensorElement>::DATATYPE;
                    Error::rejected(Expected::new(format_args!("datatype {what}"), data.datatype()))
                })
            }

            fn into_data(values: Vec<Self>) -> TensorData {
                values.into()
            }
        }
    )* };
}
vec_elements!(bool, u8, u16, u32, u64, i8, i16, i32, i64, half::f16, half::bf16, f32, f64);

impl VecElement for String {
    const DATATYPE: DataType = DataType::Bytes;
    const OWNS_MEMORY: bool = true;

    fn from_data(data: TensorData, shape: &[usize]) -> Result<Vec<Self>> {
        // The elements are strings already, unless they were in binary form.
        match data.into_strings() {
            Ok(strings) => Ok(strings),
            Err(data) => Ok(data.strings(shape)?),
        }
    }

    fn memory(&self) -> usize {
        block(self.capacity())
    }

    fn into_data(values: Vec<Self>) -> TensorData {
        values.into()
    }
}
