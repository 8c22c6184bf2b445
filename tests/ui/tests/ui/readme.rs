//! The generated parts of the README and the pages in `docs`: the tables of settings and metrics are made by the code, and the
//! engine is the example that compiles. `UPDATE_README=1 cargo test -p ui readme` updates them.

use std::{fs, path::Path, sync::Mutex};

use chariot_engine::{
    settings::{EngineSettings, Settings, markdown_table},
    telemetry::metrics::METRICS,
};

/// Held by a test that writes a file, since several tests write to the same file.
static FILE: Mutex<()> = Mutex::new(());

/// The settings in the README's table, without the prefix.
const COMMON: [&str; 10] = [
    "PORT",
    "MODEL_DIR",
    "DEVICE",
    "WORKERS",
    "QUEUE_SIZE",
    "MAX_BATCH",
    "BATCH_DELAY",
    "MAX_BODY",
    "TIMEOUT",
    "LOG_LEVEL",
];

#[test]
fn the_table_of_settings_is_the_schema() {
    is("docs/settings.md", "settings", &markdown_table(&EngineSettings::schema()));
}

#[test]
fn the_readme_has_the_common_settings() {
    let schema = EngineSettings::schema();
    let common = COMMON.map(|bare| {
        let name = format!("{}{bare}", EngineSettings::PREFIX);
        schema.iter().find(|setting| setting.name == name).unwrap_or_else(|| panic!("{name} is a setting")).clone()
    });
    let table = markdown_table(&common);
    is("README.md", "settings", &format!("{table}\nAll settings: [`docs/settings.md`](docs/settings.md).\n"));
}

#[test]
fn the_table_of_metrics_is_that_of_the_code() {
    let mut table = "| Name | Type | Labels | Meaning |\n|---|---|---|---|\n".to_string();
    for metric in METRICS {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        table += &format!("| `{}` | {} | {} | {} |\n", metric.name, metric.kind, labels.join(", "), metric.help);
    }
    is("docs/metrics.md", "metrics", &table);
}

#[test]
fn the_engine_is_the_whole_of_the_example() {
    let source = include_str!("../../../../examples/digits/src/main.rs");
    let code: Vec<&str> = source.lines().skip_while(|line| line.starts_with("//!") || line.is_empty()).collect();
    let counts = code.iter().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//")).count();
    assert!(counts < 35, "expected fewer than 35 lines, got {counts}");
    is("README.md", "engine", &format!("```rust\n{}\n```\n", code.join("\n")));
}

/// Asserts that the part of a page between the lines `<!-- name -->` and `<!-- /name -->` is as expected, or writes it.
fn is(page: &str, part: &str, expected: &str) {
    let _alone = FILE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(page);
    let text = fs::read_to_string(&path).expect("the page is there");
    let (begin, end) = (format!("<!-- {part} -->\n"), format!("<!-- /{part} -->\n"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("a line {begin:?} begins the part"));
    let (found, after) = rest.split_once(&end).unwrap_or_else(|| panic!("a line {end:?} ends the part"));
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{before}{begin}{expected}{end}{after}")).expect("the page can be written");
        return;
    }
    assert_eq!(found, expected, "{page} is stale: run `UPDATE_README=1 cargo test -p ui readme`");
}
