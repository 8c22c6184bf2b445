//! Files that others have put in place for the engine: values of settings, and the files of a model. `settings`, `model`
//! and `engine` open them here, regular files only: opening a named pipe can wait forever, and opening a device can set
//! it in motion.

use std::{
    fs::{self, File, FileType},
    io::{self, ErrorKind, Read},
    path::Path,
};

use crate::error::Expected;

/// Opens a regular file.
///
/// # Errors
/// Returns the error of the system, or one that says what else the path leads to.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    match odd_kind(path)? {
        Some(kind) => Err(io::Error::new(ErrorKind::InvalidInput, not_regular(kind))),
        None => File::open(path),
    }
}

/// Reads a regular file of at most `limit` bytes. Returns `None` if it is larger.
///
/// # Errors
/// Returns the errors of [`open`], and those of reading.
pub(crate) fn read_up_to(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= limit).then_some(bytes))
}

/// Returns the kind of the file that a path leads to, with its article; `None` if it is a regular file. Opens nothing.
///
/// # Errors
/// Returns the error of the system: the file may not exist.
pub(crate) fn odd_kind(path: &Path) -> io::Result<Option<&'static str>> {
    match fs::metadata(path) {
        Ok(file) => Ok(kind_of(file.file_type())),
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => Ok(Some("a dangling link")),
        Err(error) => Err(error),
    }
}

/// Returns the message about a file of this kind.
pub(crate) fn not_regular(kind: &str) -> String {
    Expected::new("a regular file", kind).into()
}

fn kind_of(kind: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("a named pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    match () {
        () if kind.is_file() => None,
        () if kind.is_dir() => Some("a folder"),
        () => Some("a special file"),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("file"), "text").unwrap();
        fs::create_dir(path("folder")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(made.success());
        let _socket = UnixListener::bind(path("socket")).unwrap();
        let links =
            [("to-file", "file"), ("to-pipe", "pipe"), ("to-nothing", "none"), ("loop", "loop"), ("null", "/dev/null")];
        links.iter().for_each(|(link, target)| symlink(target, path(link)).unwrap());
        for name in ["file", "to-file"] {
            assert_eq!(read_up_to(&path(name), 4).unwrap().as_deref(), Some(&b"text"[..]));
            assert_eq!(read_up_to(&path(name), 3).unwrap(), None);
        }
        let mut messages = String::new();
        for name in ["folder", "pipe", "to-pipe", "socket", "to-nothing", "null", "none", "loop"] {
            messages += &format!("{name} → {}\n", open(&path(name)).unwrap_err());
        }
        insta::assert_snapshot!("odd_files", messages);
    }
}
