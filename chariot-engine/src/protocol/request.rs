//! An inference request and its parts. The server decodes bodies into requests, and models receive their inputs.

use super::{datatype::DataType, input_label::Origin, meter::block, parameters::Parameters, tensor::TensorData};

/// A request to run a model.
///
/// ```
/// use chariot_engine::protocol::{DataType, InferRequest};
///
/// let body = r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [[1, 2.5]]}]}"#;
/// let request = InferRequest::decode(&body.into())?;
/// let input = request.input("x").unwrap();
/// assert_eq!(input.datatype, Some(DataType::Fp32));
/// assert_eq!(input.data.as_slice::<f32>(), Some(&[1.0, 2.5][..]));
///
/// let rejected = InferRequest::decode(&r#"{"inputs": []}"#.into()).unwrap_err();
/// assert_eq!(rejected.text(), "inputs: expected at least one input, got none");
/// # Ok::<(), chariot_engine::Rejection>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct InferRequest {
    /// The caller's id of the request; may be the empty string.
    pub id: Option<String>,
    /// The parameters of the whole request.
    pub parameters: Parameters,
    /// The inputs, in the caller's order; at least one when decoded.
    pub inputs: Vec<InferInput>,
    /// The outputs that the caller requests, in this order; empty for all.
    pub outputs: Vec<WantedOutput>,
    /// Set if the caller requests outputs in binary form. The entry of an output in `outputs` takes precedence.
    pub binary_outputs: bool,
}

/// An output that a caller requests.
///
/// ```
/// use chariot_engine::protocol::InferRequest;
///
/// let body = r#"{"inputs": [{"data": ["a"]}], "outputs": [{"name": "y", "parameters": {"binary_data": true}}]}"#;
/// let wanted = InferRequest::decode(&body.into())?.outputs.remove(0);
/// assert_eq!((&*wanted.name, wanted.binary), ("y", Some(true)));
/// # Ok::<(), chariot_engine::Rejection>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WantedOutput {
    /// The output's name.
    pub name: String,
    /// `true` for binary form, `false` for JSON, `None` for the default of the request.
    pub binary: Option<bool>,
}

/// One input of a request: a tensor, or by Chariot's convention an item.
///
/// ```
/// use chariot_engine::protocol::{InferInput, TensorData};
///
/// let input = InferInput::new("x", vec![2], TensorData::from(vec![1_i64, 2]));
/// assert_eq!(input.label(0), "input 'x'");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InferInput {
    /// The input's name; empty if it has none.
    pub name: String,
    /// The data type that the caller declared. `data` is BYTES if it is absent.
    pub datatype: Option<DataType>,
    /// The shape that the caller declared. It matches the number of elements of numbers and booleans, but not necessarily
    /// of BYTES (an image may have the shape of its height, width and channels).
    pub shape: Option<Vec<usize>>,
    /// The elements of the tensor.
    pub data: TensorData,
    /// The parameters of this input.
    pub parameters: Parameters,
    /// The part of the body that the input comes from.
    pub(crate) origin: Origin,
}

impl InferRequest {
    /// Makes a request with these inputs only.
    pub fn new(inputs: Vec<InferInput>) -> Self {
        InferRequest { inputs, ..Self::default() }
    }

    /// Returns the memory of the request in bytes, without its body.
    pub(crate) fn memory(&self) -> usize {
        let input = |input: &InferInput| {
            let shape = input.shape.as_ref().map_or(0, |shape| block(shape.capacity() * size_of::<usize>()));
            input.data.memory() + input.kept_memory() + shape
        };
        let inputs: usize = self.inputs.iter().map(input).sum();
        inputs + self.inputs.capacity() * size_of::<InferInput>() + self.parameters.memory() + self.outputs_memory()
    }

    /// Returns the memory of the list of requested outputs in bytes.
    pub(crate) fn outputs_memory(&self) -> usize {
        let names: usize = self.outputs.iter().map(|output| block(output.name.capacity())).sum();
        names + self.outputs.capacity() * size_of::<WantedOutput>()
    }

    /// Returns the parameters of the request as an item: its own, or else those of its only input.
    pub(crate) fn item_parameters(&self) -> &Parameters {
        match &self.inputs[..] {
            [only] if self.parameters.is_empty() => &only.parameters,
            _ => &self.parameters,
        }
    }

    /// Returns the first input with this name.
    pub fn input(&self, name: &str) -> Option<&InferInput> {
        self.inputs.iter().find(|input| input.name == name)
    }
}

impl InferInput {
    /// Makes an input with this name, shape and data, without parameters.
    pub fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>, data: TensorData) -> Self {
        InferInput {
            name: name.into(),
            datatype: Some(data.datatype()),
            shape: Some(shape.into()),
            data,
            parameters: Parameters::default(),
            origin: Origin::Inputs,
        }
    }

    /// Returns the memory in bytes of what the items of this input share: its name and its parameters.
    pub(crate) fn kept_memory(&self) -> usize {
        block(self.name.capacity()) + self.parameters.memory()
    }

    /// Makes an item of `chariot-v2`, which has no name.
    pub(super) fn item(data: TensorData, parameters: Parameters, origin: Origin) -> Self {
        InferInput { name: String::new(), datatype: None, shape: None, data, parameters, origin }
    }

    /// Returns the name of this input in error messages, for its `index` in the request: `input 'x'`, or `inputs[3]` if it
    /// has no name. An item of `chariot-v2` is `input`, or `line 4` if there are several.
    pub fn label(&self, index: usize) -> String {
        self.origin.label(&self.name, index)
    }
}
