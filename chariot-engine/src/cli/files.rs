//! The checks of a model's files: that they exist, can be read, and are neither pointers nor archives.

use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use crate::{error::LISTED, files};

/// The number of files that are opened, which is more than any model has. Further ones are only counted.
const MAX_OPENED: usize = 10_000;

/// The first bytes of a Git LFS pointer.
const POINTER: &[u8] = b"version https://git-lfs";

/// The content of a model directory.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The first files, sorted, as many as a message lists.
    pub(super) first: Vec<PathBuf>,
    /// The number of files.
    pub(super) count: usize,
    /// The size of all files in bytes.
    pub(super) bytes: u64,
    /// The faults, for the operator.
    pub(super) faults: Vec<String>,
    /// The folders, without links: a link can lead back to one.
    folders: BTreeSet<PathBuf>,
}

impl Files {
    /// Checks a directory and everything in it. Paths are relative to it.
    pub(super) fn in_dir(dir: &Path) -> Self {
        let mut files = Files::default();
        files.visit(dir, dir);
        if let ([only], 1) = (&files.first[..], files.count)
            && is_archive(only)
        {
            files.faults.push(format!("'{}' is an archive; unpack it, as the platform does", only.display()));
        }
        files
    }

    fn visit(&mut self, root: &Path, dir: &Path) {
        let entries = fs::canonicalize(dir).and_then(|real| match self.folders.insert(real) {
            true => fs::read_dir(dir).map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect()),
            false => Ok(Vec::new()),
        });
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                return self.faults.push(format!("cannot read directory '{}': {error}", dir.display()));
            }
        };
        entries.sort();
        for path in entries {
            if path.is_dir() {
                self.visit(root, &path);
            } else {
                self.check(path.strip_prefix(root).unwrap_or(&path), &path);
            }
        }
    }

    /// Checks a file, whose path in the directory is `shown`.
    fn check(&mut self, shown: &Path, path: &Path) {
        let mut begin = Vec::new();
        let opened = match self.count < MAX_OPENED {
            true => files::open(path).and_then(|file| {
                let bytes = file.metadata()?.len();
                file.take(POINTER.len() as u64).read_to_end(&mut begin)?;
                Ok(bytes)
            }),
            false => fs::metadata(path).map(|file| file.len()),
        };
        match opened {
            Ok(bytes) => {
                if begin == POINTER {
                    self.faults.push(format!(
                        "'{}' is a Git LFS pointer; fetch the file with `git lfs pull`",
                        shown.display()
                    ));
                }
                self.count += 1;
                self.bytes += bytes;
                self.first.push(shown.to_path_buf());
                self.first.sort();
                self.first.truncate(LISTED);
            }
            Err(error) => self.faults.push(format!("cannot read '{}': {error}", shown.display())),
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
        assert_eq!(files.count, 3);
        assert_eq!(files.first[1], PathBuf::from("top/a"));
        let expected = format!("'{}' ", Path::new("top/model.safetensors").display());
        assert!(files.faults[0].starts_with(&expected), "{files:?}");
        assert_eq!(Files::in_dir(&dir.path().join("none")).faults.len(), 1);
    }
    #[cfg(unix)]
    #[test]
    fn odd_files_are_named_and_folders_are_visited_once() {
        use std::os::unix::fs::symlink;

        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("top")).unwrap();
        (0..LISTED + 2).for_each(|number| fs::write(dir.path().join(format!("top/{number:02}")), "1").unwrap());
        symlink(dir.path(), dir.path().join("top/again")).unwrap();
        symlink(dir.path().join("top"), dir.path().join("zoo")).unwrap();
        let files = Files::in_dir(dir.path());
        assert_eq!((files.count, files.bytes, files.faults.len()), (LISTED + 2, LISTED as u64 + 2, 0));
        assert_eq!(files.first.last(), Some(&PathBuf::from("top/09")));

        let made = std::process::Command::new("mkfifo").arg(dir.path().join("model.safetensors")).status().unwrap();
        assert!(made.success());
        symlink("nothing", dir.path().join("vocabulary")).unwrap();
        insta::assert_snapshot!("odd_files", Files::in_dir(dir.path()).faults.join("\n"));
    }
}
