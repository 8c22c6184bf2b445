//! A template made a project: by cargo-generate where it is installed, and by the Liquid library that it uses where it is
//! not. Where it is, both must make the same.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use liquid::{ParserBuilder, model::Value, object};

/// The file that tells cargo-generate what to do.
const CONFIG: &str = "cargo-generate.toml";

/// The files of a directory by their paths in it.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Renders a template by what is here, with a name and further values.
#[track_caller]
pub(crate) fn best(template: &Path, name: &str, values: &[(&str, &str)], project: &Path) {
    let ours = by_liquid(template, name, values);
    match by_tool(template, name, values) {
        Some(theirs) => assert_eq!(texts(&ours), texts(&theirs), "cargo-generate renders another project"),
        None => println!("{}: rendered without cargo-generate, which is not installed", template.display()),
    }
    for (path, content) in ours {
        let path = project.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory is made");
        fs::write(path, content).expect("a file is written");
    }
}

/// What cargo-generate makes of a template; `None` if it is not installed.
fn by_tool(template: &Path, name: &str, values: &[(&str, &str)]) -> Option<Files> {
    let known = Command::new("cargo-generate").args(["generate", "--version"]).stderr(Stdio::null()).output();
    if !known.is_ok_and(|output| output.status.success()) {
        return None;
    }
    // Not within this workspace, of which it would make the project a member.
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("cargo-generate");
    command.args(["generate", "--vcs", "none", "--name", name, "--path"]).arg(template);
    // It asks for the author, whom no template names.
    command.arg("--destination").arg(directory.path()).env("USER", "nobody");
    for (name, value) in values {
        command.args(["--define", &format!("{name}={value}")]);
    }
    // Without a terminal a question would be an error: there is none but for the name.
    let output = command.stdin(Stdio::null()).output().expect("cargo-generate");
    assert!(output.status.success(), "{output:?}");
    Some(read(&directory.path().join(name)))
}

/// What the same library makes of a template, by the rules of cargo-generate that our templates use.
pub(crate) fn by_liquid(template: &Path, name: &str, values: &[(&str, &str)]) -> Files {
    let mut files = read(template);
    let config = files.remove(Path::new(CONFIG)).expect(CONFIG);
    let config: toml::Table = String::from_utf8(config).expect("a text").parse().expect("TOML");
    let include = config["template"]["include"].as_array().expect("a list of files");
    let parser = ParserBuilder::with_stdlib().build().expect("a parser");
    let mut known = object!({ "project-name": name });
    for (name, value) in values {
        known.insert((*name).to_string().into(), Value::scalar((*value).to_string()));
    }
    let render = |(path, content): (PathBuf, Vec<u8>)| {
        let path = if path.extension().is_some_and(|extension| extension == "liquid") {
            path.with_extension("")
        } else {
            path
        };
        if !include.iter().any(|file| file.as_str().is_some_and(|file| Path::new(file) == path)) {
            return (path, content);
        }
        let text = String::from_utf8(content).expect("a text");
        let rendered = parser.parse(&text).and_then(|template| template.render(&known));
        (path.clone(), rendered.unwrap_or_else(|error| panic!("{}: {error}", path.display())).into_bytes())
    };
    files.into_iter().map(render).collect()
}

/// Every file of a directory.
pub(crate) fn read(directory: &Path) -> Files {
    let mut files = Files::new();
    let mut left = vec![directory.to_path_buf()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else {
                let content = fs::read(&path).expect("a file");
                files.insert(path.strip_prefix(directory).expect("a path in it").to_path_buf(), content);
            }
        }
    }
    files
}

/// Files as a person can compare them.
pub(crate) fn texts(files: &Files) -> BTreeMap<&Path, String> {
    files.iter().map(|(path, content)| (&**path, String::from_utf8_lossy(content).into_owned())).collect()
}
