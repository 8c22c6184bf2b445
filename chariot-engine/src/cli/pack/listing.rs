//! The files of a model directory that go into its archive. A name there can neither be absolute nor lead out of the
//! folder in which the archive is unpacked, and no link is packed, only the file that it leads to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{error::quoted, model::is_system_file};

/// A file that goes into the archive.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackedFile {
    /// The name, with `/` between folders.
    pub(super) name: String,
    /// The path of the file.
    pub(super) path: PathBuf,
    /// The size.
    pub(super) bytes: u64,
}

/// The content of a model directory.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The files, sorted by name.
    pub(super) files: Vec<PackedFile>,
    /// The names of hidden files and folders, which are not the model's: the engine ignores them too.
    pub(super) skipped: Vec<String>,
}

impl Listing {
    /// Lists a model directory.
    ///
    /// # Errors
    /// All faults: a directory that cannot be read or has no files, names that the archive cannot hold, entries that are
    /// neither files nor folders, links to folders, and, without `follow_links`, links that lead outside.
    pub(super) fn of(dir: &Path, follow_links: bool) -> Result<Self, Vec<String>> {
        let advice = "set the directory with --model-dir or CHARIOT_ENGINE_MODEL_DIR";
        let unread = |error| vec![format!("cannot read the model directory '{}': {error}; {advice}", dir.display())];
        let root = fs::canonicalize(dir).map_err(unread)?;
        fs::read_dir(&root).map_err(unread)?;
        let mut walk = Walk { root, follow_links, listing: Listing::default(), faults: Vec::new() };
        walk.visit(dir, "");
        let Walk { mut listing, mut faults, .. } = walk;
        if faults.is_empty() && listing.files.is_empty() {
            let hint = "a model that reads no files still needs an archive on the platform, with a README for example";
            faults.push(format!("'{}' contains no files; {advice}; {hint}", dir.display()));
        }
        listing.files.sort();
        listing.skipped.sort();
        if faults.is_empty() { Ok(listing) } else { Err(faults) }
    }

    /// Returns the folder that holds all files, if there is one.
    pub(super) fn only_folder(&self) -> Option<&str> {
        let (folder, _) = self.files.first()?.name.split_once('/')?;
        self.files.iter().all(|file| file.name.split_once('/').is_some_and(|(top, _)| top == folder)).then_some(folder)
    }
}

struct Walk {
    /// The directory without links.
    root: PathBuf,
    follow_links: bool,
    listing: Listing,
    faults: Vec<String>,
}

impl Walk {
    /// Lists a folder, whose names begin with `prefix`.
    fn visit(&mut self, folder: &Path, prefix: &str) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.faults.push(format!("cannot read '{}': {error}", folder.display())),
        };
        for entry in entries {
            let added = entry
                .map_err(|error| format!("cannot read '{}': {error}", folder.display()))
                .and_then(|entry| self.add(&entry, prefix));
            if let Err(fault) = added {
                self.faults.push(fault);
            }
        }
    }

    fn add(&mut self, entry: &fs::DirEntry, prefix: &str) -> Result<(), String> {
        let path = entry.path();
        let name = entry.file_name();
        let shown = format!("{prefix}{}", name.to_string_lossy());
        if is_system_file(&path) {
            self.listing.skipped.push(shown);
            return Ok(());
        }
        let shown = quoted(&shown);
        let name = name.to_str().filter(|name| !name.chars().any(|c| c.is_control() || c == '\\'));
        let name =
            name.ok_or_else(|| format!("{shown}: expected a name in UTF-8 without '\\' and control characters"))?;
        let name = format!("{prefix}{name}");
        let unread = |error| format!("cannot read {shown}: {error}");
        let kind = entry.file_type().map_err(unread)?;
        if kind.is_dir() {
            self.visit(&path, &format!("{name}/"));
            return Ok(());
        }
        // Of the file that a link leads to.
        let file = fs::metadata(&path).map_err(unread)?;
        if file.is_dir() {
            return Err(format!(
                "{shown}: expected a file or a folder, got a link to a folder; put the folder in its place"
            ));
        }
        if !file.is_file() {
            return Err(format!("{shown}: expected a file or a folder"));
        }
        if kind.is_symlink() && !self.follow_links && !fs::canonicalize(&path).map_err(unread)?.starts_with(&self.root)
        {
            let advice = "put the file in its place, or pack what it leads to with --follow-links";
            return Err(format!(
                "{shown}: expected a file, got a link that leads out of the model directory; {advice}"
            ));
        }
        self.listing.files.push(PackedFile { name, path, bytes: file.len() });
        Ok(())
    }
}
