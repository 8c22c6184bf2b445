//! The defaults that `#[chariot_engine]` takes are the runtime's settings, all of them, and the runtime reads them.

use std::{collections::BTreeSet, process::Command};

use chariot_engine::settings::{EngineSettings, Settings};

/// The settings' names as the attribute has them.
fn settings() -> BTreeSet<String> {
    let schema = EngineSettings::schema();
    schema.iter().map(|setting| setting.name[EngineSettings::PREFIX.len()..].to_lowercase()).collect()
}

/// The keys of the attribute that are no settings.
fn without_options(keys: impl Iterator<Item = String>) -> BTreeSet<String> {
    keys.filter(|key| !["name", "version", "main", "crate"].contains(&key.as_str())).collect()
}

#[test]
fn the_attribute_knows_every_setting_and_no_other() {
    // A message of the compiler lists the keys, and `messages` holds it to what the macro says.
    let message = include_str!("../../fail/unknown_key.stderr");
    let (_, list) = message.split_once("(the keys are ").expect("the message lists the keys");
    let (list, _) = list.split_once(')').expect("the list ends");
    assert_eq!(without_options(list.split(", ").map(|key| key.trim_matches('`').to_string())), settings());
}

#[test]
fn the_engine_of_this_package_has_a_default_for_every_setting() {
    let source = include_str!("../../src/main.rs");
    let (_, attribute) = source.split_once("::chariot_engine::chariot_engine(").expect("the attribute begins");
    let (attribute, _) = attribute.split_once(")]").expect("the attribute ends");
    let keys = attribute.lines().filter_map(|line| Some(line.split_once(" = ")?.0.trim().to_string()));
    assert_eq!(without_options(keys), settings());
}

#[test]
fn the_runtime_reads_every_default_of_the_attribute() {
    // One setting is at fault, so that the process ends; a default that cannot be read would be named beside it.
    let output = Command::new(env!("CARGO_BIN_EXE_ui"))
        .env_clear()
        .env("CHARIOT_ENGINE_GRACE", "forever")
        .output()
        .expect("the engine of this package starts");
    let log = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(78), "{log}");
    assert_eq!(log.matches("is expected").count(), 1, "{log}");
    assert!(log.contains("CHARIOT_ENGINE_GRACE: a duration such as 5s is expected, 'forever' came"), "{log}");
    assert!(log.starts_with('{'), "the default `log_format = \"json\"` is not heeded: {log}");
}
