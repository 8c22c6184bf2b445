//! [`Tensors`]: any named tensors of a request or of an output.

use super::{batch_cost::BatchCost, context::DecodeContext, decode::Input, modality};
use crate::{
    error::{Expected, Rejection, Result},
    protocol::{DataType, InferInput, InferOutput, InferRequest, Meter, TensorData, input_label},
    signature::TensorSpec,
};

/// The named tensors of a request or of an output.
///
/// As an input it accepts any names, datatypes and shapes, unless [`Spec::inputs`](crate::model::Spec::inputs) declares
/// them. Each tensor keeps its `parameters.metadata`.
///
/// ```
/// use chariot_engine::input::Tensors;
///
/// let mut output = Tensors::default();
/// output.push("scores", [2, 1], vec![0.25f32, 0.75]);
/// let (shape, data) = output.get("scores").unwrap();
/// assert_eq!((shape, data.as_slice::<f32>()), (&[2, 1][..], Some(&[0.25, 0.75][..])));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tensors(Vec<InferOutput>);

impl Tensors {
    /// Returns the number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if there are no tensors.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the shape and the elements of the tensor with this name.
    pub fn get(&self, name: &str) -> Option<(&[usize], &TensorData)> {
        self.0.iter().find(|tensor| tensor.name == name).map(|tensor| (&tensor.shape[..], &tensor.data))
    }

    /// Iterates over the tensors in order: name, shape and elements of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[usize], &TensorData)> {
        self.0.iter().map(|tensor| (&tensor.name[..], &tensor.shape[..], &tensor.data))
    }

    /// Adds a tensor with this name, this shape, and these elements in row-major order.
    pub fn push(&mut self, name: impl Into<String>, shape: impl Into<Vec<usize>>, data: impl Into<TensorData>) {
        self.0.push(InferOutput { name: name.into(), shape: shape.into(), data: data.into(), metadata: None });
    }

    /// Removes the tensor with this name and returns its shape and its elements.
    pub fn take(&mut self, name: &str) -> Option<(Vec<usize>, TensorData)> {
        let index = self.0.iter().position(|tensor| tensor.name == name)?;
        let tensor = self.0.remove(index);
        Some((tensor.shape, tensor.data))
    }

    pub(crate) fn into_outputs(self) -> Vec<InferOutput> {
        self.0
    }
}

impl Input for Tensors {
    type Modality = modality::Request;
    const INLINE: bool = true;

    fn decode(payload: InferRequest, cx: &DecodeContext<'_>) -> Result<Self> {
        let mut tensors = Vec::with_capacity(payload.inputs.len());
        let mut faults = Vec::new();
        for (index, mut input) in payload.inputs.into_iter().enumerate() {
            let metadata = input.parameters.metadata().cloned();
            let name = std::mem::take(&mut input.name);
            let flatten = TensorData::flattened_in_place;
            match check_tensor(input, cx.signature.iter().find(|spec| spec.name() == name), cx.meter(), flatten) {
                Ok((shape, data)) => tensors.push(InferOutput { name, shape, data, metadata }),
                Err(fault) => faults.push(fault.at(input_label(&name, index)).text().to_string()),
            }
        }
        Rejection::all(&faults)?;
        Ok(Tensors(tensors))
    }

    fn memory(&self) -> usize {
        self.0.iter().map(InferOutput::memory).sum()
    }

    fn cost(&self) -> BatchCost {
        // The number of rows. A tensor without dimensions counts as one.
        BatchCost::new(self.0.iter().filter_map(|tensor| tensor.shape.first().copied()).max().unwrap_or(1))
    }
}

/// Returns shape and elements of a tensor of a request, after checking one against the other (also for strings) and
/// converting the elements if the declaration allows it. Memory is reserved first. `flatten` flattens BYTES.
pub(super) fn check_tensor(
    input: InferInput,
    spec: Option<&TensorSpec>,
    meter: &Meter<'_>,
    flatten: impl FnOnce(TensorData, &[usize], &Meter<'_>) -> Result<TensorData, Rejection>,
) -> Result<(Vec<usize>, TensorData), Rejection> {
    let InferInput { shape, data, datatype, .. } = input;
    if datatype.is_none() {
        return Err(Rejection::new(Expected::new("a datatype", "none")));
    }
    let Some(shape) = shape else {
        return Err(Rejection::new(Expected::new("a shape", "none")));
    };
    let data = match data.datatype() {
        DataType::Bytes => flatten(data, &shape, meter)?,
        given => match spec {
            Some(spec) if spec.converts() && spec.datatype() != given => {
                meter.read(data.len().saturating_mul(spec.datatype().size().unwrap_or(0)))?;
                data.convert(spec.datatype())?
            }
            _ => data,
        },
    };
    Ok((shape, data))
}
