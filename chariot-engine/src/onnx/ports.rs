//! [`Port`]: an input or an output of a file, with its type. `file` reads them; `signature` and the backends use them.

use super::schema::{DimensionValue, GraphProto, TensorType, TypeProto, TypeValue, ValueInfoProto};
use crate::{
    error::{Context, Error, Expected, Result, quoted},
    protocol::DataType,
};

/// An input or an output of a file.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) datatype: DataType,
    /// The lengths of the dimensions. `None` if the file does not say how many there are.
    pub(super) shape: Option<Vec<Length>>,
    /// The greatest length of each dimension in a call, if the options limit them.
    pub(super) most: Option<Vec<usize>>,
    /// The operator that computes an output.
    pub(super) operator: Option<String>,
}

/// The length of a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Fixed(usize),
    /// A length that varies. Dimensions with the same name have the same length.
    Named(String),
    /// A length that varies, without a name.
    Unnamed,
}

/// Returns the inputs of a graph. An input that has a value in the file is an optional one and is left out.
///
/// # Errors
/// Returns an error that names the input if it is not a tensor, or if the protocol has no such data type.
pub(super) fn inputs(graph: &GraphProto) -> Result<Vec<Port>> {
    let has_value = |name: &str| {
        let sparse = graph.sparse_initializer.iter().filter_map(|sparse| sparse.values.as_ref());
        graph.initializer.iter().chain(sparse).any(|tensor| tensor.name == name)
    };
    let given = graph.input.iter().filter(|value| !has_value(&value.name));
    given.map(|value| port(value, "").context(format_args!("input {}", quoted(&value.name)))).collect()
}

/// Returns the outputs of a graph.
///
/// # Errors
/// Returns an error that names the output if it is not a tensor, or if the protocol has no such data type.
pub(super) fn outputs(graph: &GraphProto) -> Result<Vec<Port>> {
    let read = |value: &ValueInfoProto| {
        let source = graph.node.iter().find(|node| node.output.contains(&value.name));
        let advice = match source.map(|node| node.op_type.as_str()) {
            Some("ZipMap") => "; export the model with options={\"zipmap\": False}",
            _ => "",
        };
        let port = port(value, advice).context(format_args!("output {}", quoted(&value.name)))?;
        Ok(Port { operator: operator(graph, &value.name), ..port })
    };
    graph.output.iter().map(read).collect()
}

/// Operators that change the type or the shape of values, and not the values.
const ALIKE: [&str; 7] = ["Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"];

/// The most such operators between an output and the one that computes its values. Whoever writes a file can close a circle.
const MOST_ALIKE: usize = 16;

/// Returns the operator that computes the values of an output.
fn operator(graph: &GraphProto, output: &str) -> Option<String> {
    let mut name = output;
    for _ in 0..MOST_ALIKE {
        let node = graph.node.iter().find(|node| node.output.iter().any(|made| made == name))?;
        if !ALIKE.contains(&&*node.op_type) {
            return Some(node.op_type.clone());
        }
        name = node.input.first()?;
    }
    None
}

fn port(value: &ValueInfoProto, advice: &str) -> Result<Port> {
    let tensor = match value.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
        Some(TypeValue::Tensor(tensor)) => tensor,
        other => {
            let advice = if advice.is_empty() { "; export the model with tensors only" } else { advice };
            let kind = other.map_or("no type".to_owned(), type_name);
            return Err(Error::from(Expected::new("a tensor", format_args!("{kind}{advice}")).to_string()));
        }
    };
    let Some(datatype) = datatype(tensor.elem_type) else {
        let names: Vec<_> = DataType::ALL.iter().map(|datatype| datatype.as_str()).collect();
        let what = format!("one of the data types {}", names.join(", "));
        return Err(Error::from(Expected::new(what, element_name(tensor.elem_type)).to_string()));
    };
    Ok(Port { name: value.name.clone(), datatype, shape: shape(tensor), most: None, operator: None })
}

fn shape(tensor: &TensorType) -> Option<Vec<Length>> {
    let length = |value: &Option<DimensionValue>| match value {
        Some(DimensionValue::Length(length)) => usize::try_from(*length).map_or(Length::Unnamed, Length::Fixed),
        Some(DimensionValue::Name(name)) if !name.is_empty() => Length::Named(name.clone()),
        _ => Length::Unnamed,
    };
    tensor.shape.as_ref().map(|shape| shape.dim.iter().map(|dim| length(&dim.value)).collect())
}

/// Returns the data type with this number in ONNX.
pub(super) fn datatype(number: i32) -> Option<DataType> {
    Some(match number {
        1 => DataType::Fp32,
        2 => DataType::Uint8,
        3 => DataType::Int8,
        4 => DataType::Uint16,
        5 => DataType::Int16,
        6 => DataType::Int32,
        7 => DataType::Int64,
        8 => DataType::Bytes,
        9 => DataType::Bool,
        10 => DataType::Fp16,
        11 => DataType::Fp64,
        12 => DataType::Uint32,
        13 => DataType::Uint64,
        16 => DataType::Bf16,
        _ => return None,
    })
}

/// Returns the name of a type of elements: that of the protocol, or else ONNX's.
fn element_name(number: i32) -> String {
    match (datatype(number), number) {
        (Some(datatype), _) => datatype.to_string(),
        (None, 0) => "no data type".to_owned(),
        (None, 14) => "COMPLEX64".to_owned(),
        (None, 15) => "COMPLEX128".to_owned(),
        (None, 17..=20) => "an FP8".to_owned(),
        (None, number) => format!("number {number} of ONNX's data types"),
    }
}

/// Returns a type as text: `a sequence of maps`.
fn type_name(value: &TypeValue) -> String {
    fn of(kind: Option<&TypeProto>) -> Option<&TypeValue> {
        kind?.value.as_ref()
    }
    match value {
        TypeValue::Tensor(tensor) => format!("a tensor of {}", element_name(tensor.elem_type)),
        TypeValue::SparseTensor(tensor) => format!("a sparse tensor of {}", element_name(tensor.elem_type)),
        TypeValue::Map(map) => format!("a map from {}", element_name(map.key_type)),
        TypeValue::Sequence(sequence) => match of(sequence.elem_type.as_deref()) {
            Some(TypeValue::Map(_)) => "a sequence of maps".to_owned(),
            _ => "a sequence of tensors".to_owned(),
        },
        TypeValue::Optional(optional) => match of(optional.elem_type.as_deref()) {
            Some(TypeValue::Sequence(_)) => "an optional sequence".to_owned(),
            _ => "an optional tensor".to_owned(),
        },
    }
}
