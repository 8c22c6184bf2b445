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
    path::{Path, PathBuf},
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
    load_time::{impatience, measured},
    output::{first_faults, note, one_line, print},
};
use crate::{
    engine::EngineBuilder,
    error::{Expected, listed, quoted},
    settings::Environment,
};

/// The exit code if there is no archive, other than by configuration.
const FAILED: u8 = 1;

pub(super) fn pack(builder: EngineBuilder, options: &Pack) -> ExitCode {
    let builder = match &options.model_dir {
        Some(dir) => builder.flag("--model-dir", "CHARIOT_ENGINE_MODEL_DIR", dir),
        None => builder,
    };
    match packed(builder, options) {
        Ok(text) => print(&text),
        Err(Fault { texts, code }) => {
            first_faults(texts).iter().for_each(|fault| note("error", fault));
            ExitCode::from(code)
        }
    }
}

/// The faults that leave no archive.
struct Fault {
    texts: Vec<String>,
    /// The exit code.
    code: u8,
}

impl From<Vec<String>> for Fault {
    fn from(texts: Vec<String>) -> Self {
        Fault { texts, code: FAILED }
    }
}

impl From<String> for Fault {
    fn from(text: String) -> Self {
        vec![text].into()
    }
}

/// Writes the archive, and returns a line about it.
fn packed(builder: EngineBuilder, options: &Pack) -> Result<String, Fault> {
    let (archive, dir) = (&options.archive, &*builder.model_root(&Environment::process()));
    let kind = Kind::of(archive)?;
    let top = options.top_folder.as_deref().map(top_folder).transpose()?;
    check_place(archive, dir, options.force)?;
    let listing = Listing::of(dir, options.follow_links)?;
    let faults = Files::in_dir(dir).faults;
    if !faults.is_empty() {
        return Err(faults.into());
    }
    if let (Some(top), Some(folder)) = (top, listing.only_folder())
        && !builder.is_model_folder(folder)
    {
        let text = format!("'{}' holds one folder, '{folder}', which would be within '{top}'", dir.display());
        return Err(format!("{text}: the engine looks into one folder; leave --top-folder out").into());
    }
    if !listing.skipped.is_empty() {
        note("note", format_args!("hidden files and folders are left out: {}", listed(&listing.skipped, ", ")));
    }
    if let Some(warning) = Labels::in_dir(&builder, dir).warning {
        note("warning", warning);
    }
    if !options.no_load {
        load(builder)?;
    }
    let written = replace(archive, |file| write(kind, &listing.files, top, file));
    written.map_err(|error| format!("'{}': {error}", archive.display()))?;
    let bytes = ByteSize(listing.files.iter().map(|file| file.bytes).sum()).display().iec();
    let names = listed(listing.files.iter().map(|file| &file.name), ", ");
    Ok(one_line(format!("'{}' contains {bytes}: {names}", archive.display())) + "\n")
}

/// Checks that the archive may be written where it is to be.
fn check_place(archive: &Path, dir: &Path, force: bool) -> Result<(), String> {
    let parent = archive.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The next run would include it as a model file.
    if let (Ok(parent), Ok(dir)) = (parent.canonicalize(), dir.canonicalize())
        && parent.starts_with(dir)
    {
        let got = quoted(&archive.display().to_string());
        return Err(Expected::new("an archive outside of the model directory", got).into());
    }
    if !force && archive.exists() {
        return Err(format!("'{}' exists; replace it with --force", archive.display()));
    }
    Ok(())
}

/// Loads the models as a start would: only that tells which files the engine needs.
fn load(builder: EngineBuilder) -> Result<(), Fault> {
    let time = measured(builder).map_err(|error| Fault {
        code: error.exit_code(),
        texts: vec![format!("the engine does not start with these files: {error}; pack them unloaded with --no-load")],
    })?;
    if let Some(why) = impatience(time) {
        note("warning", format_args!("the model took {:.1} s to load; {why}", time.as_secs_f64()));
    }
    Ok(())
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
