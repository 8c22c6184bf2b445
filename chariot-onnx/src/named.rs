//! [`OnnxModel`], any ONNX file as named tensors.

use chariot_engine::{
    model::{Batch, LoadContext, Signature, Worker},
    onnx::Onnx,
    prelude::*,
};

use crate::message::expected;

use crate::{engine_file::EngineFile, settings::OnnxSettings};

/// A model of named tensors: those of its ONNX file.
///
/// ```no_run
/// # fn main() -> std::process::ExitCode {
/// chariot_engine::Engine::builder().model::<chariot_onnx::OnnxModel>("scores").command_line()
/// # }
/// ```
#[derive(Debug)]
pub struct OnnxModel {
    onnx: Onnx,
}

impl Model for OnnxModel {
    type Settings = OnnxSettings;
    type Input = Tensors;
    type Output = Tensors;

    async fn load(ctx: &LoadContext<OnnxSettings>) -> Result<Self> {
        // An engine that was chosen before its `engine.json` was there must not serve something else.
        let file = EngineFile::load(ctx)?;
        if let Some(task) = file.task {
            let fault = expected("no task for a model of named tensors", format_args!("{task:?}"));
            return Err(fault.to_string()).context("engine.json: task");
        }
        Ok(OnnxModel { onnx: OnnxSettings::open(ctx, &file.max_shapes)? })
    }

    fn signature(&self) -> Option<Signature> {
        Some(Signature::new(self.onnx.inputs().to_vec(), self.onnx.outputs().to_vec()))
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        worker.scratch(|| self.onnx.session()).map(drop)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        let mut session = batch.scratch(|| self.onnx.session())?;
        batch.try_map(|tensors| session.run(&tensors))
    }
}
