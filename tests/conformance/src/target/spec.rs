//! What a person says of a server, in a file of JSON: it goes before what is learned.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::suite::means;

/// What is said of a server. Everything may be absent.
///
/// ```
/// use conformance::Spec;
///
/// let spec = Spec::from_json(r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1.5]}]}"#);
/// assert_eq!(spec.unwrap().inputs.unwrap()[0]["name"], "x");
///
/// let fault = Spec::from_json(r#"{"conditions": ["echoes"]}"#).unwrap_err();
/// assert_eq!(fault, "'echoes' is no condition");
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    /// The inputs of a valid request. Where `data` is absent it is zeros, and a length of -1 in `shape` is 1
    pub inputs: Option<Vec<Map<String, Value>>>,
    /// Whether the outputs are the inputs
    pub echo: Option<bool>,
    /// What an item is: `image`, `text`, `json` or `row`. Absent: found in the metadata
    pub item: Option<String>,
    /// The platform's id of the model, by which its routes are named too
    pub model_id: Option<String>,
    /// Conditions that hold
    pub conditions: Vec<String>,
    /// Conditions that do not hold, whatever is learned
    pub not: Vec<String>,
}

impl Spec {
    /// Reads what a file says.
    ///
    /// # Errors
    /// It is not JSON, or not of this form, or speaks of a condition that there is not.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let spec: Spec = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if let Some(kind) = spec.item.as_ref().filter(|kind| !super::item::KINDS.contains(&kind.as_str())) {
            return Err(format!("item: 'image', 'text', 'json' or 'row' is expected, '{kind}' came"));
        }
        match spec.conditions.iter().chain(&spec.not).find(|need| means(need).is_none()) {
            Some(unknown) => Err(format!("'{unknown}' is no condition")),
            None => Ok(spec),
        }
    }
}
