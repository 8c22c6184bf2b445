//! The page of an engine under a development loop: errors of a build are shown, and the next engine is asked the same again.
//! A script stands in for the builds of cargo, since these engines change by the files of their model alone.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use e2e::Process;

use crate::{browser::in_browser, engines::example};

/// A text that runs in a page that takes it for markup.
const HOSTILE: &str = "error: <img src=x onerror=\"window.ran=true\">";

#[test]
fn the_page_shows_what_does_not_compile_and_asks_the_next_engine_again() {
    in_browser(|browser| {
        let folder = tempfile::tempdir().unwrap();
        let engine = start(folder.path());
        browser.open(&engine, "/");
        browser.choose_files(&[example("digits/samples/3-59.png")]);
        browser.run();
        browser.wait_for_text(".result", "three");

        let error = folder.path().join("error");
        fs::write(&error, HOSTILE).unwrap();
        set_labels(folder.path(), "drei");
        browser.wait_for_text("#loop", "The build failed");
        browser.wait_for_text("#loop pre", HOSTILE);
        browser.screenshot("build-failed");
        assert_eq!(browser.value("window.ran === undefined"), true);

        // Nobody touches the page: it asks by itself.
        fs::remove_file(&error).unwrap();
        set_labels(folder.path(), "trois");
        browser.wait_for_text(".result", "trois");
        browser.wait("the notice is gone", "document.querySelector('#loop').hidden");
        assert_eq!(browser.errors(), Vec::<String>::new());
    });
}

/// Starts the example `digits` under the loop, with its files in this folder. A build fails while a file `error` is there.
fn start(folder: &Path) -> Process {
    let model = folder.join("model");
    fs::create_dir(&model).unwrap();
    fs::copy(example("digits/model/model.safetensors"), model.join("model.safetensors")).unwrap();
    set_labels(folder, "three");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let error = folder.join("error");
    let error = error.display();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = build ] || exec '{cargo}' \"$@\"\n[ ! -e '{error}' ] || {{ cat '{error}' >&2; exit 1; }}\n"
    );
    let program: PathBuf = folder.join("cargo");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_string();
    let process = Process::start_with(
        env!("CARGO_BIN_EXE_page-digits"),
        &["dev"],
        &[
            ("CARGO", &text(&program)),
            ("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR")),
            ("CHARIOT_ENGINE_MODEL_DIR", &text(&model)),
            ("CHARIOT_ENGINE_OUTPUT_LAYOUT", "objects"),
        ],
    );
    process.wait_until_ready();
    process
}

/// Writes the labels of the model, with this one for the digit 3.
fn set_labels(folder: &Path, three: &str) {
    let name = |digit: usize| if digit == 3 { three.to_string() } else { digit.to_string() };
    let labels: Vec<String> = (0..10).map(|digit| format!("\"{}\": {digit}", name(digit))).collect();
    fs::write(folder.join("model/class_labels.json"), format!("{{{}}}", labels.join(", "))).unwrap();
}
