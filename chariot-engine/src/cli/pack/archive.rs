//! The archives that the platform imports. The same files make the same bytes, wherever and whenever they were written:
//! they are in the order of their names, and have neither times nor owners.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::Path,
};

use flate2::{Compression, GzBuilder};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::listing::PackedFile;
use crate::error::{Expected, quoted};

/// 1980-01-01, the earliest time in a zip archive. `tar` warns of the year 1970.
const TIME: u64 = 315_532_800;

/// The permissions of every file.
const MODE: u32 = 0o644;

/// The kind of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `.zip`
    Zip,
    /// `.tar.gz`
    TarGz,
}

impl Kind {
    /// Returns the kind that the name of an archive ends in.
    ///
    /// # Errors
    /// Another ending.
    pub(super) fn of(path: &Path) -> Result<Self, String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let has = |ending| name.strip_suffix(ending).is_some_and(|name| !name.is_empty());
        match (has(".zip"), has(".tar.gz")) {
            (true, _) => Ok(Kind::Zip),
            (_, true) => Ok(Kind::TarGz),
            _ => {
                Err(Expected::new("an archive that ends in .zip or .tar.gz", quoted(&path.display().to_string()))
                    .into())
            }
        }
    }
}

/// Writes an archive of these files, at its top level or in the folder `top`.
pub(super) fn write(
    kind: Kind,
    files: &[PackedFile],
    top: Option<&str>,
    archive: &mut (impl Write + Seek),
) -> io::Result<()> {
    let named = |file: &PackedFile| top.map_or_else(|| file.name.clone(), |top| format!("{top}/{}", file.name));
    match kind {
        Kind::Zip => zip(files, named, archive),
        Kind::TarGz => tar_gz(files, named, archive),
    }
}

fn zip(
    files: &[PackedFile],
    named: impl Fn(&PackedFile) -> String,
    archive: &mut (impl Write + Seek),
) -> io::Result<()> {
    // Not compressed, since weights hardly compress and take minutes; .tar.gz compresses.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(MODE);
    let mut archive = ZipWriter::new(archive);
    for file in files {
        archive.start_file(named(file), options.large_file(file.bytes >= u32::MAX.into()))?;
        whole(file, |reader| io::copy(reader, &mut archive).map(drop))?;
    }
    archive.finish()?;
    Ok(())
}

fn tar_gz(files: &[PackedFile], named: impl Fn(&PackedFile) -> String, archive: &mut impl Write) -> io::Result<()> {
    // Without a time and the name of a system.
    let gzip = GzBuilder::new().write(archive, Compression::fast());
    let mut archive = tar::Builder::new(gzip);
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(file.bytes);
        header.set_mode(MODE);
        header.set_mtime(TIME);
        header.set_uid(0);
        header.set_gid(0);
        whole(file, |reader| archive.append_data(&mut header, named(file), reader))?;
    }
    archive.into_inner()?.finish()?;
    Ok(())
}

/// Gives the content of a file to `write`.
///
/// # Errors
/// A file whose size is no longer that of the listing: its header would be wrong.
fn whole(file: &PackedFile, write: impl FnOnce(&mut dyn Read) -> io::Result<()>) -> io::Result<()> {
    let at = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", quoted(&file.name)));
    let mut reader = File::open(&file.path).map_err(at)?.take(file.bytes);
    write(&mut reader).map_err(at)?;
    let missing = reader.limit();
    let more = reader.into_inner().read(&mut [0]).map_err(at)?;
    if missing > 0 || more > 0 {
        return Err(at(io::Error::other("the file changed while it was packed")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{io::Cursor, path::PathBuf};

    use super::*;

    #[test]
    fn a_kind_is_the_end_of_a_name() {
        assert_eq!(Kind::of(Path::new("a/model.zip")), Ok(Kind::Zip));
        assert_eq!(Kind::of(Path::new("a.b.tar.gz")), Ok(Kind::TarGz));
        for other in ["model", "model.tgz", "model.tar", "model.ZIP", ".zip", ".tar.gz", "model.zip/..", ""] {
            assert!(Kind::of(Path::new(other)).is_err(), "{other}");
        }
    }

    #[test]
    fn a_file_that_changes_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weights");
        std::fs::write(&path, "1234").unwrap();
        let file = |bytes| [PackedFile { name: "weights".into(), path: PathBuf::from(&path), bytes }];
        for kind in [Kind::Zip, Kind::TarGz] {
            write(kind, &file(4), None, &mut Cursor::new(Vec::new())).unwrap();
            for bytes in [3, 5] {
                let error = write(kind, &file(bytes), None, &mut Cursor::new(Vec::new())).unwrap_err();
                assert!(error.to_string().contains("'weights'"), "{error}");
            }
        }
    }
}
