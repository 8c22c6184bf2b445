//! The checks of a model's files: that they exist, can be read, and are neither pointers nor archives.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// The number of files that are checked, which is more than any model has.
const MAX_FILES: usize = 10_000;

/// The first bytes of a Git LFS pointer.
const POINTER: &[u8] = b"version https://git-lfs";

/// The content of a model directory.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The files and their sizes in bytes, sorted.
    pub(super) found: Vec<(PathBuf, u64)>,
    /// The faults, for the operator.
    pub(super) faults: Vec<String>,
}

impl Files {
    /// Checks a directory and everything in it. Paths are relative to it.
    pub(super) fn in_dir(dir: &Path) -> Self {
        let mut files = Files::default();
        files.visit(dir, dir);
        files.found.sort();
        if let [(only, _)] = &files.found[..]
            && is_archive(only)
        {
            files.faults.push(format!("'{}' is an archive; unpack it, as the platform does", only.display()));
        }
        files
    }

    /// Returns the total size in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.found.iter().map(|(_, bytes)| bytes).sum()
    }

    fn visit(&mut self, root: &Path, dir: &Path) {
        let shown = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => {
                return self.faults.push(format!("cannot read directory '{}': {error}", dir.display()));
            }
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if self.found.len() == MAX_FILES {
                return;
            }
            if path.is_dir() {
                self.visit(root, &path);
                continue;
            }
            let mut begin = [0; POINTER.len()];
            let opened = File::open(&path).and_then(|mut file| {
                let bytes = file.metadata()?.len();
                let read = file.read(&mut begin)?;
                Ok((bytes, begin[..read] == *POINTER))
            });
            match opened {
                Ok((bytes, is_pointer)) => {
                    if is_pointer {
                        self.faults.push(format!(
                            "'{}' is a Git LFS pointer; fetch the file with `git lfs pull`",
                            shown(&path)
                        ));
                    }
                    let relative = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
                    self.found.push((relative, bytes));
                }
                Err(error) => self.faults.push(format!("cannot read '{}': {error}", shown(&path))),
            }
        }
    }
}

fn is_archive(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    [".zip", ".tar.gz", ".tgz", ".tar"].iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_and_pointers_are_reported() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("model.zip", "PK");
        let files = Files::in_dir(dir.path());
        assert!(files.faults[0].starts_with("'model.zip' "), "{files:?}");
        fs::create_dir(dir.path().join("top")).unwrap();
        write("top/model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
        write("top/a", "");
        let files = Files::in_dir(dir.path());
        assert_eq!(files.found.len(), 3);
        assert_eq!(files.found[1], (PathBuf::from("top/a"), 0));
        let expected = format!("'{}' ", Path::new("top/model.safetensors").display());
        assert!(files.faults[0].starts_with(&expected), "{files:?}");
        assert_eq!(Files::in_dir(&dir.path().join("none")).faults.len(), 1);
    }
}
