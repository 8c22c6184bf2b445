//! Under which names settings are read: old ones, those of files, those of groups.

use std::path::PathBuf;

use super::*;
use crate::settings::{Field, Secret};

/// A directory with files, and what is read with variables of which some name one.
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

fn read_with<S: Settings>(variables: &[(&str, &str)]) -> (Result<S, String>, Vec<String>) {
    let environment = variables.iter().copied().collect();
    let mut reader = Reader::new(&environment);
    let read = reader.read().map_err(|error| error.to_string());
    (read, reader.warnings().to_vec())
}

#[derive(Debug, PartialEq, Settings)]
struct Service {
    key: Secret,
    #[setting(default = 3, range = 1..=10)]
    top_k: u8,
}

#[test]
fn a_value_stands_in_a_file_that_a_variable_names() {
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
fn what_is_wrong_with_a_file_names_variable_and_path_and_nothing_that_it_holds() {
    let files = Files::new(&[("key", b"sesame\xff"), ("number", b"eleven")]);
    let (key, number, missing) = (files.path("key"), files.path("number"), files.path("missing"));
    let fault = |variables: &[(&str, &str)]| read_with::<Service>(variables).0.unwrap_err();
    assert_eq!(
        fault(&[("KEY_FILE", &key), ("TOP_K_FILE", &number)]),
        format!(
            "2 settings cannot be read: KEY_FILE: text in UTF-8 is expected, '{key}' holds something else; \
             TOP_K_FILE: an integer from 1 to 10 is expected, '{number}' holds something else"
        )
    );
    let unreadable = fault(&[("KEY_FILE", &missing)]);
    assert!(unreadable.starts_with(&format!("KEY_FILE: the file '{missing}' cannot be read: No such file")));
    assert_eq!(
        fault(&[("KEY", "sesame"), ("KEY_FILE", &missing)]),
        "KEY: either this or KEY_FILE is expected, both are set"
    );
    let mut environment = Environment::default();
    environment.garble("KEY_FILE");
    assert_eq!(
        read::<Service>(&environment).unwrap_err().to_string(),
        "KEY_FILE: text in UTF-8 is expected, something else came"
    );
}

#[test]
fn a_setting_that_is_named_like_a_file_is_what_it_is() {
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
fn old_names_are_read_and_the_new_one_is_said() {
    let renamed = |top_k| Ok(Renamed { top_k, fast: false });
    let of = |variables: &[(&str, &str)]| {
        let (read, warnings) = read_with::<Renamed>(variables);
        (read, warnings.join("; "))
    };
    assert_eq!(of(&[("APP_COUNT", "5")]), (renamed(5), "APP_COUNT has a new name: set APP_TOP_K instead".into()));
    assert_eq!(
        of(&[("APP_COUNT", "5"), ("APP_TOP_K", "6")]),
        (renamed(6), "APP_COUNT is ignored: APP_TOP_K, its new name, is set".into())
    );
    assert_eq!(
        of(&[("APP_NUMBER", "4"), ("APP_COUNT", "5"), ("APP_TOP_K", "")]),
        (
            renamed(5),
            "APP_COUNT has a new name: set APP_TOP_K instead; \
             APP_NUMBER is ignored: APP_COUNT, a newer name of it, is set"
                .into()
        )
    );
    let (read, _) = of(&[("APP_COUNT", "many")]);
    assert_eq!(read.unwrap_err(), "APP_COUNT: an integer from 0 to 255 is expected, 'many' came");

    let files = Files::new(&[("number", b"7")]);
    assert_eq!(
        of(&[("APP_COUNT_FILE", &files.path("number"))]),
        (renamed(7), "APP_COUNT_FILE has a new name: set APP_TOP_K_FILE instead".into())
    );
}

#[test]
fn what_is_deprecated_is_read_with_a_warning_where_it_is_set() {
    let (read, warnings) = read_with::<Renamed>(&[("APP_FAST", "yes")]);
    assert_eq!((read.unwrap().fast, warnings), (true, vec!["APP_FAST is deprecated: it is always fast".into()]));
    assert_eq!(read_with::<Renamed>(&[]).1, [""; 0]);
}

#[test]
fn within_a_scope_old_names_and_files_have_it_too() {
    let files = Files::new(&[("number", b"7")]);
    let path = files.path("number");
    let read = |name: &str, value: &str| {
        let environment = Environment::from_iter([(name, value)]);
        let mut reader = Reader::new(&environment).scoped("DIGITS_");
        let (engine, own) = reader.read::<(EngineSettings, Renamed)>().unwrap();
        (engine.queue_size, own.top_k, reader.warnings().join("; "))
    };
    let renamed = "DIGITS_APP_COUNT has a new name: set DIGITS_APP_TOP_K instead";
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
fn groups_have_names_of_their_own_and_one_may_be_left_out() {
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
    assert_eq!(
        read.unwrap_err(),
        "3 settings cannot be read: PROXY_HOST: text is expected, nothing is set; \
         STORE_HOST: text is expected, nothing is set; \
         STORE_CONNECTIONS: an integer from 0 to 255 is expected, '300' came"
    );
    assert_eq!(warnings, ["STORE_CONNECTIONS has a new name: set STORE_POOL instead"]);
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
