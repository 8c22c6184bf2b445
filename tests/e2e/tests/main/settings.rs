//! The settings of an engine, compared with their JSON Schema.

use chariot_engine::{
    prelude::*,
    settings::{Environment, Secret, from_environment, json_schema},
};
use serde_json::{Value, json};

/// Settings of every type.
#[derive(Settings)]
#[expect(dead_code, reason = "only parsing is tested")]
struct Own {
    /// Number of labels
    #[setting(range = 1..=10, alias = "COUNT")]
    top_k: i32,
    /// Minimum share
    #[setting(default = 0.5, range = 0.0..=1.0)]
    share: f64,
    /// Exact mode
    #[setting(default = false)]
    exact: bool,
    /// Language
    #[setting(default = "en", values = ["de", "en"])]
    language: String,
    /// Image width
    #[setting(values = [224, 384])]
    side: Option<u16>,
    /// API key
    key: Option<Secret>,
}

/// Converts the members of an object to environment variables.
fn variables(values: &Value) -> Environment {
    let members = values.as_object().expect("an object");
    members
        .iter()
        .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_string)))
        .collect()
}

#[test]
fn the_engine_accepts_exactly_what_the_json_schema_allows() {
    let schema = json_schema(&Own::schema());
    assert!(jsonschema::meta::is_valid(&schema), "{schema}");
    let validator = jsonschema::draft202012::new(&schema).expect("the schema is one of draft 2020-12");
    for values in [
        json!({"TOP_K": 1}),
        json!({"TOP_K": "10", "PATH": "/bin"}),
        json!({"TOP_K": "+3", "SHARE": 0.25, "EXACT": true, "LANGUAGE": "de", "SIDE": 384, "KEY": "sesame"}),
        json!({"TOP_K": 3, "SHARE": "1e-1", "EXACT": "On", "LANGUAGE": "en", "SIDE": "224", "COUNT": "5"}),
        json!({"TOP_K": 3, "SHARE": ".5", "EXACT": "FALSE"}),
    ] {
        assert!(validator.is_valid(&values), "{values}");
        assert!(from_environment::<Own>(&variables(&values)).is_ok(), "{values}");
    }
    for values in [
        json!({}),
        json!({"TOP_K": 0}),
        json!({"TOP_K": "three"}),
        json!({"TOP_K": 3, "SHARE": 1.5}),
        json!({"TOP_K": 3, "SHARE": "half"}),
        json!({"TOP_K": 3, "EXACT": "maybe"}),
        json!({"TOP_K": 3, "LANGUAGE": "fr"}),
        json!({"TOP_K": 3, "SIDE": 225}),
    ] {
        assert!(!validator.is_valid(&values), "{values}");
        assert!(from_environment::<Own>(&variables(&values)).is_err(), "{values}");
    }
}
