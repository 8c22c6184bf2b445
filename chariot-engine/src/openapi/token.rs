//! The part of the document about the token, for an engine that asks for one.

use serde_json::{Value, json};

/// Adds the token to a document: every operation needs it, and can return a 401, except those of health checks.
pub(super) fn require(document: &mut Value) {
    let components = &mut document["components"];
    components["securitySchemes"] = json!({ "Token": { "type": "http", "scheme": "bearer" } });
    components["responses"]["Unauthorized"] = json!({
        "description": "The request has no token, or another one.",
        "headers": { "WWW-Authenticate": { "schema": { "const": "Bearer" } } },
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
    });
    document["security"] = json!([{ "Token": [] }]);
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for (path, item) in paths {
        let is_open = path.ends_with("/ready") || path.ends_with("/live");
        for method in ["get", "post"] {
            let Some(operation) = item.get_mut(method) else { continue };
            if is_open {
                operation["security"] = json!([]);
            } else {
                operation["responses"]["401"] = json!({ "$ref": "#/components/responses/Unauthorized" });
            }
        }
    }
}
