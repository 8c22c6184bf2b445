//! The description of a server by its operator, from a JSON file. It overrides the discovered facts.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::suite::means;

/// The description of a server. Every member is optional.
///
/// ```
/// use conformance::Spec;
///
/// let spec = Spec::from_json(r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1.5]}]}"#);
/// assert_eq!(spec.unwrap().inputs.unwrap()[0]["name"], "x");
///
/// let fault = Spec::from_json(r#"{"conditions": ["echoes"]}"#).unwrap_err();
/// assert_eq!(fault, "unknown condition 'echoes'");
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// The inputs of a valid request. Absent `data` is filled with zeros, and a length of -1 in `shape` becomes 1
    pub inputs: Option<Vec<Map<String, Value>>>,
    /// Set if the outputs are the inputs
    pub echo: Option<bool>,
    /// The kind of an item: `image`, `text`, `json` or `row`. Default: taken from the metadata
    pub item: Option<String>,
    /// The id of the model on the platform, which is also part of its routes
    pub model_id: Option<String>,
    /// Conditions that hold
    pub conditions: Vec<String>,
    /// Conditions that do not hold, even if they are discovered
    pub not: Vec<String>,
}

impl Spec {
    /// Parses the text of a file.
    ///
    /// # Errors
    /// Returns an error if the text is not JSON of this form or names an unknown condition.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let spec: Spec = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if let Some(kind) = spec.item.as_ref().filter(|kind| !super::item::KINDS.contains(&kind.as_str())) {
            return Err(format!("item: expected 'image', 'text', 'json' or 'row', got '{kind}'"));
        }
        match spec.conditions.iter().chain(&spec.not).find(|need| means(need).is_none()) {
            Some(unknown) => Err(format!("unknown condition '{unknown}'")),
            None => Ok(spec),
        }
    }
}
