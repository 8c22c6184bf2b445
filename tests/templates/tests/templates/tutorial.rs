//! The project that the guide's tutorial builds, made from the code blocks of the page.

use std::{fs, path::Path};

use crate::project::{Project, root};

/// The changes that step 4 describes in words.
const SETTING: [(&str, &str); 5] = [
    ("type Settings = ();", "type Settings = DigitReaderSettings;"),
    ("ctx: &LoadContext)", "ctx: &LoadContext<DigitReaderSettings>)"),
    ("    labels: ClassLabels,\n}", "    labels: ClassLabels,\n    top_k: usize,\n}"),
    ("DigitReader { net, labels }", "DigitReader { net, labels, top_k: ctx.settings().top_k }"),
    ("&self.labels, 3)", "&self.labels, self.top_k)"),
];

/// Returns the code blocks of a page with this language, without the lines that rustdoc hides.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(found) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if found == language {
            let shown = block.iter().filter(|line| **line != "#" && !line.starts_with("# "));
            blocks.push(shown.map(|line| format!("{line}\n")).collect());
        }
    }
    blocks
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}

#[test]
fn the_project_of_the_tutorial_works() {
    let page = fs::read_to_string(root().join("chariot-engine/src/docs/guide/tutorial.md")).expect("the page");
    let [engine, setting] = &blocks(&page, "")[..] else { panic!("expected two blocks of Rust code") };
    let [tests] = &blocks(&page, "ignore")[..] else { panic!("expected one block of tests") };
    let [dependencies] = &blocks(&page, "toml")[..] else { panic!("expected one block of TOML") };
    let engine = SETTING.iter().fold(engine.clone(), |code, (from, to)| {
        assert_eq!(code.matches(from).count(), 1, "{from}");
        code.replace(from, to)
    });
    let sdk = root().join("chariot-engine");
    let dependencies = dependencies.replace("../chariot-engine/chariot-engine", sdk.to_str().expect("UTF-8"));
    let project = Project::new("digit-reader", |directory| {
        let digits = root().join("examples/digits");
        copy(&digits.join("model"), &directory.join("model"));
        copy(&digits.join("samples"), &directory.join("samples"));
        fs::create_dir_all(directory.join("src")).expect("a directory");
        fs::write(directory.join("src/main.rs"), [&*engine, setting, tests].join("\n")).expect("the engine");
        let package = "[package]\nname = \"digit-reader\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n";
        fs::write(directory.join("Cargo.toml"), format!("{package}{dependencies}")).expect("the manifest");
    });

    project.cargo("cargo test");
    assert_eq!(project.cargo("cargo run --quiet -- infer samples/7-44.png").trim(), "\"7\"");
    project.cargo("cargo run --quiet -- check");
    assert!(project.cargo("cargo run --quiet -- pack").contains("model.zip"));
    assert!(project.cargo("cargo run --quiet -- describe --format python").contains("digit-reader"));
    let invalid = project.run_cargo("cargo run --quiet", &[("TOP_K", "11")]);
    assert_eq!(invalid.status.code(), Some(78), "{invalid:?}");
    assert!(String::from_utf8_lossy(&invalid.stdout).contains("TOP_K: expected an integer from 1 to 10, got '11'"));
}
