//! [`Project`]: the package of the engine, and the command that builds its program again. The loop runs it after a change.

use std::{
    collections::{HashMap, HashSet},
    env,
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    process,
};

use serde::Deserialize;
use tokio::process::Command;

use super::sources::Watched;

/// The package of the engine, as far as cargo tells a program that it runs.
#[derive(Debug)]
pub(super) struct Project {
    cargo: OsString,
    /// The arguments of cargo that build the program.
    arguments: Vec<OsString>,
    /// The program.
    executable: PathBuf,
    watched: Watched,
}

impl Project {
    /// Finds out how cargo has built this process, which has these arguments of cargo about features.
    ///
    /// # Errors
    /// A process that cargo has not started, or a program that is not in cargo's target directory.
    pub(super) fn of_process(features: Vec<String>) -> Result<Self, String> {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let Some(package) = set("CARGO_MANIFEST_DIR") else {
            return Err(
                "expected a program that cargo runs, got one that was started alone; run `cargo run -- dev` in the \
                        directory of the package, or `serve`, which rebuilds nothing"
                    .into(),
            );
        };
        let cargo = set("CARGO").unwrap_or_else(|| "cargo".into());
        let manifest = Path::new(&package).join("Cargo.toml");
        let metadata = Metadata::read(&cargo, &manifest)?;
        let executable = env::current_exe().and_then(|path| path.canonicalize());
        let executable = executable.map_err(|error| format!("cannot find this program: {error}"))?;
        let target = metadata.target_directory.canonicalize().unwrap_or_else(|_| metadata.target_directory.clone());
        let Some(built) = Built::from_path(&executable, &target) else {
            let (executable, target) = (executable.display(), target.display());
            return Err(format!(
                "expected a program in cargo's target directory '{target}', got '{executable}'; set another target \
                 directory with the variable CARGO_TARGET_DIR instead of an option"
            ));
        };
        let watched = Watched {
            workspace: metadata.workspace_root.clone(),
            target,
            packages: packages(&cargo, manifest.clone(), metadata)?,
        };
        let mut arguments: Vec<OsString> = vec!["build".into(), "--manifest-path".into(), manifest.into()];
        arguments.extend(built.arguments());
        arguments.extend(features.into_iter().map(OsString::from));
        if io::IsTerminal::is_terminal(&io::stderr()) {
            // Its output goes to the terminal through this process.
            arguments.extend(["--color".into(), "always".into()]);
        }
        Ok(Project { cargo, arguments, executable, watched })
    }

    /// Returns what to watch.
    pub(super) fn sources(&self) -> &Watched {
        &self.watched
    }

    /// Returns the command that builds the program.
    pub(super) fn build(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(&self.arguments);
        command
    }

    /// Returns the command that runs the program with the arguments of this process.
    pub(super) fn run(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command.args(env::args_os().skip(1));
        command
    }

    /// Returns the path of the program.
    pub(super) fn executable(&self) -> &Path {
        &self.executable
    }
}

/// The way in which cargo has built a program, as the path of the program tells.
#[derive(Debug, PartialEq, Eq)]
struct Built {
    name: OsString,
    is_example: bool,
    profile: OsString,
    /// The target that was asked for by name.
    triple: Option<OsString>,
}

impl Built {
    /// Reads `target/[TRIPLE/]PROFILE/[examples/]NAME`.
    fn from_path(executable: &Path, target: &Path) -> Option<Self> {
        let parts: Vec<&OsStr> = executable.strip_prefix(target).ok()?.iter().collect();
        let [folders @ .., name] = &parts[..] else { return None };
        let (folders, is_example) = match folders {
            [folders @ .., last] if *last == "examples" => (folders, true),
            folders => (folders, false),
        };
        let (triple, folder) = match folders {
            [folder] => (None, *folder),
            [triple, folder] => (Some(triple.to_os_string()), *folder),
            _ => return None,
        };
        // The only profile whose folder has another name.
        let profile = if folder == "debug" { OsStr::new("dev") } else { folder };
        Some(Built { name: name.to_os_string(), is_example, profile: profile.to_os_string(), triple })
    }

    fn arguments(self) -> Vec<OsString> {
        let kind = if self.is_example { "--example" } else { "--bin" };
        let mut arguments = vec![kind.into(), self.name, "--profile".into(), self.profile];
        arguments.extend(self.triple.into_iter().flat_map(|triple| ["--target".into(), triple]));
        arguments
    }
}

/// The output of `cargo metadata` without resolving dependencies, for which it needs no network.
#[derive(Debug, Deserialize)]
struct Metadata {
    /// The packages of the workspace.
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    /// The folder of a dependency by path.
    path: Option<PathBuf>,
    /// `dev` or `build`; `None` for those that the program is linked with.
    kind: Option<String>,
}

impl Metadata {
    fn read(cargo: &OsStr, manifest: &Path) -> Result<Self, String> {
        let mut command = process::Command::new(cargo);
        command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
        let output = command.output().map_err(|error| {
            let cargo = Path::new(cargo).display();
            format!("cannot run '{cargo}', which builds the engine: {error}")
        })?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("`cargo metadata` failed: {}", text.trim()));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cannot read `cargo metadata`: {error}"))
    }
}

/// Returns the folders of a package and of all its dependencies by path.
fn packages(cargo: &OsStr, manifest: PathBuf, of_workspace: Metadata) -> Result<Vec<PathBuf>, String> {
    let mut known: HashMap<PathBuf, Package> = HashMap::new();
    let learn = |metadata: Metadata, known: &mut HashMap<PathBuf, Package>| {
        known.extend(metadata.packages.into_iter().map(|package| (package.manifest_path.clone(), package)));
    };
    learn(of_workspace, &mut known);
    let (mut folders, mut seen) = (Vec::new(), HashSet::from([manifest.clone()]));
    let mut rest = vec![manifest];
    while let Some(manifest) = rest.pop() {
        if !known.contains_key(&manifest) {
            learn(Metadata::read(cargo, &manifest)?, &mut known);
        }
        folders.extend(manifest.parent().map(Path::to_path_buf));
        let Some(package) = known.get(&manifest) else { continue };
        for dependency in &package.dependencies {
            if let Some(path) = dependency.path.as_ref().filter(|_| dependency.kind.as_deref() != Some("dev")) {
                let manifest = path.join("Cargo.toml");
                if seen.insert(manifest.clone()) {
                    rest.push(manifest);
                }
            }
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(path: &str) -> Option<String> {
        let built = Built::from_path(Path::new(path), Path::new("/w/target"))?;
        let arguments: Vec<String> =
            built.arguments().into_iter().map(|argument| argument.into_string().unwrap()).collect();
        Some(arguments.join(" "))
    }

    #[test]
    fn the_path_of_the_program_tells_how_it_was_built() {
        for (path, expected) in [
            ("/w/target/debug/engine", Some("--bin engine --profile dev")),
            ("/w/target/release/engine", Some("--bin engine --profile release")),
            ("/w/target/debug/examples/small", Some("--example small --profile dev")),
            (
                "/w/target/x86_64-unknown-linux-musl/dist/engine",
                Some("--bin engine --profile dist --target x86_64-unknown-linux-musl"),
            ),
            ("/usr/bin/engine", None),
            ("/w/target/engine", None),
            ("/w/target/a/b/c/engine", None),
        ] {
            assert_eq!(arguments(path).as_deref(), expected, "{path}");
        }
    }
}
