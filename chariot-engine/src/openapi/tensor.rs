//! The schema of a named tensor, as an input and as an output.

use serde_json::{Map, Value, json};

use super::json::{object, schema};
use crate::{
    protocol::DataType,
    signature::{Dim, TensorSpec},
};

/// Returns the schema of an input tensor.
pub(super) fn input(spec: &TensorSpec) -> Value {
    let rank = spec.shape().len();
    let leaf = if spec.converts() { json!({ "type": "number" }) } else { leaf(spec.datatype()) };
    let flat = json!({ "type": "array", "items": leaf });
    let mut alternatives = vec![flat];
    if rank > 1 {
        alternatives.push(nested(&leaf, spec.shape()));
    }
    if spec.datatype() == DataType::Bytes {
        alternatives.push(leaf);
    }
    let mut data = any_of(alternatives);
    data["description"] = "The elements in row-major order, flat or nested by dimension.".into();
    let datatype = if spec.converts() {
        json!({ "enum": numeric(), "description": format!("Converted to {} if the conversion is exact.", spec.datatype()) })
    } else {
        json!({ "const": spec.datatype() })
    };
    let mut tensor = json!({
        "type": "object",
        "required": ["name", "datatype", "shape", "data"],
        "properties": {
            "name": { "const": spec.name() },
            "datatype": datatype,
            "shape": shape(spec, 1),
            "data": data,
            "parameters": schema("Parameters"),
        },
    });
    describe(&mut tensor, spec);
    tensor
}

/// Returns the schema of an output tensor.
pub(super) fn output(spec: &TensorSpec) -> Value {
    let mut tensor = json!({
        "type": "object",
        "required": ["name", "datatype", "shape", "data"],
        "properties": {
            "name": { "const": spec.name() },
            "datatype": { "const": spec.datatype() },
            "shape": shape(spec, 0),
            "data": { "type": "array", "items": leaf(spec.datatype()) },
            "parameters": output_parameters(),
        },
    });
    describe(&mut tensor, spec);
    tensor
}

/// Returns the schema of a tensor of any name, datatype and shape.
pub(super) fn any(parameters: Value) -> Value {
    json!({
        "type": "object",
        "required": ["name", "datatype", "shape", "data"],
        "properties": {
            "name": { "type": "string" },
            "datatype": { "enum": DataType::ALL },
            "shape": { "type": "array", "items": { "type": "integer", "minimum": 0 } },
            "data": {
                "type": ["array", "string"],
                "description": "The elements in row-major order, flat or nested by dimension. A single string needs no list.",
            },
            "parameters": parameters,
        },
    })
}

/// Returns the schema of the parameters of an output.
pub(super) fn output_parameters() -> Value {
    json!({
        "type": "object",
        "properties": { "metadata": { "description": "The `metadata` of the input, unchanged." } },
    })
}

/// Returns the datatypes of numbers.
fn numeric() -> Vec<DataType> {
    let numeric = |of: &DataType| !matches!(of, DataType::Bool | DataType::Bytes);
    DataType::ALL.iter().copied().filter(numeric).collect()
}

fn describe(tensor: &mut Value, spec: &TensorSpec) {
    if !spec.help().is_empty() {
        tensor["description"] = spec.help().into();
    }
}

/// Returns the schema of a shape, whose variable dimensions have at least this length.
fn shape(spec: &TensorSpec, least: usize) -> Value {
    let rank = spec.shape().len();
    let dims = spec.shape().iter().map(|dim| match dim {
        Dim::Fixed(length) => json!({ "const": length }),
        Dim::Batch(name) => json!({ "type": "integer", "minimum": least, "title": name }),
        Dim::Any => json!({ "type": "integer", "minimum": least }),
    });
    let dims: Vec<Value> = dims.collect();
    let mut shape = object([("type", "array".into()), ("minItems", rank.into()), ("maxItems", rank.into())]);
    if !dims.is_empty() {
        shape.insert("prefixItems".into(), dims.into());
    }
    shape.into()
}

/// Returns the schema of lists that are nested like a shape.
fn nested(leaf: &Value, shape: &[Dim]) -> Value {
    shape.iter().rev().fold(leaf.clone(), |items, dim| {
        let mut list: Map<String, Value> = object([("type", "array".into()), ("items", items)]);
        if let Dim::Fixed(length) = dim {
            list.extend(object([("minItems", (*length).into()), ("maxItems", (*length).into())]));
        }
        list.into()
    })
}

fn any_of(mut alternatives: Vec<Value>) -> Value {
    if alternatives.len() == 1 { alternatives.remove(0) } else { json!({ "anyOf": alternatives }) }
}

/// Returns the schema of an element.
fn leaf(datatype: DataType) -> Value {
    fn range(least: impl Into<Value>, most: impl Into<Value>) -> Value {
        json!({ "type": "integer", "minimum": least.into(), "maximum": most.into() })
    }
    match datatype {
        DataType::Bool => json!({ "type": "boolean" }),
        DataType::Uint8 => range(0, u8::MAX),
        DataType::Uint16 => range(0, u16::MAX),
        DataType::Uint32 => range(0, u32::MAX),
        DataType::Uint64 => range(0, u64::MAX),
        DataType::Int8 => range(i8::MIN, i8::MAX),
        DataType::Int16 => range(i16::MIN, i16::MAX),
        DataType::Int32 => range(i32::MIN, i32::MAX),
        DataType::Int64 => range(i64::MIN, i64::MAX),
        DataType::Fp16 | DataType::Bf16 | DataType::Fp32 | DataType::Fp64 => json!({ "type": "number" }),
        DataType::Bytes => json!({ "type": "string" }),
    }
}
