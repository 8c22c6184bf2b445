//! A rendered project that depends on this working tree, and commands in it. Its dependencies are those of the workspace's
//! lock file and are built in the workspace's target directory; nothing is downloaded.
#![allow(dead_code, reason = "two binaries use it, each in part")]

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::render::{Sdk, render};

/// A rendered project.
pub(crate) struct Project {
    name: String,
    directory: PathBuf,
}

/// The root of this repository.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the root of the repository")
}

impl Project {
    /// Renders a template.
    pub(crate) fn render(template: &str) -> Self {
        let name = format!("from-{template}");
        let sdk = root().join("chariot-engine");
        let fill = |directory: &Path| render(template, &name, Sdk::Path(sdk.to_str().expect("UTF-8")), directory);
        Self::new(&name, fill)
    }

    /// Makes a project in the same directory in every run. To cargo, another path is another package, so builds of
    /// changing directories would pile up.
    pub(crate) fn new(name: &str, fill: impl FnOnce(&Path)) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("templates").join(name);
        if directory.exists() {
            fs::remove_dir_all(&directory).expect("the project of the last run is removed");
        }
        fill(&directory);

        // The project is in this workspace's directory, but not a member.
        let manifest = directory.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("a manifest");
        fs::write(&manifest, text + "\n[workspace]\n").expect("the manifest is written");
        fs::copy(root().join("Cargo.lock"), directory.join("Cargo.lock")).expect("the lock file is copied");
        fs::create_dir_all(directory.join(".cargo")).expect("a directory");
        fs::write(directory.join(".cargo/config.toml"), config()).expect("cargo's configuration is written");
        // Without it, rustfmt would find the configuration of this repository.
        fs::write(directory.join("rustfmt.toml"), "").expect("rustfmt's configuration is written");
        Project { name: name.into(), directory }
    }

    /// Returns the project's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Reads a text file.
    #[track_caller]
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.directory.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Writes a text file, as an editor does.
    #[track_caller]
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.directory.join(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    /// Returns the project's directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the path of the project's program, once it is built.
    pub(crate) fn program(&self) -> PathBuf {
        target().join("debug").join(&self.name)
    }

    /// Reads the variables of a file that a shell can source.
    #[track_caller]
    pub(crate) fn variables(&self, file: &str) -> Vec<(String, String)> {
        let text = self.read(file);
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let split = |line: &str| line.split_once('=').map(|(name, value)| (name.to_string(), value.to_string()));
        lines.map(|line| split(line).unwrap_or_else(|| panic!("expected a variable, got '{line}'"))).collect()
    }

    /// Runs a cargo command and returns its result.
    pub(crate) fn run_cargo(&self, command: &str, env: &[(&str, &str)]) -> Output {
        let arguments = command.strip_prefix("cargo ").expect("a cargo command").split(' ');
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(arguments).envs(env.iter().copied()).current_dir(&self.directory).output().expect("cargo")
    }

    /// Runs a cargo command, which must succeed, and returns its standard output.
    #[track_caller]
    pub(crate) fn cargo(&self, command: &str) -> String {
        let output = self.run_cargo(command, &[]);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {command}: {}\n{out}\n{err}", self.name, output.status);
        out.into_owned()
    }

    /// Returns a shell command that runs another one in the project's directory.
    pub(crate) fn in_directory(&self, command: &str) -> String {
        format!("cd '{}' && {command}", self.directory.display())
    }

    /// Runs a shell command that uses curl and returns its standard output; `None` if curl is not installed.
    #[track_caller]
    pub(crate) fn shell(&self, command: &str) -> Option<String> {
        match Command::new("curl").arg("--version").output() {
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            version => version.expect("curl"),
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env("no_proxy", "*").current_dir(&self.directory);
        let output = shell.output().expect("a shell");
        assert!(output.status.success(), "{command}: {output:?}");
        Some(String::from_utf8(output.stdout).expect("UTF-8"))
    }
}

/// Returns the workspace's target directory.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory")
}

/// Returns a cargo configuration with the workspace's target directory and profiles, so that common dependencies are built
/// once, and without network access.
fn config() -> String {
    let target = target();
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace's manifest");
    let mut workspace: toml::Table = workspace.parse().expect("the workspace's manifest is TOML");
    let mut config = toml::Table::new();
    config.insert("build".into(), toml::toml! { target-dir = "" }.into());
    config["build"]["target-dir"] = target.to_str().expect("UTF-8").into();
    config.insert("net".into(), toml::toml! { offline = true }.into());
    config.insert("profile".into(), workspace.remove("profile").expect("the workspace's profiles"));
    config.to_string()
}
