//! The names that settings are read under: former names, those of files, those of groups.

use std::path::PathBuf;

use super::*;
use crate::settings::{Field, Secret};

/// A directory with files.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        Files(dir)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

fn read_with<S: Settings>(variables: &[(&str, &str)]) -> (Result<S, SettingsError>, Vec<String>) {
    let environment = variables.iter().copied().collect();
    let mut reader = Reader::new(&environment);
    (reader.read(), reader.warnings().to_vec())
}

#[derive(Debug, PartialEq, Settings)]
struct Service {
    key: Secret,
    #[setting(default = 3, range = 1..=10)]
    top_k: u8,
}

#[test]
fn a_value_is_read_from_the_file_that_a_variable_names() {
    let files = Files::new(&[("key", b"sesame\n"), ("number", b"5 \r\n"), ("blank", b"\n")]);
    let (key, number, blank) = (files.path("key"), files.path("number"), files.path("blank"));
    let service = |key: &str, top_k| (Ok(Service { key: Secret::new(key.into()), top_k }), vec![]);
    assert_eq!(read_with(&[("KEY_FILE", &key), ("TOP_K_FILE", &number)]), service("sesame", 5));
    assert_eq!(read_with(&[("KEY_FILE", &key), ("TOP_K_FILE", &blank)]), service("sesame", 3));
    assert_eq!(read_with(&[("KEY", " "), ("KEY_FILE", &key), ("TOP_K_FILE", "")]), service("sesame", 3));
    let (engine, warnings) = read_with::<EngineSettings>(&[("CHARIOT_ENGINE_QUEUE_SIZE_FILE", &number)]);
    assert_eq!((engine.unwrap().queue_size, warnings), (5, vec![]));
}

#[test]
fn a_fault_of_a_file_has_the_variable_and_the_path_and_no_contents() {
    let files = Files::new(&[("key", b"sesame\xff"), ("number", b"eleven")]);
    let (key, number, missing) = (files.path("key"), files.path("number"), files.path("missing"));
    let fault = |variables: &[(&str, &str)]| read_with::<Service>(variables).0.unwrap_err();
    let invalid = fault(&[("KEY_FILE", &key), ("TOP_K_FILE", &number)]);
    assert_eq!(at_fault(&invalid), ["KEY_FILE", "TOP_K_FILE"]);
    let unreadable = fault(&[("KEY_FILE", &missing)]);
    let both = fault(&[("KEY", "sesame"), ("KEY_FILE", &missing)]);
    let mut environment = Environment::default();
    environment.garble("KEY_FILE");
    let garbled = from_environment::<Service>(&environment).unwrap_err();
    let messages = [invalid, unreadable, both, garbled].map(|error| lines(&error)).concat();
    assert!(!messages.contains("sesame") && !messages.contains("eleven"), "{messages}");
    let directory = files.0.path().to_str().unwrap();
    insta::assert_snapshot!("files_at_fault", messages.replace(directory, "<dir>"));
}

#[test]
fn a_setting_that_is_named_like_a_file_variable_is_read_as_itself() {
    #[derive(Debug, PartialEq, Settings)]
    struct Own {
        labels: Option<String>,
        labels_file: Option<PathBuf>,
    }
    let files = Files::new(&[("path", b"/labels.json\n")]);
    let path = files.path("path");
    let own = |labels_file: &str| (Ok(Own { labels: None, labels_file: Some(labels_file.into()) }), vec![]);
    assert_eq!(read_with(&[("LABELS_FILE", "/no/such")]), own("/no/such"));
    assert_eq!(read_with(&[("LABELS_FILE_FILE", &path)]), own("/labels.json"));
}

#[derive(Debug, PartialEq, Settings)]
#[settings(prefix = "APP_")]
struct Renamed {
    #[setting(alias = ["COUNT", "NUMBER"], default = 3)]
    top_k: u8,
    #[setting(deprecated = "it is always fast", default = false)]
    fast: bool,
}

#[test]
fn former_names_are_read_with_a_warning() {
    let files = Files::new(&[("number", b"7")]);
    let path = files.path("number");
    let cases: [(&[(&str, &str)], u8); 4] = [
        (&[("APP_COUNT", "5")], 5),
        (&[("APP_COUNT", "5"), ("APP_TOP_K", "6")], 6),
        (&[("APP_NUMBER", "4"), ("APP_COUNT", "5"), ("APP_TOP_K", "")], 5),
        (&[("APP_COUNT_FILE", &path)], 7),
    ];
    let mut messages = String::new();
    for (variables, expected) in cases {
        let (read, warnings) = read_with::<Renamed>(variables);
        assert_eq!(read.unwrap().top_k, expected, "{variables:?}");
        assert!(!warnings.is_empty(), "{variables:?}");
        let names: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
        messages += &format!("{} → {}\n", names.join(" "), warnings.join("; "));
    }
    insta::assert_snapshot!("former_names", messages);
    let (read, _) = read_with::<Renamed>(&[("APP_COUNT", "many")]);
    assert_eq!(at_fault(&read.unwrap_err()), ["APP_COUNT"]);
}

#[test]
fn a_deprecated_setting_is_read_with_a_warning() {
    let (read, warnings) = read_with::<Renamed>(&[("APP_FAST", "yes")]);
    assert_eq!((read.unwrap().fast, warnings), (true, vec!["APP_FAST is deprecated: it is always fast".into()]));
    assert_eq!(read_with::<Renamed>(&[]).1, [""; 0]);
}

#[test]
fn a_scope_applies_to_former_names_and_files() {
    let files = Files::new(&[("number", b"7")]);
    let path = files.path("number");
    let read = |name: &str, value: &str| {
        let environment = Environment::from_iter([(name, value)]);
        let mut reader = Reader::new(&environment).scoped("DIGITS_");
        let (engine, own) = reader.read::<(EngineSettings, Renamed)>().unwrap();
        (engine.queue_size, own.top_k, reader.warnings().join("; "))
    };
    let renamed = "DIGITS_APP_COUNT is deprecated: use DIGITS_APP_TOP_K instead";
    assert_eq!(read("DIGITS_APP_COUNT", "5"), (100, 5, renamed.into()));
    assert_eq!(read("APP_COUNT", "5"), (100, 3, String::new()));
    assert_eq!(read("DIGITS_APP_TOP_K_FILE", &path), (100, 7, String::new()));
    assert_eq!(read("CHARIOT_ENGINE_DIGITS_QUEUE_SIZE_FILE", &path), (7, 3, String::new()));
    assert_eq!(read("CHARIOT_ENGINE_QUEUE_SIZE_FILE", &path), (7, 3, String::new()));
}

#[derive(Debug, PartialEq, Settings)]
struct Network {
    #[setting(group)]
    proxy: Option<Address>,
    #[setting(group = "STORE_")]
    database: Database,
}

#[derive(Debug, PartialEq, Settings)]
struct Database {
    #[setting(group = "")]
    address: Address,
    #[setting(default = 5, alias = "CONNECTIONS")]
    pool: u8,
}

#[derive(Debug, PartialEq, Settings)]
struct Address {
    host: String,
    #[setting(default = 80, with = port)]
    port: u16,
}

fn port(reader: &mut Reader<'_>, field: Field<u16>) -> Option<u16> {
    if field.given() == Some("http") {
        return reader.default(field);
    }
    reader.field(field)
}

#[test]
fn groups_have_prefixes_and_can_be_optional() {
    let network = |proxy: Option<Address>, host: &str, port| Network {
        proxy,
        database: Database { address: Address { host: host.into(), port }, pool: 5 },
    };
    assert_eq!(read_with(&[("STORE_HOST", "db")]), (Ok(network(None, "db", 80)), vec![]));
    let proxy = Address { host: "proxy".into(), port: 3128 };
    let variables = [("STORE_HOST", "db"), ("STORE_PORT", "1"), ("PROXY_HOST", "proxy"), ("PROXY_PORT", "3128")];
    assert_eq!(read_with(&variables), (Ok(network(Some(proxy), "db", 1)), vec![]));
    let (read, warnings) =
        read_with::<Network>(&[("PROXY_PORT", "http"), ("STORE_CONNECTIONS", "300"), ("HOST", "db")]);
    let error = read.unwrap_err();
    assert_eq!(at_fault(&error), ["PROXY_HOST", "STORE_HOST", "STORE_CONNECTIONS"]);
    insta::assert_snapshot!("groups_at_fault", lines(&error));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn the_schema_of_a_group_has_its_names_and_layers_and_scopes_know_them() {
    let schema = Network::schema();
    let shown = |schema: &[SettingSpec]| {
        schema.iter().map(|setting| format!("{} {}", setting.name, setting.required)).collect::<Vec<_>>().join(", ")
    };
    let names = "PROXY_HOST false, PROXY_PORT false, STORE_HOST true, STORE_PORT false, STORE_POOL false";
    assert_eq!(shown(&schema), names);
    assert_eq!(schema[4].aliases, ["STORE_CONNECTIONS"]);

    let environment = Environment::from_iter([("DIGITS_STORE_PORT", "http")]);
    let defaults = [("STORE_HOST", "db"), ("STORE_PORT", "81"), ("PROXY_HOST", "proxy")];
    let mut reader = Reader::new(&environment).with_defaults("", defaults).scoped("DIGITS_");
    let network = reader.read::<Network>().unwrap();
    assert_eq!(network.proxy, Some(Address { host: "proxy".into(), port: 80 }));
    assert_eq!(network.database.address, Address { host: "db".into(), port: 81 });
}
