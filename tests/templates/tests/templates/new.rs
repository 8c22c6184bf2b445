//! The ways to create a project that `templates/README.md` shows, and the options of `templates/new`.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::{
    commands::blocks,
    copies::TEMPLATES,
    project::root,
    render::{Sdk, by_liquid, by_script, has_tool, read, texts},
};

/// Returns the command of `templates/README.md` that starts in this way, for another template and destination.
fn documented(start: &str, template: &str, replaced: &str, destination: &str) -> String {
    let readme = fs::read_to_string(root().join("templates/README.md")).unwrap();
    let command = blocks(&readme, "sh").into_iter().find(|block| block.starts_with(start)).unwrap_or_else(|| {
        panic!("templates/README.md: no block that starts with '{start}'");
    });
    assert!(command.contains(replaced), "{command}");
    command.replace("minimal", template).replace(replaced, destination)
}

#[track_caller]
fn is_created_by(command: &str, template: &str, project: &Path) {
    let done = Command::new("sh").args(["-ec", command]).current_dir(root()).env("USER", "nobody").output().unwrap();
    assert!(done.status.success(), "{command}: {done:?}");
    let sdk = root().join("chariot-engine");
    let expected = by_liquid(template, "my-engine", Sdk::Path(sdk.to_str().unwrap()));
    let mut created = read(project);
    created.retain(|path, _| !path.starts_with(".git"));
    assert_eq!(texts(&created), texts(&expected), "{template}");
}

#[test]
fn the_documented_script_creates_every_template() {
    for template in TEMPLATES {
        let directory = tempfile::tempdir().unwrap();
        let project = directory.path().join("my-engine");
        let command = documented("templates/new ", template, "../my-engine", &format!("'{}'", project.display()));
        is_created_by(&command, template, &project);
    }
}

#[test]
fn the_documented_cargo_generate_creates_every_template() {
    if !has_tool() {
        return println!("SKIPPED: cargo-generate is not installed");
    }
    for template in TEMPLATES {
        let directory = tempfile::tempdir().unwrap();
        let destination = format!("--destination '{}'", directory.path().display());
        let command = documented("cargo generate ", template, "--destination ..", &destination);
        is_created_by(&command, template, &directory.path().join("my-engine"));
    }
}

#[test]
fn the_sdk_is_a_path_a_git_repository_or_a_version() {
    let version = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap().0;
    let cases = [
        (Sdk::Version, format!(r#"{{ version = "{version}" }}"#)),
        (Sdk::Path("../the & sdk"), r#"{ path = "../the & sdk" }"#.to_string()),
        (Sdk::Git("https://git.example/sdk"), r#"{ git = "https://git.example/sdk" }"#.to_string()),
    ];
    for (sdk, expected) in cases {
        for files in [by_liquid("image-classifier", "mine", sdk), by_script("image-classifier", "mine", sdk)] {
            let manifest: toml::Table = texts(&files)[Path::new("Cargo.toml")].parse().unwrap();
            assert_eq!(manifest["dependencies"]["chariot-engine"].to_string(), expected);
        }
    }
    let windows = r#"C:\the "sdk""#;
    let files = by_script("minimal", "mine", Sdk::Path(windows));
    let manifest: toml::Table = texts(&files)[Path::new("Cargo.toml")].parse().unwrap();
    assert_eq!(manifest["dependencies"]["chariot-engine"]["path"].as_str(), Some(windows));
}

/// Runs `templates/new` in a directory of its own.
fn run(arguments: &[&str]) -> (Output, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("empty")).unwrap();
    fs::create_dir(directory.path().join("full")).unwrap();
    fs::write(directory.path().join("full/file"), "").unwrap();
    let mut command = Command::new(root().join("templates/new"));
    (command.args(arguments).current_dir(directory.path()).output().unwrap(), directory)
}

#[test]
fn the_script_needs_only_a_directory() {
    for directory in ["my-engine", "empty", "deeper/and-deeper"] {
        let (output, working_directory) = run(&[directory]);
        assert!(output.status.success(), "{output:?}");
        let manifest = fs::read_to_string(working_directory.path().join(directory).join("Cargo.toml")).unwrap();
        let name = Path::new(directory).file_name().unwrap().to_str().unwrap();
        assert!(manifest.starts_with(&format!("[package]\nname = \"{name}\"\n")), "{manifest}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(&format!("cd '{directory}'")), "{output:?}");
    }
}

#[test]
fn the_script_rejects_what_it_cannot_do_and_creates_nothing() {
    let inside = root().join("target/not-here");
    let inside = inside.to_str().unwrap();
    let cases: [(&[&str], &str); 10] = [
        (&[], "expected a directory"),
        (&["a", "b"], "expected one directory"),
        (&["full"], "expected an empty directory"),
        (&[inside], "expected a directory outside"),
        (&["a", "--template", "none"], "template 'none' not found"),
        (&["a", "--template", "../templates/minimal"], "not found"),
        (&["a", "--template"], "--template: expected a value"),
        (&["a", "--unknown"], "unknown option '--unknown'"),
        (&["Capital"], "expected a package name"),
        (&["a", "--name", "1st"], "expected a package name"),
    ];
    for (arguments, message) in cases {
        let (output, directory) = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.starts_with("error: ") && error.contains(message), "{arguments:?}: {error}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "{arguments:?}");
    }
    assert!(!Path::new(inside).exists());
}
