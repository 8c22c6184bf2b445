//! The reading of settings: layers, scopes, names, files, groups, and the faults.

use std::time::Duration;

use super::*;
use crate::settings::{EngineSettings, Environment, SettingSpec, Settings, SettingsError, from_environment};

mod names;
mod values;

#[derive(Debug, PartialEq, Settings)]
#[settings(prefix = "APP_")]
struct App {
    /// Number of labels.
    ///
    /// Not for operators.
    #[setting(default = 3, range = 1..=10)]
    top_k: usize,
    #[setting(default = "5s")]
    patience: Duration,
    #[setting(name = "KEY")]
    secret: Option<String>,
    #[setting(default = -1, range = -2..)]
    r#type: i8,
}

/// Returns the variables at fault.
fn at_fault(error: &SettingsError) -> Vec<&str> {
    error.faults.iter().map(|fault| fault.name.as_str()).collect()
}

/// Returns the faults, one a line.
fn lines(error: &SettingsError) -> String {
    error.faults.iter().map(|fault| format!("{fault}\n")).collect()
}

fn app(top_k: usize) -> App {
    App { top_k, patience: Duration::from_secs(5), secret: None, r#type: -1 }
}

#[test]
fn the_schema_contains_the_declarations() {
    let schema = App::schema();
    let shown = schema.iter().map(|setting| {
        (setting.name.as_str(), setting.kind.as_str(), setting.expected.as_str(), setting.default.as_deref())
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("APP_TOP_K", "int", "an integer from 1 to 10", Some("3")),
            ("APP_PATIENCE", "string", "a duration such as 5s", Some("5s")),
            ("APP_KEY", "string", "a string", None),
            ("APP_TYPE", "int", "an integer from -2 to 127", Some("-1")),
        ]
    );
    assert_eq!((schema[0].help.as_str(), schema[0].label.as_str()), ("Number of labels.", "Number of labels"));
    assert_eq!(schema[1].label, "App patience");
}

#[test]
fn the_environment_comes_first_then_the_layer_then_the_declaration() {
    let environment = Environment::from_iter([("APP_TOP_K", " 5\n")]);
    let empty = Environment::from_iter([("APP_TOP_K", "  ")]);
    let over = |environment, defaults: &[(&str, &str)]| {
        Reader::new(environment).with_defaults("APP_", defaults.iter().copied()).read::<App>()
    };
    assert_eq!(over(&environment, &[("TOP_K", "4")]), Ok(app(5)));
    assert_eq!(over(&empty, &[("TOP_K", "4")]), Ok(app(4)));
    assert_eq!(over(&empty, &[("TOP_K", "4"), ("TOP_K", "2")]), Ok(app(2)));
    assert_eq!(over(&empty, &[]), Ok(app(3)));
}

#[test]
fn an_invalid_or_unknown_default_of_the_layer_is_a_fault() {
    let environment = Environment::default();
    let mut reader = Reader::new(&environment).with_defaults("APP_", [("TOP_K", "0"), ("TOP", "1")]);
    let error = reader.read::<App>().unwrap_err();
    assert_eq!(at_fault(&error), ["APP_TOP_K", "APP_TOP"]);
    insta::assert_snapshot!("defaults_of_the_layer", lines(&error));
}

#[test]
fn all_faults_are_found_and_a_value_that_is_not_utf8_is_one() {
    let mut environment = Environment::from_iter([("APP_TOP_K", "ten"), ("APP_PATIENCE", "5 parsecs")]);
    environment.garble("APP_KEY");
    let error = from_environment::<App>(&environment).unwrap_err();
    assert_eq!(at_fault(&error), ["APP_TOP_K", "APP_PATIENCE", "APP_KEY"]);
    insta::assert_snapshot!("all_faults", error);
}

#[test]
fn an_invalid_declared_default_is_a_fault_and_does_not_panic() {
    #[derive(Debug, Settings)]
    struct Wrong {
        #[setting(default = "soon")]
        #[expect(dead_code, reason = "only its faults are used")]
        patience: Duration,
        #[setting(default = TOO_MANY, range = ..=10)]
        #[expect(dead_code, reason = "only its faults are used")]
        top_k: u64,
    }
    const TOO_MANY: u64 = 11;
    let error = from_environment::<Wrong>(&Environment::default()).unwrap_err();
    assert_eq!(at_fault(&error), ["PATIENCE", "TOP_K"]);
    insta::assert_snapshot!("declared_defaults", lines(&error));
    assert_eq!(Wrong::schema()[0].default, None);
}

#[test]
fn within_a_scope_an_author_s_setting_has_one_name_and_the_runtime_s_has_two() {
    let read = |variables: &[(&str, &str)]| {
        let environment = variables.iter().copied().collect();
        let mut reader = Reader::new(&environment).scoped("DIGITS_").with_defaults("APP_", [("TOP_K", "4")]);
        let read = reader.read::<(EngineSettings, App)>().map(|(engine, app)| (engine.queue_size, app.top_k));
        (read, reader.warnings().to_vec())
    };
    assert_eq!(read(&[("APP_TOP_K", "5")]), (Ok((100, 4)), vec![]));
    assert_eq!(read(&[("DIGITS_APP_TOP_K", "5"), ("CHARIOT_ENGINE_QUEUE_SIZE", "7")]).0, Ok((7, 5)));
    let queue = "CHARIOT_ENGINE_DIGITS_QUEUE_SIZE";
    assert_eq!(read(&[(queue, "8"), ("CHARIOT_ENGINE_QUEUE_SIZE", "7")]).0, Ok((8, 4)));
    assert_eq!(read(&[(queue, " "), ("CHARIOT_ENGINE_QUEUE_SIZE", "7")]).0, Ok((7, 4)));
    let (faults, warnings) = read(&[
        (queue, "some"),
        ("CHARIOT_ENGINE_WORKERS", "0"),
        ("CHARIOT_ENGINE_DIGITS_PORT", "tcp://10.0.0.7:80"),
        ("DIGITS_APP_TOP_K", "0"),
    ]);
    assert_eq!(at_fault(&faults.unwrap_err()), ["CHARIOT_ENGINE_WORKERS", queue, "DIGITS_APP_TOP_K"]);
    assert!(warnings[0].starts_with("CHARIOT_ENGINE_DIGITS_PORT "), "{warnings:?}");
}

#[test]
fn within_a_scope_defaults_go_by_the_declared_name_or_first_by_that_of_the_scope() {
    let environment = Environment::default();
    let read = |defaults: &[(&str, &str)]| {
        let reader = Reader::new(&environment).with_defaults("", defaults.iter().copied());
        let read = reader.scoped("DIGITS_").read::<(EngineSettings, Required)>();
        read.map(|(engine, own)| (engine.queue_size, own.key))
    };
    let (plain, within) = ("CHARIOT_ENGINE_QUEUE_SIZE", "CHARIOT_ENGINE_DIGITS_QUEUE_SIZE");
    assert_eq!(read(&[("KEY", "a"), (within, "5"), (plain, "6")]), Ok((5, "a".into())));
    assert_eq!(read(&[("DIGITS_KEY", "b"), (plain, "6")]), Ok((6, "b".into())));
    let error = read(&[(plain, "x"), ("CHARIOT_ENGINE_IRIS_QUEUE_SIZE", "1")]).unwrap_err();
    assert_eq!(at_fault(&error), [within, "DIGITS_KEY", "CHARIOT_ENGINE_IRIS_QUEUE_SIZE"]);
    insta::assert_snapshot!("defaults_within_a_scope", lines(&error));
}

#[derive(Debug, Settings)]
struct Required {
    key: String,
}

#[test]
fn a_settings_type_that_reports_no_fault_results_in_an_error() {
    #[derive(Debug)]
    struct Silent;
    impl Settings for Silent {
        fn schema() -> Vec<SettingSpec> {
            vec![]
        }
        fn from_reader(_: &mut Reader<'_>) -> Option<Self> {
            None
        }
    }
    assert_eq!(from_environment::<Silent>(&Environment::default()).unwrap_err().faults.len(), 1);
}
