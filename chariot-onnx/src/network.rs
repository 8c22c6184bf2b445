//! [`Network`], an ONNX file as the models of tasks use it: with a session for each worker, and one output that they read.

use std::{collections::BTreeMap, sync::OnceLock};

use chariot_engine::{
    model::{Batch, Dim, LoadContext, Scratch, TensorSpec, Worker},
    onnx::{Onnx, OnnxInput, OnnxSession},
    prelude::*,
    protocol::DataType,
};

use crate::{message::expected, settings::OnnxSettings};

/// An ONNX file.
pub(crate) struct Network {
    onnx: Onnx,
    /// The name of the output that the model reads, known once a session has run.
    output: OnceLock<String>,
}

/// A tensor of numbers.
pub(crate) struct Numbers {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl Network {
    pub(crate) fn open(ctx: &LoadContext<OnnxSettings>) -> Result<Self> {
        // Only callers of named tensors choose the lengths of inputs.
        Ok(Network { onnx: OnnxSettings::open(ctx, &BTreeMap::new())?, output: OnceLock::new() })
    }

    /// Returns a property of the file.
    pub(crate) fn property(&self, key: &str) -> Option<&str> {
        self.onnx.property(key)
    }

    /// Returns the operator that computes the output that the model reads, once a session has run.
    pub(crate) fn last_operator(&self) -> Option<&str> {
        self.onnx.operator(self.output.get()?)
    }

    pub(crate) fn inputs(&self) -> &[TensorSpec] {
        self.onnx.inputs()
    }

    /// Returns the only input.
    pub(crate) fn input(&self) -> Result<&TensorSpec> {
        match self.inputs() {
            [only] => Ok(only),
            [] => Err(expected("inputs with a number of dimensions", "none")),
            several => {
                let names: Vec<_> = several.iter().map(TensorSpec::name).collect();
                Err(expected("one input", format_args!("'{}'", names.join("', '"))))
            }
        }
    }

    /// Returns the session of the worker that runs a batch.
    pub(crate) fn session<I>(&self, batch: &Batch<I>) -> Result<Scratch<OnnxSession>> {
        batch.scratch(|| self.onnx.session())
    }

    /// Makes the session of a worker.
    pub(crate) fn warm_up(&self, worker: &Worker) -> Result<Scratch<OnnxSession>> {
        worker.scratch(|| self.onnx.session())
    }

    /// Runs the network, and returns its first output of `dimensions` dimensions.
    pub(crate) fn run(
        &self,
        session: &mut OnnxSession,
        inputs: &[(&str, OnnxInput<'_>)],
        dimensions: &[usize],
    ) -> Result<Numbers> {
        let mut outputs = session.run_with(inputs)?;
        let name =
            outputs.iter().find(|(_, shape, _)| dimensions.contains(&shape.len())).map(|(name, ..)| name.to_owned());
        let found = name.as_ref().and_then(|name| outputs.take(name));
        let Some((shape, data)) = found else {
            let shapes: Vec<_> =
                outputs.iter().map(|(name, shape, _)| format!("'{name}' of shape {shape:?}")).collect();
            let all = shapes.join(" and ");
            return Err(expected(format_args!("an output of {dimensions:?} dimensions"), all));
        };
        let name = name.unwrap_or_default();
        self.output.get_or_init(|| name.clone());
        let data = if data.datatype() == DataType::Fp16 { data.convert(DataType::Fp32)? } else { data };
        let values = data.into_vec::<f32>().map_err(|data| {
            Error::from(format!("output '{name}': {}", expected("numbers of type FP32 or FP16", data.datatype())))
        })?;
        // A model whose numbers are wrong must not look right.
        if values.iter().any(|value| value.is_nan()) {
            return Err(format!("output '{name}': {}", expected("numbers", "NaN")).into());
        }
        Ok(Numbers { shape, values })
    }
}

/// Returns the most items of a call, if the file fixes their number.
pub(crate) fn batch_limit(input: &TensorSpec) -> Option<usize> {
    match input.shape().first() {
        Some(Dim::Fixed(count)) => Some(*count),
        _ => None,
    }
}
