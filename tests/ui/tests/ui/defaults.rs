//! The defaults that `#[chariot_engine]` accepts are the runtime's settings, all of them, and the runtime reads them.

use std::{collections::BTreeSet, process::Command};

use chariot_engine::settings::{EngineSettings, Settings};

/// Returns the names of the settings as the attribute writes them.
fn settings() -> BTreeSet<String> {
    let schema = EngineSettings::schema();
    schema.iter().map(|setting| setting.name[EngineSettings::PREFIX.len()..].to_lowercase()).collect()
}

/// Returns the keys of the attribute that are settings.
fn without_options(keys: impl Iterator<Item = String>) -> BTreeSet<String> {
    keys.filter(|key| !["name", "version", "main", "crate"].contains(&key.as_str())).collect()
}

#[test]
fn the_attribute_knows_every_setting_and_no_other() {
    // The source of the macro, since no message lists all keys.
    let source = include_str!("../../../../chariot-engine-macros/src/engine.rs");
    let (_, table) = source.split_once("const SETTINGS: ").expect("the table begins");
    let (table, _) = table.split_once("];").expect("the table ends");
    let keys = table.lines().filter_map(|line| Some(line.trim().strip_prefix("(\"")?.split_once('"')?.0.to_string()));
    assert_eq!(keys.collect::<BTreeSet<_>>(), settings());
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
    // One setting has a fault, so that the process ends. A default with a fault would be named too.
    let output = Command::new(env!("CARGO_BIN_EXE_ui"))
        .env_clear()
        .env("CHARIOT_ENGINE_GRACE", "forever")
        .output()
        .expect("the engine of this package starts");
    let log = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(78), "{log}");
    assert_eq!(log.matches("CHARIOT_ENGINE_").count(), 1, "{log}");
    assert!(log.contains("CHARIOT_ENGINE_GRACE: ") && log.contains("'forever'"), "{log}");
    assert!(log.starts_with('{'), "the default `log_format = \"json\"` has no effect: {log}");
}
