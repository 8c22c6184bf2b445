//! tract: files that it loads, and their runs. `model` calls it.
//!
//! tract asserts much of what a file can get wrong, so its panics are caught.

use std::{cell::Cell, path::Path, sync::Arc};

use half::f16;
use prost::Message;
use tract_onnx::{
    pb::ModelProto,
    prelude::{
        DatumType, InferenceModelExt, IntoRunnable, IntoTValue, TValue, TVec, Tensor, TractResult, TypedModel,
        TypedRunnableModel, tract_data::internal::ToDim,
    },
    tract_core::{ops::cast::wire_cast, plan},
    tract_hir::infer::{DimFact, Factoid, InferenceFact, InferenceModel, ShapeFactoid},
};

use super::{
    backend::OnnxBackend,
    file::{self, OnnxFile},
    input::{OnnxInput, Values},
    options::OnnxOptions,
    ports::{Length, Port},
    program::{Program, Run},
    schema::{GraphProto, NodeProto},
    signature,
};
use crate::{
    device::DeviceId,
    error::{Error, Expected, Result, listed, quoted},
    protocol::{DataType, TensorData},
    telemetry,
};

/// The domains of operators that tract knows.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// Loads a file: finds what tract lacks, analyzes shapes and types for any length of what varies, and optimizes.
///
/// # Errors
/// Returns an error that names the nodes whose operators tract lacks, or the first node that it cannot analyze.
pub(super) fn load(path: &Path, file: OnnxFile, options: &OnnxOptions) -> Result<Box<dyn Program>> {
    let device = options.device.id();
    if device != DeviceId::Cpu {
        let fault = Expected::new("the CPU as the device for tract", device);
        return Err(Error::from(format!("{fault}; {}", advice())));
    }
    check_types("input", &file.inputs)?;
    check_types("output", &file.outputs)?;
    let onnx = tract_onnx::onnx().with_ignore_value_info(true);
    let mut lacking = Vec::new();
    let knows = |node: &NodeProto| DOMAINS.contains(&&*node.domain) && onnx.op_register.0.contains_key(&node.op_type);
    file.model.graph.iter().for_each(|graph| find_lacking(graph, &knows, &mut lacking));
    if !lacking.is_empty() {
        return Err(Error::from(format!("{}; {}", listed(&lacking, "; "), advice())));
    }
    let OnnxFile { inputs, outputs, model, bytes, .. } = file;
    drop(model);
    let plan = caught(|| {
        let model = ModelProto::decode(bytes)?;
        let parsed = onnx.parse(&model, file::folder(path).to_str())?;
        let unresolved = parsed.unresolved_inputs;
        if !unresolved.is_empty() {
            let names = listed(unresolved.iter().map(|name| quoted(name)), ", ");
            return Err(std::io::Error::other(format!("no node computes the values {names}")).into());
        }
        drop(model);
        let mut model = parsed.model;
        name_lengths(&mut model, &inputs)?;
        convert_outputs(model.into_typed()?, &outputs)?.into_optimized()?.into_runnable()
    });
    let plan = plan.map_err(|error| {
        let varies = |port: &Port| {
            port.shape.as_ref().is_none_or(|shape| shape.iter().any(|length| !matches!(length, Length::Fixed(_))))
        };
        let fixed =
            if inputs.iter().any(varies) { "fix the lengths of the inputs with OnnxOptions::shape, or " } else { "" };
        error.context(format!("tract cannot load the file; {fixed}{}", advice()))
    })?;
    let outputs = outputs.iter().map(|output| output.datatype).collect();
    Ok(Box::new(Loaded { plan, outputs }))
}

/// Describes the nodes of a graph and of its subgraphs whose operators tract lacks.
fn find_lacking(graph: &GraphProto, knows: &dyn Fn(&NodeProto) -> bool, lacking: &mut Vec<String>) {
    for node in &graph.node {
        if !knows(node) {
            let name = if node.name.is_empty() { node.output.first() } else { Some(&node.name) };
            let name = quoted(name.map_or("", String::as_str));
            let domain = if node.domain.is_empty() { String::new() } else { format!("{}.", node.domain) };
            lacking.push(format!("node {name}: tract has no operator {}", quoted(&(domain + &node.op_type))));
        }
        for attribute in &node.attribute {
            attribute.g.iter().chain(&attribute.graphs).for_each(|graph| find_lacking(graph, knows, lacking));
        }
    }
}

fn advice() -> String {
    format!("use the backend {}", OnnxBackend::OnnxRuntime)
}

fn check_types(kind: &str, ports: &[Port]) -> Result<()> {
    match ports.iter().find(|port| datum(port.datatype).is_none()) {
        None => Ok(()),
        Some(port) => {
            let text = format!("tract has no data type {}; {}", port.datatype, advice());
            Err(Error::from(text).context(format!("{kind} {}", quoted(&port.name))))
        }
    }
}

/// Runs code of tract. A panic becomes an error.
fn caught<T>(run: impl FnOnce() -> TractResult<T>) -> Result<T> {
    match telemetry::catch(run) {
        Ok(result) => result.map_err(|error| Error::from(format!("{error:#}"))),
        Err(panic) => Err(Error::from(format!("tract panicked: {panic}"))),
    }
}

/// Gives every length that varies a symbol, for which any number can stand later. The file's names are symbols already.
fn name_lengths(model: &mut InferenceModel, inputs: &[Port]) -> TractResult<()> {
    let batch = match signature::batch_length(inputs) {
        Some(Length::Unnamed) => Some(model.symbols.new_with_prefix("batch")),
        _ => None,
    };
    for (index, port) in inputs.iter().enumerate() {
        let Some(shape) = &port.shape else { continue };
        let known = model.input_fact(index)?.clone();
        let dims = shape.iter().enumerate().map(|(axis, length)| {
            let named = known.shape.dim(axis).and_then(|dim| dim.concretize());
            DimFact::from(match (length, named, &batch) {
                (Length::Fixed(length), ..) => length.to_dim(),
                (_, Some(named), _) => named,
                (_, None, Some(batch)) if axis == 0 => batch.to_dim(),
                (_, None, _) => model.symbols.new_with_prefix("length").to_dim(),
            })
        });
        let shape = ShapeFactoid::closed(dims.collect());
        model.set_input_fact(index, InferenceFact { shape, ..known })?;
    }
    Ok(())
}

/// Converts outputs to the data types of the file: tract computes with shapes in a type of its own, whose values it knows
/// only during a run.
fn convert_outputs(mut model: TypedModel, ports: &[Port]) -> TractResult<TypedModel> {
    let mut outputs = model.output_outlets()?.to_vec();
    for (outlet, port) in outputs.iter_mut().zip(ports) {
        if let Some(datum) = datum(port.datatype) {
            *outlet = wire_cast(&port.name, &mut model, &[*outlet], datum)?[0];
        }
    }
    model.select_output_outlets(&outputs)?;
    Ok(model)
}

struct Loaded {
    plan: Arc<TypedRunnableModel>,
    outputs: Arc<[DataType]>,
}

impl Program for Loaded {
    fn session(&self) -> Result<Box<dyn Run>> {
        Ok(Box::new(Session { plan: self.plan.clone(), outputs: self.outputs.clone() }))
    }
}

/// A session shares all with the others: a run has a state of its own, so that no operator remembers an earlier run.
struct Session {
    plan: Arc<TypedRunnableModel>,
    outputs: Arc<[DataType]>,
}

impl Run for Session {
    fn run(&mut self, inputs: &[&OnnxInput<'_>]) -> Result<Vec<(Vec<usize>, TensorData)>> {
        let given = inputs.iter().map(|input| Ok(tensor(input)?.into_tvalue())).collect::<Result<TVec<TValue>>>()?;
        let node = Cell::new(None);
        let computed = caught(|| {
            self.plan.spawn()?.run_plan_with_eval(given, |context, state, next, inputs| {
                node.set(Some(next.id));
                plan::eval(context, state, next, inputs)
            })
        });
        let computed = computed.map_err(|error| match node.get().and_then(|id| self.plan.model().nodes.get(id)) {
            Some(node) => error.context(format!("node {}", quoted(&node.name))),
            None => error,
        })?;
        if computed.len() != self.outputs.len() {
            let wanted = format!("{} outputs", self.outputs.len());
            return Err(Error::from(Expected::new(wanted, computed.len()).to_string()));
        }
        computed.iter().zip(&*self.outputs).map(|(tensor, datatype)| output(tensor, *datatype)).collect()
    }
}

macro_rules! types {
    ($($variant:ident $type:ty: $datum:ident,)*) => {
        fn datum(datatype: DataType) -> Option<DatumType> {
            match datatype {
                $(DataType::$variant => Some(DatumType::$datum),)*
                DataType::Bf16 | DataType::Bytes => None,
            }
        }

        fn tensor(input: &OnnxInput<'_>) -> Result<Tensor> {
            match input.values() {
                $(Values::$variant(values) => caught(|| Tensor::from_shape(input.shape(), values)),)*
                Values::Bf16(_) | Values::Bytes(_) => Err(no_type(input.datatype())),
            }
        }

        fn output(tensor: &Tensor, datatype: DataType) -> Result<(Vec<usize>, TensorData)> {
            let data: TensorData = match datatype {
                $(DataType::$variant => caught(|| Ok(tensor.try_as_plain_ram()?.as_slice::<$type>()?.to_vec()))?.into(),)*
                DataType::Bf16 | DataType::Bytes => return Err(no_type(datatype)),
            };
            Ok((tensor.shape().to_vec(), data))
        }
    };
}
types! {
    Bool bool: Bool,
    Uint8 u8: U8,
    Uint16 u16: U16,
    Uint32 u32: U32,
    Uint64 u64: U64,
    Int8 i8: I8,
    Int16 i16: I16,
    Int32 i32: I32,
    Int64 i64: I64,
    Fp16 f16: F16,
    Fp32 f32: F32,
    Fp64 f64: F64,
}

fn no_type(datatype: DataType) -> Error {
    Error::from(format!("tract has no data type {datatype}"))
}
