//! Values from files: `API_KEY_FILE=/run/secrets/api-key`, as Docker and Kubernetes mount secrets. The reader calls it.

use std::path::Path;

use crate::{
    error::{Expected, quoted_up_to},
    files,
};

/// The number of characters of a path that a message shows.
const MAX_PATH: usize = 512;

/// The maximum size of a file in bytes, which is that of a Kubernetes secret.
const MAX_BYTES: usize = 1 << 20;

/// The byte order mark, which editors of Windows write in front of a text.
const MARK: char = '\u{feff}';

/// Returns a path as messages show it.
pub(super) fn shown(path: &str) -> String {
    quoted_up_to(path, MAX_PATH)
}

/// Returns the contents of a file without a byte order mark and trailing whitespace, or the reason why it cannot be read, which never contains
/// any of the contents.
pub(super) fn contents(path: &str) -> Result<String, String> {
    let shown = shown(path);
    let read = files::read_up_to(Path::new(path), MAX_BYTES);
    let Some(bytes) = read.map_err(|error| format!("cannot read file {shown}: {error}"))? else {
        return Err(Expected::new("a file of at most 1 MiB", format_args!("a larger file {shown}")).into());
    };
    let mut text = String::from_utf8(bytes)
        .map_err(|_| String::from(Expected::new("UTF-8", format_args!("invalid bytes in {shown}"))))?;
    text.truncate(text.trim_end().len());
    if text.starts_with(MARK) {
        text.drain(..MARK.len_utf8());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_text_of_bounded_size() {
        let dir = tempfile::tempdir().unwrap();
        let written = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            contents(path.to_str().unwrap())
        };
        assert_eq!(written("key", b" se same \r\n\n"), Ok(" se same".into()));
        assert_eq!(written("marked", "\u{feff}sesame\r\n".as_bytes()), Ok("sesame".into()));
        assert_eq!(written("blank", b" \n"), Ok(String::new()));
        assert_eq!(written("most", &vec![b'a'; MAX_BYTES]).map(|text| text.len()), Ok(MAX_BYTES));
        let mut messages = String::new();
        for (case, error) in [
            ("too large", written("large", &vec![b'a'; MAX_BYTES + 1]).unwrap_err()),
            ("not UTF-8", written("garbled", b"sesame \xff").unwrap_err()),
            ("a directory", contents(dir.path().to_str().unwrap()).unwrap_err()),
            ("missing", contents("no/such\nfile").unwrap_err()),
        ] {
            assert!(!error.contains("sesame"), "{error}");
            messages += &format!("{case} → {}\n", error.replace(dir.path().to_str().unwrap(), "<dir>"));
        }
        insta::assert_snapshot!("files", messages);
    }
}
