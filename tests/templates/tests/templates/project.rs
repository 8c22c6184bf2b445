//! A rendered project that depends on this working tree, and commands in it. What it depends on is built in the
//! workspace's own target directory, from the workspace's lock file, and nothing is fetched.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use crate::render;

/// A project.
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
    /// Renders a template into a directory of its own, always the same: cargo takes another path for another package,
    /// whose builds would pile up.
    pub(crate) fn render(template: &str) -> Self {
        let name = format!("from-{template}");
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("templates");
        let directory = all.join(&name);
        if directory.exists() {
            fs::remove_dir_all(&directory).expect("the project of the last run is removed");
        }
        let sdk = root().join("chariot-engine");
        let sdk = sdk.to_str().expect("a path of text");
        render::best(&root().join("templates").join(template), &name, &[("sdk_path", sdk)], &directory);

        // It lies within this workspace, and is none of its members.
        let manifest = directory.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("a manifest");
        fs::write(&manifest, text + "\n[workspace]\n").expect("the manifest is written");
        fs::copy(root().join("Cargo.lock"), directory.join("Cargo.lock")).expect("the lock file is copied");
        fs::create_dir_all(directory.join(".cargo")).expect("a directory");
        fs::write(directory.join(".cargo/config.toml"), config()).expect("cargo's configuration is written");
        // Else the formatting would be this repository's, and not that of a project of its own.
        fs::write(directory.join("rustfmt.toml"), "").expect("rustfmt's configuration is written");
        Project { name, directory }
    }

    /// The project's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The text of a file.
    #[track_caller]
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.directory.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The variables that a file sets, in the form of a shell.
    #[track_caller]
    pub(crate) fn variables(&self, file: &str) -> Vec<(String, String)> {
        let text = self.read(file);
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let split = |line: &str| line.split_once('=').map(|(name, value)| (name.to_string(), value.to_string()));
        lines.map(|line| split(line).unwrap_or_else(|| panic!("no variable: {line}"))).collect()
    }

    /// Runs a command of cargo, which must succeed, and returns what it writes.
    #[track_caller]
    pub(crate) fn cargo(&self, command: &str) -> String {
        let arguments = command.strip_prefix("cargo ").expect("a command of cargo").split(' ');
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo).args(arguments).current_dir(&self.directory).output().expect("cargo");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {command}: {}\n{out}\n{err}", self.name, output.status);
        out.into_owned()
    }

    /// A command of a shell that is run in the project.
    pub(crate) fn in_it(&self, command: &str) -> String {
        format!("cd '{}' && {command}", self.directory.display())
    }

    /// What a command of curl writes, in a shell; `None` if there is no curl.
    #[track_caller]
    pub(crate) fn shell(&self, command: &str) -> Option<String> {
        match Command::new("curl").arg("--version").output() {
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            known => known.expect("curl"),
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env("no_proxy", "*").current_dir(&self.directory);
        let output = shell.output().expect("a shell");
        assert!(output.status.success(), "{command}: {output:?}");
        Some(String::from_utf8(output.stdout).expect("a text"))
    }
}

/// Where things are built, from what is here; and as the workspace builds it, so that what both need is built once.
fn config() -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace's manifest");
    let mut workspace: toml::Table = workspace.parse().expect("the workspace's manifest is TOML");
    let mut config = toml::Table::new();
    config.insert("build".into(), toml::toml! { target-dir = "" }.into());
    config["build"]["target-dir"] = target.to_str().expect("a path of text").into();
    config.insert("net".into(), toml::toml! { offline = true }.into());
    config.insert("profile".into(), workspace.remove("profile").expect("the workspace's profiles"));
    config.to_string()
}
