//! A schema as JSON Schema, for tools that complete and check a file of values or an environment.

use serde_json::{Map, Value, json};

use crate::settings::{SettingKind, SettingSpec};

/// Renders settings as a JSON Schema (2020-12) of an object whose members are the variables.
///
/// A value can be typed (`5`, `true`), as in a file of values, or text (`"5"`, `"true"`), as in an environment. The schema
/// accepts what the engine accepts, as far as JSON Schema can express it: it checks the format of a number that is written
/// as text but not its range, and it does not check durations. Unknown members are accepted. The runtime's settings have
/// `"x-chariot-runtime": true`.
///
/// ```
/// use chariot_engine::settings::{Settings, json_schema};
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// Scaling of images
///     #[setting(default = "smooth", values = ["smooth", "sharp"])]
///     scaling: String,
/// }
///
/// let schema = json_schema(&DigitsSettings::schema());
/// let expected = serde_json::json!({
///     "type": "string",
///     "enum": ["smooth", "sharp"],
///     "default": "smooth",
///     "description": "Scaling of images",
/// });
/// assert_eq!(schema["properties"]["SCALING"], expected);
/// ```
pub fn json_schema(settings: &[SettingSpec]) -> Value {
    let mut properties = Map::new();
    for setting in settings {
        let property = property(setting);
        for alias in &setting.aliases {
            let mut old = property.clone();
            old.insert("deprecated".into(), true.into());
            old.insert("description".into(), format!("Former name of {}", setting.name).into());
            properties.insert(alias.clone(), old.into());
        }
        properties.insert(setting.name.clone(), property.into());
    }
    let required: Vec<&str> =
        settings.iter().filter(|setting| setting.required).map(|setting| setting.name.as_str()).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
    })
}

fn property(setting: &SettingSpec) -> Map<String, Value> {
    let mut property = Map::new();
    let mut set = |key: &str, value: Value| {
        property.insert(key.into(), value);
    };
    let (types, pattern) = match setting.kind {
        SettingKind::Int => (json!(["integer", "string"]), Some("^[+-]?[0-9]+$")),
        SettingKind::Float => {
            (json!(["number", "string"]), Some("^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?$"))
        }
        SettingKind::Bool => (
            json!(["boolean", "string"]),
            Some("^([Tt][Rr][Uu][Ee]|1|[Yy][Ee][Ss]|[Oo][Nn]|[Ff][Aa][Ll][Ss][Ee]|0|[Nn][Oo]|[Oo][Ff][Ff])$"),
        ),
        // An empty value counts as not set.
        SettingKind::String => (json!("string"), setting.required.then_some("\\S")),
    };
    set("type", types);
    if !setting.values.is_empty() {
        let text = setting.values.iter().map(|value| json!(value));
        let typed = setting.values.iter().map(|value| typed(setting.kind, value)).filter(|value| !value.is_string());
        set("enum", typed.chain(text).collect());
    } else {
        if let Some(pattern) = pattern {
            set("pattern", pattern.into());
        }
        for (key, end) in [("minimum", &setting.range.from), ("maximum", &setting.range.to)] {
            let end = end.as_ref().map(|end| typed(setting.kind, end)).filter(Value::is_number);
            end.into_iter().for_each(|end| set(key, end));
        }
    }
    if let Some(default) = &setting.default {
        set("default", typed(setting.kind, default));
    }
    let description = match &setting.deprecated {
        Some(why) => {
            format!("{}. Deprecated: {why}", setting.help.trim_end_matches('.')).trim_start_matches(". ").to_owned()
        }
        None => setting.help.clone(),
    };
    if !description.is_empty() {
        set("description", description.into());
    }
    for (key, holds) in [
        ("deprecated", setting.deprecated.is_some()),
        ("writeOnly", setting.secret),
        ("x-chariot-runtime", setting.runtime),
    ] {
        if holds {
            set(key, true.into());
        }
    }
    property
}

/// Returns a value as JSON: as a number or a boolean if it is one.
fn typed(kind: SettingKind, text: &str) -> Value {
    let fits = |value: &Value| match kind {
        SettingKind::Int | SettingKind::Float => value.is_number(),
        SettingKind::Bool => value.is_boolean(),
        SettingKind::String => false,
    };
    serde_json::from_str(text).ok().filter(fits).unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::{EngineSettings, Secret, Settings};

    #[derive(Settings)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Own {
        /// Number of labels
        #[setting(range = 1..=10, alias = "COUNT")]
        top_k: u8,
        #[setting(values = [0.5, 1.0], default = 0.5)]
        share: f64,
        #[setting(default = true, deprecated = "it is always exact")]
        exact: bool,
        key: Secret,
        #[setting(default = "5s", range = Duration::ZERO..)]
        patience: Duration,
    }

    #[test]
    fn the_schema_contains_the_declaration_of_each_setting() {
        let schema = json_schema(&Own::schema());
        assert_eq!(schema["required"], json!(["TOP_K", "KEY"]));
        let int = json!({
            "type": ["integer", "string"], "minimum": 1, "maximum": 10, "pattern": "^[+-]?[0-9]+$",
            "description": "Number of labels",
        });
        assert_eq!(schema["properties"]["TOP_K"], int);
        assert_eq!(schema["properties"]["COUNT"]["deprecated"], true);
        assert_eq!(schema["properties"]["COUNT"]["description"], "Former name of TOP_K");
        let listed = json!({"type": ["number", "string"], "enum": [0.5, 1, "0.5", "1"], "default": 0.5});
        assert_eq!(schema["properties"]["SHARE"], listed);
        let exact = &schema["properties"]["EXACT"];
        assert_eq!((&exact["default"], &exact["deprecated"]), (&json!(true), &json!(true)));
        assert_eq!(exact["description"], "Deprecated: it is always exact");
        assert_eq!(schema["properties"]["KEY"], json!({"type": "string", "pattern": "\\S", "writeOnly": true}));
        assert_eq!(schema["properties"]["PATIENCE"], json!({"type": "string", "default": "5s"}));
    }

    #[test]
    fn the_runtime_s_settings_are_marked() {
        let schema = json_schema(&EngineSettings::schema());
        let properties = schema["properties"].as_object().unwrap();
        assert!(properties.values().all(|property| property["x-chariot-runtime"] == true));
        assert_eq!(properties["CHARIOT_ENGINE_LOG_FORMAT"]["enum"], json!(["human", "json"]));
        assert_eq!(properties["CHARIOT_ENGINE_QUEUE_SIZE"]["minimum"], 0);
    }
}
