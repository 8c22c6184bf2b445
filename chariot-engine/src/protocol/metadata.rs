//! What a model says of itself: its name, versions and tensors. The metadata route writes it.

use serde::Serialize;

use super::DataType;

/// One tensor that a model takes or gives.
///
/// ```
/// use chariot_engine::protocol::{DataType, TensorMetadata};
///
/// let rows = TensorMetadata::new("features", DataType::Fp32, [-1, 4]);
/// assert_eq!(rows.shape, [-1, 4]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorMetadata {
    /// The tensor's name in requests and responses.
    pub name: String,
    /// What its elements are.
    pub datatype: DataType,
    /// Its dimensions; -1 where the length varies.
    pub shape: Vec<i64>,
}

impl TensorMetadata {
    /// A tensor of this name, type and shape; -1 in the shape is a length that varies.
    pub fn new(name: impl Into<String>, datatype: DataType, shape: impl Into<Vec<i64>>) -> Self {
        TensorMetadata { name: name.into(), datatype, shape: shape.into() }
    }
}

/// A model's metadata, as `GET /v2/models/{model}` answers it.
///
/// ```
/// use chariot_engine::protocol::ModelMetadata;
///
/// let metadata = ModelMetadata {
///     name: "echo".into(),
///     versions: vec!["1".into()],
///     platform: "rust".into(),
///     inputs: vec![],
///     outputs: vec![],
/// };
/// let text = r#"{"name":"echo","versions":["1"],"platform":"rust","inputs":[],"outputs":[]}"#;
/// assert_eq!(serde_json::to_string(&metadata).unwrap(), text);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelMetadata {
    /// The model's name.
    pub name: String,
    /// The versions that can be asked for.
    pub versions: Vec<String>,
    /// What runs the model.
    pub platform: String,
    /// What it takes; empty if it takes anything.
    pub inputs: Vec<TensorMetadata>,
    /// What it gives; empty if it depends on the request.
    pub outputs: Vec<TensorMetadata>,
}
