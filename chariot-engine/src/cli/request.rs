//! A request about a file, as `infer` makes it: a picture or a text becomes an item, JSON may be a request itself.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::arguments::Infer;
use crate::model::Spec;

/// The path that means standard input.
pub(super) const STDIN: &str = "-";

/// A request, and what of its answer is wanted.
#[derive(Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) body: Vec<u8>,
    /// Whether it is about one item of our own making, of which the answer alone is of interest.
    pub(super) item: bool,
}

/// Makes a request of a file's content.
///
/// # Errors
/// The engine takes nothing that such a file could be.
pub(super) fn request(path: &Path, content: Vec<u8>, spec: &Spec, options: &Infer) -> Result<Asked, String> {
    let takes_json = matches!(spec.element, Some("json" | "row"));
    let named = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let json = serde_json::from_slice::<Value>(&content).ok();
    let is_request = json.as_ref().is_some_and(|json| json.get("inputs").is_some() || json.get("input").is_some());
    // What says that it is JSON and is none is for the engine to complain of: it knows where.
    if is_request || (named && !(takes_json && json.is_some())) {
        if options.action.is_some() || !options.parameters.is_empty() {
            return Err("--action and --parameter are for items; a request says its own".into());
        }
        return Ok(Asked { body: content, item: false });
    }
    let data = match (spec.element, json) {
        (None, _) => {
            return Err("this engine takes named tensors: a request in JSON is expected, with `inputs`".into());
        }
        (Some("json" | "row"), Some(json)) => json,
        (Some("image"), _) => base64_simd::STANDARD.encode_to_string(&content).into(),
        (Some(_), _) => match String::from_utf8(content) {
            // Editors end a file with a line break that nobody has written.
            Ok(text) => text.strip_suffix('\n').map_or_else(|| text.clone(), |text| text.trim_end_matches('\r').to_string()).into(),
            Err(_) => return Err("text in UTF-8 is expected, something else came".into()),
        },
    };
    let mut parameters: Map<String, Value> = options.parameters.iter().cloned().collect();
    if let Some(action) = &options.action {
        parameters.insert("action".into(), action.clone().into());
    }
    let name = if path == Path::new(STDIN) { "stdin".into() } else { path.file_name().unwrap_or_default().to_string_lossy() };
    let input = json!({ "name": name, "datatype": "BYTES", "shape": [1], "data": [data], "parameters": parameters });
    Ok(Asked { body: json!({ "inputs": [input] }).to_string().into_bytes(), item: true })
}
