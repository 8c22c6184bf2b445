//! [`OnnxSettings`], the settings of all models, and the file that they name. Every model loads by them.

use std::{collections::BTreeMap, path::PathBuf};

use chariot_engine::{
    model::LoadContext,
    onnx::{Onnx, OnnxBackend},
    prelude::*,
};

/// The settings of an engine of an ONNX file.
///
/// ```
/// use chariot_engine::settings::{Environment, from_environment};
/// use chariot_onnx::OnnxSettings;
///
/// let settings: OnnxSettings = from_environment(&Environment::default()).unwrap();
/// assert_eq!((settings.onnx_file, settings.onnx_backend), (None, None));
/// ```
#[derive(Clone, Debug, Settings)]
pub struct OnnxSettings {
    /// ONNX file. Its path inside the model directory. Default: `model.onnx`, or the only file whose name ends in `.onnx`.
    pub onnx_file: Option<PathBuf>,
    /// Program that runs the model. Default: ONNX Runtime if its library is found, else tract.
    pub onnx_backend: Option<OnnxBackend>,
}

impl OnnxSettings {
    /// Opens the file, for the device and the threads of the engine, with the greatest lengths of inputs.
    pub(crate) fn open(ctx: &LoadContext<OnnxSettings>, max_shapes: &BTreeMap<String, Vec<usize>>) -> Result<Onnx> {
        let settings = ctx.settings();
        let file = match &settings.onnx_file {
            Some(file) => ctx.file(file)?,
            // A file of the usual name goes first.
            None => match ctx.file("model.onnx") {
                Ok(file) => file,
                Err(_) => ctx.only_file("onnx").context("ONNX_FILE is not set")?,
            },
        };
        let options = max_shapes
            .iter()
            .fold(ctx.onnx_options(), |options, (input, lengths)| options.max_shape(input.as_str(), lengths));
        ctx.onnx_with(
            file,
            match settings.onnx_backend {
                Some(backend) => options.backend(backend),
                None => options,
            },
        )
    }
}
