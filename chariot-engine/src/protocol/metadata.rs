//! The metadata of a model: its name, versions and tensors. The metadata route returns it.

use serde::Serialize;

use super::datatype::DataType;

/// The metadata of one input or output tensor of a model.
///
/// ```
/// use chariot_engine::protocol::{DataType, TensorMetadata};
///
/// let rows = TensorMetadata::new("features", DataType::Fp32, [-1, 4]);
/// assert_eq!(rows.shape, [-1, 4]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TensorMetadata {
    /// The tensor's name in requests and responses.
    pub name: String,
    /// The data type of the elements.
    pub datatype: DataType,
    /// The dimensions; -1 for a dimension of variable length.
    pub shape: Vec<i64>,
}

impl TensorMetadata {
    /// Describes a tensor with this name, data type and shape; -1 in the shape is a dimension of variable length.
    pub fn new(name: impl Into<String>, datatype: DataType, shape: impl Into<Vec<i64>>) -> Self {
        TensorMetadata { name: name.into(), datatype, shape: shape.into() }
    }
}

/// The metadata of a model, as `GET /v2/models/{model}` returns it.
///
/// ```
/// use chariot_engine::protocol::ModelMetadata;
///
/// let mut metadata = ModelMetadata::new("echo", "rust");
/// metadata.versions.push("1".into());
/// let text = r#"{"name":"echo","versions":["1"],"platform":"rust","inputs":[],"outputs":[]}"#;
/// assert_eq!(serde_json::to_string(&metadata).unwrap(), text);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModelMetadata {
    /// The model's name.
    pub name: String,
    /// The versions that a request can name.
    pub versions: Vec<String>,
    /// The platform that runs the model.
    pub platform: String,
    /// The inputs; empty if the model accepts any.
    pub inputs: Vec<TensorMetadata>,
    /// The outputs; empty if they depend on the request.
    pub outputs: Vec<TensorMetadata>,
}

impl ModelMetadata {
    /// Describes a model with this name and platform, without versions, inputs and outputs.
    pub fn new(name: impl Into<String>, platform: impl Into<String>) -> Self {
        ModelMetadata {
            name: name.into(),
            versions: Vec::new(),
            platform: platform.into(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        }
    }
}
