//! The search for a model's files: in the model directory, or in the only folder in it. `LoadContext` and the checks of
//! the command line call it.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Expected, LISTED, Result, listed, quoted},
    files,
    tasks::ClassLabels,
};

/// The maximum size of a file of class labels in bytes: far more than any model has.
const MAX_LABELS: usize = 64 << 20;

/// Returns the path of a file inside the model directory, or inside the only folder of that directory.
///
/// # Errors
/// Returns an error if the file does not exist, or if it is not a regular file.
pub(crate) fn file_in(dir: &Path, name: &Path) -> Result<PathBuf> {
    match Search::new(dir, name) {
        Search::Found(path) => Ok(path),
        Search::Odd(error) | Search::Missing(error) => Err(error),
    }
}

/// Returns the path of a file as [`file_in`] does; `None` if it does not exist.
#[cfg(any(feature = "candle", feature = "cli"))]
pub(crate) fn file_if_any(dir: &Path, name: &Path) -> Option<Result<PathBuf>> {
    match Search::new(dir, name) {
        Search::Found(path) => Some(Ok(path)),
        Search::Odd(error) => Some(Err(error)),
        Search::Missing(_) => None,
    }
}

/// Returns the only file inside the model directory, or inside the only folder of that directory, whose name ends with this
/// extension.
///
/// # Errors
/// Returns an error if there is none or if there are several.
pub(crate) fn only_file_in(dir: &Path, extension: &str) -> Result<PathBuf> {
    let within = |dir: &Path| -> Vec<PathBuf> {
        let paths = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let fits = |path: &PathBuf| path.extension().is_some_and(|end| end.eq_ignore_ascii_case(extension));
        paths.filter(|path| fits(path) && !is_system_file(path) && path.is_file()).collect()
    };
    let mut found = within(dir);
    if found.is_empty()
        && let Some(only) = Entries::of(dir, dir).ok().and_then(|entries| entries.only)
    {
        found = within(&only);
    }
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        // The message lists what is there instead.
        (None, _) => file_in(dir, Path::new(&format!("*.{extension}"))),
        (Some(_), more) => {
            let place = format!("one file *.{extension} in the model directory '{}'", dir.display());
            Err(Expected::new(place, more + 1).to_string().into())
        }
    }
}

/// The files of a model in a directory, for a program that looks at them before an engine loads the model.
///
/// ```no_run
/// use chariot_engine::{Engine, model::ModelFiles, settings::Environment};
///
/// let dir = Engine::model_dir(&Environment::process());
/// let has_labels = ModelFiles::new(dir).file("class_labels.json").is_ok();
/// ```
#[derive(Clone, Debug)]
pub struct ModelFiles(PathBuf);

impl ModelFiles {
    /// Creates a view of the files in this directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        ModelFiles(dir.into())
    }

    /// Returns the path of a file as [`LoadContext::file`](super::LoadContext::file) does.
    ///
    /// # Errors
    /// Returns the errors of that function.
    pub fn file(&self, name: impl AsRef<Path>) -> Result<PathBuf> {
        file_in(&self.0, name.as_ref())
    }

    /// Returns the only file with this extension, as [`LoadContext::only_file`](super::LoadContext::only_file) does.
    ///
    /// # Errors
    /// Returns the errors of that function.
    pub fn only_file(&self, extension: &str) -> Result<PathBuf> {
        only_file_in(&self.0, extension)
    }
}

/// Reads a file of class labels.
///
/// # Errors
/// Returns an error if the file cannot be read, or if it is not a list of labels.
pub(crate) fn read_labels(path: &Path) -> Result<ClassLabels> {
    let Some(bytes) = files::read_up_to(path, MAX_LABELS)? else {
        return Err(Expected::new("a file of at most 64 MiB", "a larger file").to_string().into());
    };
    Ok(ClassLabels::from_json(&String::from_utf8(bytes)?)?)
}

/// The result of a search for a file.
enum Search {
    Found(PathBuf),
    /// It is not a regular file.
    Odd(Error),
    Missing(Error),
}

impl Search {
    fn new(dir: &Path, name: &Path) -> Self {
        let path = dir.join(name);
        if path.is_file() {
            return Search::Found(path);
        }
        let (shown, place) = (name.display(), dir.display());
        let mut entries = match Entries::of(dir, dir) {
            Ok(entries) => entries,
            Err(error) => {
                let advice = "set CHARIOT_ENGINE_MODEL_DIR to the directory of the model's files";
                let why = format!("the model directory '{place}' cannot be read: {error}; {advice}");
                return Search::Missing(format!("file '{shown}' not found: {why}").into());
            }
        };
        let mut kind = files::odd_kind(&path);
        if let Some(only) = entries.only.take() {
            let path = only.join(name);
            if path.is_file() {
                return Search::Found(path);
            }
            kind = kind.or_else(|_| files::odd_kind(&path));
            // A single folder stands for the directory, so the message lists its contents.
            if let Ok(within) = Entries::of(&only, dir)
                && within.count > 0
            {
                entries = within;
            }
        }
        if let Ok(Some(kind)) = kind {
            let fault = files::not_regular(kind);
            return Search::Odd(format!("file '{shown}' in the model directory '{place}': {fault}").into());
        }
        Search::Missing(format!("file '{shown}' not found in the model directory '{place}', which {entries}").into())
    }
}

/// Returns `true` for an entry that is not the model's: a file of the system that packed the archive, or of the volume.
pub(crate) fn is_system_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name == "__MACOSX" || name == "lost+found"
}

/// The entries of a directory, as a message lists them. A directory of any size takes the same memory.
struct Entries {
    /// The names of the first entries, sorted, relative to the model directory. One that is not a regular file has its
    /// kind.
    first: Vec<String>,
    count: usize,
    /// The only entry, apart from those of the system.
    only: Option<PathBuf>,
}

impl Entries {
    /// Lists a directory within the model directory.
    fn of(dir: &Path, model_dir: &Path) -> std::io::Result<Self> {
        let (mut first, mut count) = (BTreeSet::new(), 0);
        let (mut only, mut own) = (None, 0);
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            count += 1;
            if !is_system_file(&path) {
                own += 1;
                only = (own == 1).then(|| path.clone());
            }
            first.insert(path);
            if first.len() > LISTED {
                first.pop_last();
            }
        }
        let shown = |path: PathBuf| {
            let name = quoted(&path.strip_prefix(model_dir).unwrap_or(&path).to_string_lossy());
            match files::odd_kind(&path) {
                Ok(Some(kind)) => format!("{name} ({kind})"),
                _ => name,
            }
        };
        Ok(Entries { first: first.into_iter().map(shown).collect(), count, only })
    }
}

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            0 => f.write_str("is empty"),
            count => {
                let others = std::iter::repeat_n("", count - self.first.len());
                write!(f, "contains {}", listed(self.first.iter().map(String::as_str).chain(others), ", "))
            }
        }
    }
}
