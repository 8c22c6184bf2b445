//! The seeds of a target: the files of `corpus/<target>`. The session starts from them, and the tests run every one.

use std::{fs, io, path::PathBuf};

/// Where the seeds of a target are.
pub fn directory(target: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")).join(target)
}

/// The seeds of a target by their names, in the order of these.
///
/// # Errors
/// They cannot be read.
pub fn seeds(target: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut seeds = Vec::new();
    for entry in fs::read_dir(directory(target))? {
        let entry = entry?;
        seeds.push((entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?));
    }
    seeds.sort();
    Ok(seeds)
}
