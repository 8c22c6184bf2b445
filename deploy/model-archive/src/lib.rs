//! The archive of a model directory that the platform's `import_model` takes. The binary makes one at a command line,
//! and the tests of examples make their own.

use std::{
    error::Error,
    fmt,
    fs::{self, File},
    io::{self, Seek, Write},
    path::{Path, PathBuf},
};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// Why there is no archive.
#[derive(Debug)]
pub struct ArchiveError {
    path: PathBuf,
    text: String,
}

impl ArchiveError {
    fn new(path: &Path, text: impl fmt::Display) -> Self {
        ArchiveError { path: path.to_path_buf(), text: text.to_string() }
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}': {}", self.path.display(), self.text)
    }
}

impl Error for ArchiveError {}

/// Writes all files of a model directory into a zip archive: at its top, or in one folder there if `top_folder` names it.
///
/// The same files make the same bytes: they stand in the order of their names, without their times, and as they are,
/// since weights hardly compress. An archive may be larger than 4 GiB.
///
/// # Errors
/// A directory that cannot be read or holds no file, something in it that is neither a file nor a folder, a name that is
/// not UTF-8, and a top folder whose name is a path.
///
/// ```
/// use std::{fs, io::Cursor};
///
/// let model = tempfile::tempdir()?;
/// fs::write(model.path().join("class_labels.json"), r#"["cat", "dog"]"#)?;
/// let mut archive = Cursor::new(Vec::new());
/// model_archive::write(model.path(), Some("pets"), &mut archive)?;
/// assert!(archive.into_inner().starts_with(b"PK"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write(model_dir: &Path, top_folder: Option<&str>, archive: impl Write + Seek) -> Result<(), ArchiveError> {
    let top = match top_folder {
        None => String::new(),
        Some("" | "." | "..") => {
            return Err(ArchiveError::new(Path::new("--top-folder"), "the name of a folder is expected"));
        }
        Some(name) if name.contains(['/', '\\']) => {
            return Err(ArchiveError::new(Path::new(name), "the name of a folder is expected, a path came"));
        }
        Some(name) => format!("{name}/"),
    };
    let mut files = Vec::new();
    list(model_dir, &top, &mut files)?;
    if files.is_empty() {
        return Err(ArchiveError::new(model_dir, "a directory with the model's files is expected, it holds none"));
    }
    files.sort();
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(archive);
    for (name, path) in files {
        let add = || -> io::Result<()> {
            let mut file = File::open(&path)?;
            let beyond_4_gib = file.metadata()?.len() >= u32::MAX.into();
            archive.start_file(name, options.large_file(beyond_4_gib))?;
            io::copy(&mut file, &mut archive)?;
            Ok(())
        };
        add().map_err(|error| ArchiveError::new(&path, error))?;
    }
    archive.finish().map_err(|error| ArchiveError::new(model_dir, error))?;
    Ok(())
}

/// Adds the files of a directory, and of those in it, to `files`: the name in the archive, which begins with `prefix`,
/// and the path.
fn list(directory: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), ArchiveError> {
    let unread = |error| ArchiveError::new(directory, error);
    for entry in fs::read_dir(directory).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let path = entry.path();
        let name = entry.file_name().into_string();
        let name = name.map_err(|_| ArchiveError::new(&path, "a name in UTF-8 is expected"))?;
        let name = format!("{prefix}{name}");
        // A link to a file is that file; a link to a folder may lead back to where it stands.
        if entry.file_type().map_err(unread)?.is_dir() {
            list(&path, &format!("{name}/"), files)?;
        } else if path.is_file() {
            files.push((name, path));
        } else {
            return Err(ArchiveError::new(&path, "a file or a folder is expected"));
        }
    }
    Ok(())
}
