//! What must not drift: files that the templates share, weights that come from the examples, and the way by hand that
//! `templates/README.md` tells.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    commands::blocks,
    project::root,
    render::{by_liquid, read, texts},
};

const TEMPLATES: [&str; 3] = ["minimal", "image-classifier", "tabular"];

fn template(name: &str) -> PathBuf {
    root().join("templates").join(name)
}

/// A text file of a template without the lines that say what this one is.
fn shared(name: &str, file: &str) -> String {
    let text = fs::read_to_string(template(name).join(file)).unwrap_or_else(|error| panic!("{name}/{file}: {error}"));
    text.lines().filter(|line| !line.contains("image.description=")).collect::<Vec<_>>().join("\n")
}

#[test]
fn files_that_the_templates_share_are_the_same() {
    let everywhere =
        [".dockerignore", ".gitignore", ".github/workflows/ci.yml", "cargo-generate.toml", "Containerfile"];
    for file in everywhere {
        for name in &TEMPLATES[1..] {
            assert_eq!(shared(name, file), shared(TEMPLATES[0], file), "{file} of {name}");
        }
    }
    assert_eq!(shared("tabular", "Containerfile.cuda"), shared("image-classifier", "Containerfile.cuda"));
}

#[test]
fn the_models_are_those_of_the_examples() {
    for (name, example) in [("image-classifier", "digits"), ("tabular", "iris")] {
        let theirs = read(&root().join("examples").join(example).join("model"));
        assert!(read(&template(name).join("model")) == theirs, "the model of {name} is not that of {example}");
    }
}

#[test]
fn every_template_is_listed() {
    let readme = fs::read_to_string(root().join("templates/README.md")).unwrap();
    let found: Vec<_> = fs::read_dir(root().join("templates"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(found.len(), TEMPLATES.len(), "{found:?}");
    for name in TEMPLATES {
        assert!(found.iter().any(|found| found == name), "{name}");
        assert!(readme.contains(&format!("[`{name}`]({name})")), "{name}");
    }
}

/// Without further values the SDK is named by version, and by git where that is said.
#[test]
fn the_sdk_is_named_as_asked() {
    let dependency = |values: &[(&str, &str)]| {
        let files = by_liquid(&template("image-classifier"), "mine", values);
        let manifest: toml::Table = texts(&files)[Path::new("Cargo.toml")].parse().unwrap();
        manifest["dependencies"]["chariot-engine"].to_string()
    };
    let version = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap().0;
    assert_eq!(dependency(&[]), format!(r#"{{ version = "{version}" }}"#));
    assert_eq!(dependency(&[("sdk_path", "../sdk")]), r#"{ path = "../sdk" }"#);
    assert_eq!(dependency(&[("sdk_git", "https://git.example/sdk")]), r#"{ git = "https://git.example/sdk" }"#);
}

#[test]
fn the_way_by_hand_makes_the_same_project() {
    let readme = fs::read_to_string(root().join("templates/README.md")).unwrap();
    let by_hand = blocks(&readme, "sh").into_iter().find(|block| block.starts_with("cp -r ")).expect("the way by hand");
    let directory = tempfile::tempdir().unwrap();
    let project = directory.path().join("my-engine");
    for name in TEMPLATES {
        let told = by_hand.replace("templates/minimal", &format!("templates/{name}"));
        let told = told.replace(" ../my-engine", &format!(" '{}'", project.display()));
        let done = Command::new("sh").args(["-ec", &told]).current_dir(root()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        let expected = by_liquid(&template(name), "my-engine", &[("sdk_path", "../chariot-engine/chariot-engine")]);
        let texts = |files| texts(files).into_iter().map(|(path, text)| (path.to_path_buf(), text)).collect();
        let (made, expected): (BTreeMap<_, _>, BTreeMap<_, _>) = (texts(&read(&project)), texts(&expected));
        assert_eq!(made, expected, "{name}");
        fs::remove_dir_all(&project).unwrap();
    }
}
