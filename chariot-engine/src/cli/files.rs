//! The model's files, as `check` looks at them: whether they are there, can be read, and are what they seem.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// More files than any model has: what is beyond is not looked at.
const MOST: usize = 10_000;

/// What a pointer of Git LFS begins with.
const POINTER: &[u8] = b"version https://git-lfs";

/// What stands in a model directory.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The files and their sizes in bytes, sorted.
    pub(super) found: Vec<(PathBuf, u64)>,
    /// What an operator should look at.
    pub(super) faults: Vec<String>,
}

impl Files {
    /// Looks at a directory and all that is in it. Paths are relative to it.
    pub(super) fn of(dir: &Path) -> Self {
        let mut files = Files::default();
        files.look(dir, dir);
        files.found.sort();
        if let [(only, _)] = &files.found[..]
            && is_archive(only)
        {
            files.faults.push(format!("'{}' is an archive: unpack it, as the platform does", only.display()));
        }
        files
    }

    pub(super) fn bytes(&self) -> u64 {
        self.found.iter().map(|(_, bytes)| bytes).sum()
    }

    fn look(&mut self, root: &Path, dir: &Path) {
        let shown = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => {
                return self.faults.push(format!("the directory '{}' cannot be read: {error}", dir.display()));
            }
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if self.found.len() == MOST {
                return;
            }
            if path.is_dir() {
                self.look(root, &path);
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
                        self.faults.push(format!("'{}' is a pointer of Git LFS: fetch the file", shown(&path)));
                    }
                    let relative = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
                    self.found.push((relative, bytes));
                }
                Err(error) => self.faults.push(format!("'{}' cannot be read: {error}", shown(&path))),
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
    fn what_is_not_what_it_seems_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("model.zip", "PK");
        let files = Files::of(dir.path());
        assert!(files.faults[0].contains("'model.zip' is an archive"), "{files:?}");
        fs::create_dir(dir.path().join("top")).unwrap();
        write("top/model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
        write("top/a", "");
        let files = Files::of(dir.path());
        assert_eq!(files.found.len(), 3);
        assert_eq!(files.found[1], (PathBuf::from("top/a"), 0));
        let expected = format!("'{}' is a pointer of Git LFS", Path::new("top/model.safetensors").display());
        assert!(files.faults[0].contains(&expected), "{files:?}");
        assert!(Files::of(&dir.path().join("none")).faults[0].contains("cannot be read"));
    }
}
