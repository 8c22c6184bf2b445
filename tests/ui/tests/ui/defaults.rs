//! The fields of `EngineSettings` are the one list of the runtime's settings. The other lists are held equal to it: the
//! defaults that `#[chariot_engine]` accepts, those of this package's engine, and the options of a model's host.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use chariot_engine::settings::{EngineSettings, SettingKind, SettingSpec, Settings};
use syn::{Expr, Item};

/// Returns the runtime's settings by the names of their fields.
fn settings() -> BTreeMap<String, SettingSpec> {
    let schema = EngineSettings::schema().into_iter();
    schema.map(|setting| (setting.name[EngineSettings::PREFIX.len()..].to_lowercase(), setting)).collect()
}

/// Returns the names of the settings that can have a default in a program. A secret cannot.
fn names() -> BTreeSet<String> {
    settings().into_iter().filter(|(_, setting)| !setting.secret).map(|(name, _)| name).collect()
}

/// Returns the items of a source file, by its path in the repository.
fn items(file: &Path) -> Vec<Item> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items
}

fn repository() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the settings that the attribute accepts as defaults, with the kind of each: `Value::Int(0, 65535)` is `Int`.
fn attribute() -> BTreeMap<String, String> {
    let items = items(&repository().join("chariot-engine-macros/src/engine.rs"));
    let list = items.iter().find_map(|item| match item {
        Item::Const(constant) if constant.ident == "SETTINGS" => Some(&*constant.expr),
        _ => None,
    });
    let Some(Expr::Array(list)) = list else { panic!("`SETTINGS` is an array") };
    let entries = list.elems.iter().map(|entry| {
        let Expr::Tuple(entry) = entry else { panic!("an entry is a pair") };
        let Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) = &entry.elems[0] else { panic!("a name") };
        let path = match &entry.elems[1] {
            Expr::Path(value) => &value.path,
            Expr::Call(call) => match &*call.func {
                Expr::Path(value) => &value.path,
                _ => panic!("a variant of `Value`"),
            },
            _ => panic!("a variant of `Value`"),
        };
        (name.value(), path.segments.last().expect("a variant").ident.to_string())
    });
    entries.collect()
}

#[test]
fn the_attribute_accepts_a_default_for_every_setting_but_secrets_and_no_other() {
    assert_eq!(attribute().into_keys().collect::<BTreeSet<_>>(), names());
}

#[test]
fn the_attribute_knows_the_kind_of_every_setting() {
    let settings = settings();
    for (name, kind) in attribute() {
        let setting = &settings[&name];
        let fits = match kind.as_str() {
            "Int" => setting.kind == SettingKind::Int,
            "Share" => setting.kind == SettingKind::Float && setting.range.to.as_deref() == Some("1"),
            "Bool" => setting.kind == SettingKind::Bool,
            "Choice" => !setting.values.is_empty(),
            "Levels" => setting.expected.contains("levels of targets"),
            "Duration" => setting.expected.contains("duration"),
            "Size" => setting.expected.contains("size"),
            "Text" | "Device" => setting.kind == SettingKind::String && setting.values.is_empty(),
            other => panic!("a new kind `{other}`: compare it with the setting here"),
        };
        assert!(fits, "{name} is `{kind}` in the attribute and `{}` in the schema", setting.expected);
    }
}

#[test]
fn the_engine_of_this_package_has_a_default_for_every_setting() {
    let source = include_str!("../../src/main.rs");
    let (_, attribute) = source.split_once("::chariot_engine::chariot_engine(").expect("the attribute begins");
    let (attribute, _) = attribute.split_once(")]").expect("the attribute ends");
    let keys = attribute.lines().filter_map(|line| Some(line.split_once(" = ")?.0.trim().to_string()));
    let keys: BTreeSet<String> =
        keys.filter(|key| !["name", "version", "main", "crate"].contains(&key.as_str())).collect();
    assert_eq!(keys, names());
}

/// The settings of a model that have another name among the options of its host, or that are not passed to it because the
/// plan or the server reads them.
const ELSEWHERE: [(&str, Option<&str>); 14] = [
    ("model_dir", None),
    ("model_name", Some("name")),
    ("device", Some("placement")),
    ("workers", Some("placement")),
    ("threads", Some("placement")),
    ("inline", Some("core_threads")),
    ("max_batch", Some("batching")),
    ("batch_delay", Some("batching")),
    ("output_layout", Some("layout")),
    ("output_encoding", Some("encoding")),
    ("max_body", None),
    ("compress_responses", None),
    ("body_timeout", None),
    ("stream_timeout", None),
];

/// The options of a host that are not settings.
const BESIDE: [&str; 3] = ["infer_url", "version", "protocol"];

#[test]
fn the_options_of_a_host_are_the_settings_of_a_model() {
    let runtime = repository().join("chariot-engine/src/runtime");
    let files = fs::read_dir(&runtime).expect("the room is there").map(|entry| entry.expect("an entry").path());
    let rust = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let options = rust.flat_map(|file| items(&file)).find_map(|item| match item {
        Item::Struct(item) if item.ident == "HostOptions" => Some(item),
        _ => None,
    });
    let options = options.expect("a file of `runtime` defines `HostOptions`");
    let options: BTreeSet<String> =
        options.fields.iter().filter_map(|field| Some(field.ident.as_ref()?.to_string())).collect();

    let elsewhere = BTreeMap::from(ELSEWHERE);
    let settings_of_a_model = of_a_model();
    assert!(elsewhere.keys().all(|name| settings_of_a_model.contains(*name)), "{settings_of_a_model:?}");
    let passed = settings_of_a_model.iter().filter_map(|name| match elsewhere.get(name.as_str()) {
        Some(other) => other.map(str::to_string),
        None => Some(name.clone()),
    });
    let expected: BTreeSet<String> = passed.chain(BESIDE.map(str::to_string)).collect();
    assert_eq!(options, expected);
}

/// Returns the fields of `EngineSettings` whose scope is a model.
fn of_a_model() -> BTreeSet<String> {
    let items = items(&repository().join("chariot-engine/src/settings/engine.rs"));
    let settings = items.into_iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == "EngineSettings" => Some(item),
        _ => None,
    });
    let fields = settings.expect("`EngineSettings` is there").fields;
    let is_of_a_model = |field: &&syn::Field| {
        let mut tokens = field.attrs.iter().filter(|attribute| attribute.path().is_ident("setting"));
        tokens.any(|attribute| match &attribute.meta {
            syn::Meta::List(list) => list.tokens.to_string().starts_with("runtime = MODEL"),
            _ => false,
        })
    };
    fields.iter().filter(is_of_a_model).filter_map(|field| Some(field.ident.as_ref()?.to_string())).collect()
}

#[test]
fn the_runtime_reads_every_default_of_the_attribute() {
    // One setting is invalid, so that the process exits; an invalid default would be reported beside it.
    let output = Command::new(env!("CARGO_BIN_EXE_ui"))
        .env_clear()
        .env("CHARIOT_ENGINE_GRACE", "forever")
        .output()
        .expect("the engine of this package starts");
    let log = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(78), "{log}");
    assert_eq!(log.matches("expected ").count(), 1, "{log}");
    assert!(log.contains("CHARIOT_ENGINE_GRACE: ") && log.contains("'forever'"), "{log}");
    assert!(log.starts_with('{'), "the default `log_format = \"json\"` is ignored: {log}");
}
