//! Finding programs and their versions. The tables call it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Returns the path of a program, or what is missing. Servers of Debian are in folders that `PATH` often lacks.
pub(crate) fn find(name: &str) -> Result<PathBuf, String> {
    let paths = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&paths).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| format!("{name} not found"))
}

/// Returns the version that a program prints, or what is missing: the first word that begins with a digit and has a dot.
pub(crate) fn version(name: &str, arguments: &[&str]) -> Result<String, String> {
    version_at(&find(name)?, arguments)
}

/// Returns the version that a program at a path prints.
pub(crate) fn version_at(path: &Path, arguments: &[&str]) -> Result<String, String> {
    let ran = Command::new(path).args(arguments).output().map_err(|error| format!("{}: {error}", path.display()))?;
    let text = [ran.stdout, ran.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let words = text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '.');
    let numbers = words.map(|word| word.trim_start_matches(|sign: char| !sign.is_ascii_digit()));
    let mut versions = numbers.map(|word| word.trim_end_matches('.')).filter(|word| word.contains('.'));
    versions
        .next()
        .map(Into::into)
        .ok_or_else(|| format!("{} {} prints no version", path.display(), arguments.join(" ")))
}
