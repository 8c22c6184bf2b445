//! The seeds of a target: the files of `corpus/<target>`. Sessions start from them, and the tests run each of them.

use std::{fs, io, path::PathBuf};

/// Returns the folder with the seeds of a target.
pub fn directory(target: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")).join(target)
}

/// Returns the seeds of a target with their names, sorted by name.
///
/// # Errors
/// Returns an error if a seed cannot be read.
pub fn seeds(target: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut seeds = Vec::new();
    for entry in fs::read_dir(directory(target))? {
        let entry = entry?;
        seeds.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
    }
    seeds.sort();
    Ok(seeds)
}
