//! A template rendered to a project: by `templates/new`, by the Liquid library that cargo-generate uses, and by
//! cargo-generate itself where it is installed. All must create the same files.
#![allow(dead_code, reason = "two binaries use it, each in part")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use liquid::{ParserBuilder, model::Value, object};

use crate::project::root;

/// The file with cargo-generate's configuration of a template.
const CONFIG: &str = "cargo-generate.toml";

/// The files of a directory by their paths in it.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The way in which a project depends on the SDK.
#[derive(Clone, Copy)]
pub(crate) enum Sdk<'a> {
    Path(&'a str),
    Git(&'a str),
    Version,
}

impl Sdk<'_> {
    /// Returns the options of `templates/new`.
    fn options(self) -> Vec<String> {
        match self {
            Sdk::Path(path) => vec!["--sdk-path".into(), path.into()],
            Sdk::Git(url) => vec!["--sdk-git".into(), url.into()],
            Sdk::Version => vec!["--sdk-version".into()],
        }
    }

    /// Returns the value that cargo-generate is given, with its name.
    fn value(self) -> Option<(&'static str, String)> {
        match self {
            Sdk::Path(path) => Some(("sdk_path", path.into())),
            Sdk::Git(url) => Some(("sdk_git", url.into())),
            Sdk::Version => None,
        }
    }
}

/// Renders a template in every way that this machine has, and writes the project.
#[track_caller]
pub(crate) fn render(template: &str, name: &str, sdk: Sdk<'_>, project: &Path) {
    let files = by_script(template, name, sdk);
    assert_eq!(texts(&files), texts(&by_liquid(template, name, sdk)), "templates/new creates other files than Liquid");
    match by_tool(template, name, sdk) {
        Some(theirs) => assert_eq!(texts(&files), texts(&theirs), "cargo-generate creates other files"),
        None => println!("{template}: SKIPPED: cargo-generate is not installed"),
    }
    for (path, content) in files {
        let path = project.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("the directory is created");
        fs::write(path, content).expect("the file is written");
    }
}

/// Renders a template by `templates/new`.
#[track_caller]
pub(crate) fn by_script(template: &str, name: &str, sdk: Sdk<'_>) -> Files {
    // A directory with a space: the script must quote every path.
    let directory = tempfile::Builder::new().prefix("new engine").tempdir().expect("a directory");
    let project = directory.path().join("project");
    let mut command = Command::new(root().join("templates/new"));
    command.arg(&project).args(["--template", template, "--name", name]).args(sdk.options());
    // It must not depend on the current directory.
    let output = command.current_dir(directory.path()).output().expect("a POSIX shell");
    assert!(output.status.success(), "{output:?}");
    read(&project)
}

/// Renders a template by cargo-generate. Returns `None` if it is not installed.
#[track_caller]
fn by_tool(template: &str, name: &str, sdk: Sdk<'_>) -> Option<Files> {
    if !has_tool() {
        return None;
    }
    // cargo-generate would add a project within this workspace to its members.
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = Command::new("cargo-generate");
    command.args(["generate", "--vcs", "none", "--name", name, "--path"]).arg(template_path(template));
    // cargo-generate needs an author, although no template has one.
    command.arg("--destination").arg(directory.path()).env("USER", "nobody");
    if let Some((name, value)) = sdk.value() {
        command.args(["--define", &format!("{name}={value}")]);
    }
    // Without a terminal, a question is an error: only the name may be asked for.
    let output = command.stdin(Stdio::null()).output().expect("cargo-generate");
    assert!(output.status.success(), "{output:?}");
    Some(read(&directory.path().join(name)))
}

/// Returns `true` if cargo-generate is installed.
pub(crate) fn has_tool() -> bool {
    let version = Command::new("cargo-generate").args(["generate", "--version"]).stderr(Stdio::null()).output();
    version.is_ok_and(|output| output.status.success())
}

/// Renders a template by the Liquid library, with the rules of cargo-generate that the templates use.
#[track_caller]
pub(crate) fn by_liquid(template: &str, name: &str, sdk: Sdk<'_>) -> Files {
    let mut files = read(&template_path(template));
    let config = files.remove(Path::new(CONFIG)).expect(CONFIG);
    let config: toml::Table = String::from_utf8(config).expect("UTF-8").parse().expect("TOML");
    let include = config["template"]["include"].as_array().expect("a list of files");
    let parser = ParserBuilder::with_stdlib().build().expect("a parser");
    let mut values = object!({ "project-name": name });
    if let Some((name, value)) = sdk.value() {
        values.insert(name.into(), Value::scalar(value));
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
        let text = String::from_utf8(content).expect("UTF-8");
        let rendered = parser.parse(&text).and_then(|template| template.render(&values));
        (path.clone(), rendered.unwrap_or_else(|error| panic!("{}: {error}", path.display())).into_bytes())
    };
    files.into_iter().map(render).collect()
}

/// The directory of a template.
pub(crate) fn template_path(name: &str) -> PathBuf {
    root().join("templates").join(name)
}

/// Reads every file of a directory.
#[track_caller]
pub(crate) fn read(directory: &Path) -> Files {
    let mut files = Files::new();
    let mut left = vec![directory.to_path_buf()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|error| panic!("{}: {error}", next.display())) {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else {
                let content = fs::read(&path).expect("the file can be read");
                files.insert(path.strip_prefix(directory).expect("a path in the directory").to_path_buf(), content);
            }
        }
    }
    files
}

/// Returns files as text, so that a failed comparison can be read.
pub(crate) fn texts(files: &Files) -> BTreeMap<&Path, String> {
    files.iter().map(|(path, content)| (&**path, String::from_utf8_lossy(content).into_owned())).collect()
}
