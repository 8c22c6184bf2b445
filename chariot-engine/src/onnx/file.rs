//! [`OnnxFile`]: an ONNX file, read and checked without a backend. `model` reads it, and the backends load it.

use std::{io::Read, path::Path};

use bytes::Bytes;
use prost::Message;

use super::{
    ports::{self, Port},
    schema::{ModelProto, PropertiesProto, PropertyProto},
    stored,
};
use crate::{
    error::{Error, Result},
    files,
};

/// An ONNX file, read and checked.
pub(super) struct OnnxFile {
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    /// The properties that the writer of the file has added.
    pub(super) properties: Vec<(String, String)>,
    pub(super) model: ModelProto,
    /// The contents of the file. ONNX Runtime reads the file itself.
    #[cfg(feature = "onnx-tract")]
    pub(super) bytes: Bytes,
}

impl OnnxFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, if it is not a complete ONNX file, if an input or an output is no
    /// tensor of the protocol's types, or if the data of a tensor does not fit its shape.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = contents(path)?;
        let model: ModelProto = decode(bytes.clone())?;
        let graph = model.graph.as_ref().filter(|graph| !graph.output.is_empty());
        let graph = graph.ok_or_else(|| incomplete("expected a graph with outputs, got none"))?;
        if model.opset_import.iter().all(|operators| operators.version < 1) {
            return Err(incomplete("expected the version of its operators, got none"));
        }
        stored::check(&model, folder(path))?;
        Ok(OnnxFile {
            inputs: ports::inputs(graph)?,
            outputs: ports::outputs(graph)?,
            properties: properties(&model.metadata_props),
            model,
            #[cfg(feature = "onnx-tract")]
            bytes,
        })
    }
}

fn incomplete(reason: &str) -> Error {
    Error::from(format!("not a complete ONNX file: {reason}"))
}

fn decode<M: Message + Default>(bytes: Bytes) -> Result<M> {
    M::decode(bytes).map_err(|error| incomplete(reason(&error.to_string())))
}

/// Reads the properties of a file and nothing else.
///
/// # Errors
/// Returns an error if the file cannot be read, or if it is not a complete message of protobuf.
pub(super) fn read_properties(path: &Path) -> Result<Vec<(String, String)>> {
    let PropertiesProto { metadata_props } = decode(contents(path)?)?;
    Ok(properties(&metadata_props))
}

/// Copies properties, so that the contents of the file can be dropped, and leaves out those that are not UTF-8.
fn properties(properties: &[PropertyProto]) -> Vec<(String, String)> {
    let text = |bytes: &Bytes| std::str::from_utf8(bytes).ok().map(str::to_owned);
    properties.iter().filter_map(|property| Some((text(&property.key)?, text(&property.value)?))).collect()
}

/// Returns the folder of a file, where files with external data are.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn contents(path: &Path) -> Result<Bytes> {
    let mut bytes = Vec::new();
    files::open(path)?.read_to_end(&mut bytes)?;
    Ok(Bytes::from(bytes))
}

/// Returns what the decoder says, without the path of messages within messages to the place, which can be long.
fn reason(text: &str) -> &str {
    let mut rest = text.strip_prefix("failed to decode Protobuf message: ").unwrap_or(text);
    while let Some((step, after)) = rest.split_once(": ")
        && step.contains('.')
        && !step.contains(' ')
    {
        rest = after;
    }
    rest
}
