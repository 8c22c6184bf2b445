//! RFC 6902 with placeholders.

use serde_json::{Value, json};

use crate::suite::{Names, Operation, Writing};

/// Applies operations to a document.
pub(super) fn patch(mut document: Value, operations: &[Operation], names: &Names) -> Result<Value, String> {
    for operation in operations {
        let mut written = json!({"op": names.text(&operation.op, Writing::Plain)?, "path": names.text(&operation.path, Writing::Plain)?});
        if let Some(from) = &operation.from {
            written["from"] = names.text(from, Writing::Plain)?.into();
        }
        if let Some(value) = &operation.value {
            written["value"] = names.value(value)?;
        }
        if let Some(json) = &operation.json {
            let text = names.text(json, Writing::Json)?;
            written["value"] = serde_json::from_str(&text).map_err(|error| format!("'{json}' is not JSON: {error}"))?;
        }
        let in_context = |error: &dyn std::fmt::Display| format!("'{} {}': {error}", operation.op, operation.path);
        let operation: json_patch::PatchOperation =
            serde_json::from_value(written).map_err(|error| in_context(&error))?;
        json_patch::patch(&mut document, &[operation]).map_err(|error| in_context(&error))?;
    }
    Ok(document)
}
