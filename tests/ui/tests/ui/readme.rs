//! What the README shows is what there is: the table of settings is the one that the code makes, the engine is the
//! example that compiles. `UPDATE_README=1 cargo test -p ui readme` writes both anew.

use std::{fs, path::Path, sync::Mutex};

use chariot_engine::settings::{EngineSettings, Settings, markdown_table};

/// Two tests may write the file.
static FILE: Mutex<()> = Mutex::new(());

#[test]
fn the_table_of_settings_is_the_schema() {
    is("settings", &markdown_table(&EngineSettings::schema()));
}

#[test]
fn the_engine_is_the_whole_of_the_example() {
    let source = include_str!("../../../../examples/digits/src/main.rs");
    let code: Vec<&str> = source.lines().skip_while(|line| line.starts_with("//!") || line.is_empty()).collect();
    let counts = code.iter().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//")).count();
    assert!(counts < 35, "{counts} lines are no short engine");
    is("engine", &format!("```rust\n{}\n```\n", code.join("\n")));
}

/// The README's part of this name stands between `<!-- name -->` and `<!-- /name -->`, each a line.
fn is(part: &str, expected: &str) {
    let _alone = FILE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = fs::read_to_string(&path).expect("the README is there");
    let (begin, end) = (format!("<!-- {part} -->\n"), format!("<!-- /{part} -->\n"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("a line {begin:?} begins the part"));
    let (found, after) = rest.split_once(&end).unwrap_or_else(|| panic!("a line {end:?} ends the part"));
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{before}{begin}{expected}{end}{after}")).expect("the README can be written");
        return;
    }
    assert_eq!(found, expected, "the README is stale: run `UPDATE_README=1 cargo test -p ui readme`");
}
