//! Checks that copies stay equal: files that the templates share, and weights that come from the examples.

use std::fs;

use crate::{
    project::root,
    render::{read, template_path},
};

pub(crate) const TEMPLATES: [&str; 4] = ["minimal", "image-classifier", "tabular", "onnx"];

/// Returns a text file of a template, without the lines that describe the project and the choice of a backend.
fn shared(name: &str, file: &str) -> String {
    let path = template_path(name).join(file);
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}/{file}: {error}"));
    let text = text.replace(" --features tract", "");
    text.lines().filter(|line| !line.contains("image.description=")).collect::<Vec<_>>().join("\n")
}

#[test]
fn files_that_the_templates_share_are_equal() {
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
fn models_are_those_of_the_examples() {
    for (name, example) in [("image-classifier", "digits"), ("tabular", "iris")] {
        let theirs = read(&root().join("examples").join(example).join("model"));
        let ours = read(&template_path(name).join("model"));
        assert!(ours == theirs, "the model of the template {name} differs from that of the example {example}");
    }
}

#[test]
fn onnx_runtime_in_the_image_is_the_one_that_the_tests_load() {
    let containerfile = fs::read_to_string(template_path("onnx").join("Containerfile.onnxruntime")).unwrap();
    let requirements = fs::read_to_string(root().join("tests/onnx/requirements.txt")).unwrap();
    let words = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().map(|word| word.trim_matches('\''));
        words.filter(|word| word.contains("==") || word.contains("sha256:")).map(str::to_string).collect()
    };
    assert_eq!(words(&containerfile), words(&requirements));
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
