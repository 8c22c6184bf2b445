//! `pack`: makes the archive of the model's files that the platform imports, after checks of what the platform or the
//! engine would trip over.
//!
//! | file | holds |
//! |---|---|
//! | `listing` | the files that go into the archive |
//! | `archive` | the archive, as `.zip` and as `.tar.gz` |

mod archive;
mod listing;

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{self, Path, PathBuf},
    process::ExitCode,
};

use bytesize::ByteSize;

use self::{
    archive::{Kind, write},
    listing::Listing,
};
use super::{
    arguments::Pack,
    files::Files,
    labels::Labels,
    output::{note, print},
};
use crate::{
    engine::EngineBuilder,
    error::{Expected, quoted},
    settings::Environment,
};

/// The exit code if there is no archive.
const FAILED: u8 = 1;

/// The number of files that are named.
const NAMED_FILES: usize = 5;

pub(super) fn pack(builder: &EngineBuilder, options: &Pack) -> ExitCode {
    let given = options.model_dir.as_ref().map(|dir| path::absolute(dir).unwrap_or_else(|_| dir.clone()));
    let dir = given.unwrap_or_else(|| builder.model_root(&Environment::process()));
    match packed(builder, options, &dir) {
        Ok(text) => print(&text),
        Err(faults) => {
            faults.iter().for_each(|fault| note("error", fault));
            ExitCode::from(FAILED)
        }
    }
}

/// Writes the archive, and returns a line about it.
///
/// # Errors
/// All faults of the files, or one of the archive.
fn packed(builder: &EngineBuilder, options: &Pack, dir: &Path) -> Result<String, Vec<String>> {
    let archive = &options.archive;
    let one = |fault: String| vec![fault];
    let kind = Kind::of(archive).map_err(one)?;
    let top = options.top_folder.as_deref().map(top_folder).transpose().map_err(one)?;
    // The next run would include it as a model file.
    let parent = archive.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let (Ok(parent), Ok(dir)) = (parent.canonicalize(), dir.canonicalize())
        && parent.starts_with(dir)
    {
        let expected =
            Expected::new("an archive outside of the model directory", quoted(&archive.display().to_string()));
        return Err(one(expected.into()));
    }
    if !options.force && archive.exists() {
        return Err(one(format!("'{}' exists; replace it with --force", archive.display())));
    }
    let listing = Listing::of(dir, options.follow_links)?;
    let faults = Files::in_dir(dir).faults;
    if !faults.is_empty() {
        return Err(faults);
    }
    if let (Some(top), Some(folder)) = (top, listing.only_folder()) {
        let text = format!("'{}' holds one folder, '{folder}', which would be within '{top}'", dir.display());
        return Err(one(format!("{text}: the engine looks into one folder; leave --top-folder out")));
    }
    let shown = |names: &[&str]| {
        let mut named: Vec<String> = names.iter().take(NAMED_FILES).map(|name| (*name).to_string()).collect();
        if names.len() > NAMED_FILES {
            named.push(format!("and {} more", names.len() - NAMED_FILES));
        }
        named.join(", ")
    };
    if !listing.skipped.is_empty() {
        let skipped: Vec<&str> = listing.skipped.iter().map(String::as_str).collect();
        note("note", format_args!("hidden files and folders are left out: {}", shown(&skipped)));
    }
    if let Some(warning) = Labels::in_dir(builder, dir).warning {
        note("warning", warning);
    }
    let written = replace(archive, |file| write(kind, &listing.files, top, file));
    written.map_err(|error| one(format!("'{}': {error}", archive.display())))?;
    let names: Vec<&str> = listing.files.iter().map(|file| file.name.as_str()).collect();
    let bytes = ByteSize(listing.files.iter().map(|file| file.bytes).sum()).display().iec();
    Ok(format!("'{}' contains {bytes}: {}\n", archive.display(), shown(&names)))
}

/// Checks the name of the folder at the top of the archive.
fn top_folder(name: &str) -> Result<&str, String> {
    match name {
        "" | "." | ".." => Err(Expected::new("the name of a folder for --top-folder", quoted(name)).into()),
        // The engine takes hidden folders for the system's.
        _ if name.contains(['/', '\\']) || name.chars().any(char::is_control) || name.starts_with('.') => {
            Err(Expected::new("the name of a folder for --top-folder", quoted(name)).into())
        }
        _ => Ok(name),
    }
}

/// Writes a file beside its place and then moves it there, so that a failure leaves what was there.
fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.partial", std::process::id()));
    let partial: PathBuf = path.with_file_name(name);
    let mut file = BufWriter::new(File::create_new(&partial)?);
    let moved = write(&mut file).and_then(|()| file.flush()).and_then(|()| fs::rename(&partial, path));
    if moved.is_err() {
        // The error of the write is the one that matters.
        let _ = fs::remove_file(&partial);
    }
    moved
}
