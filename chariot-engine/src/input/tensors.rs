//! Named tensors: [`Tensors`] takes any, and [`TensorStruct`] is what `#[derive(TensorInput)]` and
//! `#[derive(TensorOutput)]` build on.

use std::ops::Range;

use super::{BatchCost, DecodeContext, Input, modality};
use crate::{
    device::Device,
    error::{Error, Rejection, Result},
    protocol::{DataType, ElementType as TensorElement, InferInput, InferOutput, InferRequest, TensorData},
    signature::TensorSpec,
};

/// The named tensors of a request, as they came; or of an answer.
///
/// As an input it takes any names, types and shapes, unless [`Spec::inputs`](crate::model::Spec::inputs) declares them.
/// `parameters.metadata` of a tensor stays with it.
///
/// ```
/// use chariot_engine::input::Tensors;
///
/// let mut answer = Tensors::default();
/// answer.push("scores", [2, 1], vec![0.25f32, 0.75]);
/// let (shape, data) = answer.get("scores").unwrap();
/// assert_eq!((shape, data.as_slice::<f32>()), (&[2, 1][..], Some(&[0.25, 0.75][..])));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tensors(Vec<InferOutput>);

impl Tensors {
    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The shape and the elements of the tensor with this name.
    pub fn get(&self, name: &str) -> Option<(&[usize], &TensorData)> {
        self.0.iter().find(|tensor| tensor.name == name).map(|tensor| (&tensor.shape[..], &tensor.data))
    }

    /// Every tensor's name, shape and elements, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[usize], &TensorData)> {
        self.0.iter().map(|tensor| (&tensor.name[..], &tensor.shape[..], &tensor.data))
    }

    /// Adds a tensor: its name, shape, and elements in row-major order.
    pub fn push(&mut self, name: impl Into<String>, shape: impl Into<Vec<usize>>, data: impl Into<TensorData>) {
        self.0.push(InferOutput { name: name.into(), shape: shape.into(), data: data.into(), metadata: None });
    }

    /// Takes the tensor with this name out: its shape and its elements.
    pub fn take(&mut self, name: &str) -> Option<(Vec<usize>, TensorData)> {
        let at = self.0.iter().position(|tensor| tensor.name == name)?;
        let tensor = self.0.remove(at);
        Some((tensor.shape, tensor.data))
    }

    pub(crate) fn into_outputs(self) -> Vec<InferOutput> {
        self.0
    }
}

impl Input for Tensors {
    type Modality = modality::Request;
    const INLINE: bool = true;

    fn decode(part: InferRequest, cx: &DecodeContext<'_>) -> Result<Self> {
        let mut tensors = Vec::with_capacity(part.inputs.len());
        let mut faults = Vec::new();
        for (index, mut input) in part.inputs.into_iter().enumerate() {
            let metadata = input.parameters.metadata().cloned();
            let name = std::mem::take(&mut input.name);
            match read_tensor(input, cx.signature.iter().find(|spec| spec.name() == name)) {
                Ok((shape, data)) => tensors.push(InferOutput { name, shape, data, metadata }),
                Err(fault) => faults.push(fault.at(crate::protocol::input_label(&name, index)).text().to_string()),
            }
        }
        Rejection::all(&faults)?;
        Ok(Tensors(tensors))
    }

    fn cost(&self) -> BatchCost {
        // Rows, where the tensors have them; a tensor without dimensions is one.
        BatchCost::new(self.0.iter().filter_map(|tensor| tensor.shape.first().copied()).max().unwrap_or(1))
    }
}

/// One tensor of a request: shape checked against the elements (texts too), converted if its declaration says so.
fn read_tensor(input: InferInput, spec: Option<&TensorSpec>) -> Result<(Vec<usize>, TensorData), Rejection> {
    let InferInput { shape, data, datatype, .. } = input;
    if datatype.is_none() {
        return Err(Rejection::new("a datatype is expected, none came"));
    }
    let Some(shape) = shape else {
        return Err(Rejection::new("a shape is expected, none came"));
    };
    let data = match data.datatype() {
        DataType::Bytes => data.flattened(&shape)?,
        came => match spec {
            Some(spec) if spec.converts() && spec.datatype() != came => data.convert(spec.datatype())?,
            _ => data,
        },
    };
    Ok((shape, data))
}

/// Hands the tensors of a checked request to the fields of a derived struct.
#[derive(Debug)]
pub struct TensorReader<'a> {
    inputs: Vec<InferInput>,
    signature: &'a [TensorSpec],
}

impl TensorReader<'_> {
    /// The tensor with this name, as [`TensorField::read`] of the field's type makes it.
    ///
    /// # Errors
    /// It is not there, or its elements are not what the field takes.
    pub fn read<F>(&mut self, name: &str, field: impl FnOnce(TensorData, Vec<usize>) -> Result<F>) -> Result<F> {
        let place = || format!("input '{name}'");
        let Some(at) = self.inputs.iter().position(|input| input.name == name) else {
            return Err(Error::rejected("missing").at(place()));
        };
        let input = self.inputs.swap_remove(at);
        let spec = self.signature.iter().find(|spec| spec.name() == name);
        let read = read_tensor(input, spec).map_err(Error::from).and_then(|(shape, data)| field(data, shape));
        read.map_err(|error| error.at(place()))
    }
}

/// Decodes a derived struct from a request; what `#[derive(TensorInput)]` calls.
///
/// # Errors
/// A tensor that is missing or whose elements are not what the field takes.
pub fn decode_tensors<T: TensorStruct>(part: InferRequest, cx: &DecodeContext<'_>) -> Result<T> {
    T::from_tensors(&mut TensorReader { inputs: part.inputs, signature: cx.signature })
}

/// A struct of named tensors. Derived by `#[derive(TensorInput)]` and `#[derive(TensorOutput)]`, not by hand.
///
/// ```
/// use chariot_engine::prelude::*;
/// use chariot_engine::input::TensorStruct;
///
/// #[derive(TensorInput)]
/// struct Flowers {
///     /// In cm
///     #[tensor(shape = [n, 4])]
///     features: Vec<f32>,
/// }
///
/// assert_eq!(Flowers { features: vec![0.0; 8] }.rows(), 2);
/// assert_eq!(Flowers::signature()[0].help(), "In cm");
/// ```
pub trait TensorStruct: Sized + Send + Sync + 'static {
    /// The tensors' names, types and shapes.
    fn signature() -> Vec<TensorSpec>;

    /// How many rows there are.
    fn rows(&self) -> usize;

    /// The tensors of several requests as one, joined along the first dimension, on this device.
    ///
    /// # Errors
    /// The device fails.
    fn join(parts: &[&Self], device: &Device) -> Result<Self>;

    /// These rows of all the tensors.
    ///
    /// # Errors
    /// The rows are not there, or the device fails.
    fn slice(&self, rows: Range<usize>) -> Result<Self>;

    /// Reads the fields from a request.
    ///
    /// # Errors
    /// A tensor that is missing, or whose elements are not what the field takes.
    fn from_tensors(tensors: &mut TensorReader<'_>) -> Result<Self>;

    /// The fields as the tensors of an answer.
    ///
    /// # Errors
    /// A field's shape is not the declared one, or the device fails.
    fn into_tensors(self) -> Result<Vec<InferOutput>>;
}

/// A field of a struct of tensors: candle's `Tensor`, or a plain vector of elements in row-major order.
///
/// ```
/// use chariot_engine::{input::TensorField, protocol::DataType};
///
/// assert_eq!(<Vec<i64> as TensorField>::DATATYPE, DataType::Int64);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a named tensor",
    label = "not a tensor's type",
    note = "`Tensor` can, and vectors of numbers, of `bool` and of `String`: `Vec<f32>`, `Vec<i64>`, `Vec<String>`, ..."
)]
pub trait TensorField: Sized + Send + Sync + 'static {
    /// The data type unless the attribute names another.
    const DATATYPE: DataType;

    /// Whether a value knows its shape. One that does not can have only one dimension that varies.
    const HAS_SHAPE: bool = true;

    /// Reads it from the elements and shape of a request's tensor.
    ///
    /// # Errors
    /// The elements are of another type.
    fn read(data: TensorData, shape: Vec<usize>) -> Result<Self>;

    /// Writes it as a tensor of an answer.
    ///
    /// # Errors
    /// Its shape is not the declared one, or its elements do not fit into the declared type.
    fn write(self, name: &str, spec: &TensorSpec) -> Result<InferOutput>;

    /// How many rows it has.
    fn rows(&self, spec: &TensorSpec) -> usize;

    /// Several as one, along the first dimension, on this device.
    ///
    /// # Errors
    /// The device fails.
    fn join(parts: &[&Self], device: &Device) -> Result<Self>;

    /// These rows of it.
    ///
    /// # Errors
    /// The rows are not there.
    fn slice(&self, rows: Range<usize>, spec: &TensorSpec) -> Result<Self>;
}

impl<T> TensorField for Vec<T>
where
    T: VecElement + Clone + Send + Sync + 'static,
{
    const DATATYPE: DataType = T::DATATYPE;
    const HAS_SHAPE: bool = false;

    fn read(data: TensorData, shape: Vec<usize>) -> Result<Self> {
        T::take(data, &shape)
    }

    fn write(self, name: &str, spec: &TensorSpec) -> Result<InferOutput> {
        use crate::signature::Dim;
        let mut shape: Vec<usize> =
            spec.shape().iter().map(|dim| if let Dim::Fixed(n) = dim { *n } else { 0 }).collect();
        let varying = spec.shape().iter().filter(|dim| !matches!(dim, Dim::Fixed(_))).count();
        let fixed: usize = shape.iter().filter(|n| **n > 0).product();
        let fits = if varying == 0 { self.len() == fixed } else { self.len().is_multiple_of(fixed.max(1)) };
        if !fits {
            return Err(format!("output '{name}': {} elements do not fill the shape {shape:?}", self.len()).into());
        }
        let length = self.len() / fixed.max(1);
        for (n, dim) in shape.iter_mut().zip(spec.shape()) {
            if !matches!(dim, Dim::Fixed(_)) {
                *n = length;
            }
        }
        let mut data = T::data(self);
        if data.datatype() != spec.datatype() {
            data = data.convert(spec.datatype()).map_err(|fault| format!("output '{name}': {fault}"))?;
        }
        Ok(InferOutput { name: name.to_string(), shape, data, metadata: None })
    }

    fn rows(&self, spec: &TensorSpec) -> usize {
        self.len() / spec.row_len().max(1)
    }

    fn join(parts: &[&Self], _: &Device) -> Result<Self> {
        Ok(parts.iter().flat_map(|part| part.iter().cloned()).collect())
    }

    fn slice(&self, rows: Range<usize>, spec: &TensorSpec) -> Result<Self> {
        let width = spec.row_len();
        let range = rows.start.saturating_mul(width)..rows.end.saturating_mul(width);
        match self.get(range) {
            Some(part) => Ok(part.to_vec()),
            None => {
                Err(format!("tensor '{}': rows {rows:?} of {} were asked for", spec.name(), self.rows(spec)).into())
            }
        }
    }
}

/// An element that a vector field may hold: the numbers of the protocol, `bool`, and `String`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a tensor of a `Vec<{Self}>` is not possible",
    label = "`{Self}` is not an element of a tensor",
    note = "elements are numbers, `bool` and `String`, in row-major order, whatever the shape: `Vec<f32>`, `Vec<i64>`, `Vec<String>`, ..."
)]
pub trait VecElement: Sized {
    const DATATYPE: DataType;
    fn take(data: TensorData, shape: &[usize]) -> Result<Vec<Self>>;
    fn data(values: Vec<Self>) -> TensorData;
}

macro_rules! vec_elements {
    ($($element:ty),*) => { $(
        impl VecElement for $element {
            const DATATYPE: DataType = <$element as TensorElement>::DATATYPE;

            fn take(data: TensorData, _: &[usize]) -> Result<Vec<Self>> {
                data.into_vec::<$element>().map_err(|data| {
                    Error::rejected(format_args!("datatype {} is expected, {} came",
                        <$element as TensorElement>::DATATYPE,
                        data.datatype()))
                })
            }

            fn data(values: Vec<Self>) -> TensorData {
                values.into()
            }
        }
    )* };
}
vec_elements!(bool, u8, u16, u32, u64, i8, i16, i32, i64, half::f16, half::bf16, f32, f64);

impl VecElement for String {
    const DATATYPE: DataType = DataType::Bytes;

    fn take(data: TensorData, shape: &[usize]) -> Result<Vec<Self>> {
        Ok(data.strings(shape)?)
    }

    fn data(values: Vec<Self>) -> TensorData {
        values.into()
    }
}
