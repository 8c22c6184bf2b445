//! The archive of a model directory, in the form that `import_model` of the platform accepts. Used by the binary and by
//! the tests of the examples.

use std::{
    error::Error,
    fmt,
    fs::{self, File},
    io::{self, Seek, Write},
    path::{Path, PathBuf},
};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// An error that prevents the creation of an archive.
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

/// Writes all files of a model directory to a zip archive, at its top level or in the folder `top_folder`.
///
/// The archive is reproducible: the files are in the order of their names and have no timestamps. They are not
/// compressed, because weights hardly compress. An archive can be larger than 4 GiB.
///
/// # Errors
/// Returns an error if the directory cannot be read or has no files, if an entry is neither a file nor a folder, if a
/// name is not UTF-8, or if `top_folder` is a path.
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
            return Err(ArchiveError::new(Path::new("--top-folder"), "expected the name of a folder"));
        }
        Some(name) if name.contains(['/', '\\']) => {
            return Err(ArchiveError::new(Path::new(name), "expected the name of a folder, got a path"));
        }
        Some(name) => format!("{name}/"),
    };
    let mut files = Vec::new();
    list(model_dir, &top, &mut files)?;
    if files.is_empty() {
        return Err(ArchiveError::new(model_dir, "expected a directory with model files, got an empty one"));
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

/// Adds the files of a directory and its folders to `files`, each with its name in the archive, which starts with
/// `prefix`, and its path.
fn list(directory: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), ArchiveError> {
    let unread = |error| ArchiveError::new(directory, error);
    for entry in fs::read_dir(directory).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let path = entry.path();
        let name = entry.file_name().into_string();
        let name = name.map_err(|_| ArchiveError::new(&path, "expected a name in UTF-8"))?;
        let name = format!("{prefix}{name}");
        // A link to a file is followed; a link to a folder could form a cycle.
        if entry.file_type().map_err(unread)?.is_dir() {
            list(&path, &format!("{name}/"), files)?;
        } else if path.is_file() {
            files.push((name, path));
        } else {
            return Err(ArchiveError::new(&path, "expected a file or a folder"));
        }
    }
    Ok(())
}
