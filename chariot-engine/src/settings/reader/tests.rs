//! How settings are read: layers, scopes, names, files, groups, and what is said of all that is wrong.

use std::time::Duration;

use super::*;
use crate::settings::{EngineSettings, read};

mod names;
mod values;

#[derive(Debug, PartialEq, Settings)]
#[settings(prefix = "APP_")]
struct App {
    /// How many.
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

fn app(top_k: usize) -> App {
    App { top_k, patience: Duration::from_secs(5), secret: None, r#type: -1 }
}

#[test]
fn the_schema_says_what_was_declared() {
    let schema = App::schema();
    let shown = schema.iter().map(|setting| {
        (setting.name.as_str(), setting.kind.as_str(), setting.expected.as_str(), setting.default.as_deref())
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            ("APP_TOP_K", "int", "an integer from 1 to 10", Some("3")),
            ("APP_PATIENCE", "string", "a duration such as 5s", Some("5s")),
            ("APP_KEY", "string", "text", None),
            ("APP_TYPE", "int", "an integer from -2 to 127", Some("-1")),
        ]
    );
    assert_eq!(schema[0].help, "How many.");
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
fn a_layer_with_a_wrong_value_or_of_no_setting_is_a_fault() {
    let mut reader = Reader::new(&Environment::default())
        .with_defaults("APP_", [("TOP_K", "0"), ("TOP", "1")])
        .read::<App>()
        .unwrap_err()
        .faults
        .into_iter();
    assert_eq!(
        reader.next().map(|fault| fault.to_string()).as_deref(),
        Some("APP_TOP_K: an integer from 1 to 10 is expected, '0' came as a default")
    );
    assert_eq!(
        reader.next().map(|fault| fault.to_string()).as_deref(),
        Some("APP_TOP: has a default, but there is no such setting")
    );
}

#[test]
fn all_faults_are_found_and_a_value_that_is_not_utf8_is_one() {
    let mut environment = Environment::from_iter([("APP_TOP_K", "ten"), ("APP_PATIENCE", "5 parsecs")]);
    environment.garble("APP_KEY");
    let error = read::<App>(&environment).unwrap_err();
    assert_eq!(
        error.to_string(),
        "3 settings cannot be read: \
         APP_TOP_K: an integer from 1 to 10 is expected, 'ten' came; \
         APP_PATIENCE: a duration such as 5s is expected, '5 parsecs' came; \
         APP_KEY: text in UTF-8 is expected, something else came"
    );
}

#[test]
fn a_declared_default_that_cannot_be_read_is_a_fault_and_no_panic() {
    #[derive(Debug, Settings)]
    struct Wrong {
        #[setting(default = "soon")]
        #[expect(dead_code, reason = "only its faults are looked at")]
        patience: Duration,
        #[setting(default = TOO_MANY, range = ..=10)]
        #[expect(dead_code, reason = "only its faults are looked at")]
        top_k: u64,
    }
    const TOO_MANY: u64 = 11;
    assert_eq!(
        read::<Wrong>(&Environment::default()).unwrap_err().to_string(),
        "2 settings cannot be read: \
         PATIENCE: a duration such as 5s is expected, the declared default is 'soon'; \
         TOP_K: an integer from 0 to 10 is expected, the declared default is '11'"
    );
    assert_eq!(Wrong::schema()[0].default, None);
}

#[test]
fn within_a_scope_an_author_s_setting_has_one_name_and_the_runtime_s_has_two() {
    let read = |variables: &[(&str, &str)]| {
        let environment = variables.iter().copied().collect();
        let mut reader = Reader::new(&environment).scoped("DIGITS_").with_defaults("APP_", [("TOP_K", "4")]);
        let read = reader.read::<(EngineSettings, App)>().map(|(engine, app)| (engine.queue_size, app.top_k));
        (read.map_err(|error| error.to_string()), reader.warnings().to_vec())
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
    assert_eq!(
        faults.unwrap_err(),
        "3 settings cannot be read: \
         CHARIOT_ENGINE_WORKERS: an integer of at least 1 is expected, '0' came; \
         CHARIOT_ENGINE_DIGITS_QUEUE_SIZE: an integer of at least 0 is expected, 'some' came; \
         DIGITS_APP_TOP_K: an integer from 1 to 10 is expected, '0' came"
    );
    assert!(warnings[0].starts_with("CHARIOT_ENGINE_DIGITS_PORT is ignored"), "{warnings:?}");
}

#[test]
fn within_a_scope_defaults_go_by_the_declared_name_or_first_by_that_of_the_scope() {
    let environment = Environment::default();
    let read = |defaults: &[(&str, &str)]| {
        let reader = Reader::new(&environment).with_defaults("", defaults.iter().copied());
        let read = reader.scoped("DIGITS_").read::<(EngineSettings, Required)>();
        read.map(|(engine, own)| (engine.queue_size, own.key)).map_err(|error| error.to_string())
    };
    let (plain, within) = ("CHARIOT_ENGINE_QUEUE_SIZE", "CHARIOT_ENGINE_DIGITS_QUEUE_SIZE");
    assert_eq!(read(&[("KEY", "a"), (within, "5"), (plain, "6")]), Ok((5, "a".into())));
    assert_eq!(read(&[("DIGITS_KEY", "b"), (plain, "6")]), Ok((6, "b".into())));
    assert_eq!(
        read(&[(plain, "x"), ("CHARIOT_ENGINE_IRIS_QUEUE_SIZE", "1")]).unwrap_err(),
        "3 settings cannot be read: \
         CHARIOT_ENGINE_DIGITS_QUEUE_SIZE: an integer of at least 0 is expected, 'x' came as a default; \
         DIGITS_KEY: text is expected, nothing is set; \
         CHARIOT_ENGINE_IRIS_QUEUE_SIZE: has a default, but there is no such setting"
    );
}

#[derive(Debug, Settings)]
struct Required {
    key: String,
}

#[test]
fn a_settings_type_that_gives_no_reason_is_an_error_still() {
    #[derive(Debug)]
    struct Silent;
    impl Settings for Silent {
        fn schema() -> Vec<crate::settings::SettingSpec> {
            vec![]
        }
        fn read(_: &mut Reader<'_>) -> Option<Self> {
            None
        }
    }
    assert_eq!(read::<Silent>(&Environment::default()).unwrap_err().faults.len(), 1);
}
