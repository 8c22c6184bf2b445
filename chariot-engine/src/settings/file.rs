//! Values that stand in files: `API_KEY_FILE=/run/secrets/api-key`, as Docker and Kubernetes mount secrets. The reader
//! calls it.

use std::{fs::File, io::Read};

use crate::error::quoted_up_to;

/// The number of characters that a message shows of a path.
pub(super) const LONGEST_PATH: usize = 512;

/// The most that a file may hold, in bytes: as much as a secret of Kubernetes.
const MOST: usize = 1 << 20;

/// What a file holds, without blanks at its end, or why it cannot be read. Nothing of what it holds is ever in the
/// reason.
pub(super) fn contents(path: &str) -> Result<String, String> {
    let shown = quoted_up_to(path, LONGEST_PATH);
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("the file {shown} cannot be read: {error}"))?;
    if bytes.len() > MOST {
        return Err(format!("a file of at most 1MiB is expected, {shown} is larger"));
    }
    let mut text =
        String::from_utf8(bytes).map_err(|_| format!("text in UTF-8 is expected, {shown} holds something else"))?;
    text.truncate(text.trim_end().len());
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
        assert_eq!(written("blank", b" \n"), Ok(String::new()));
        assert_eq!(written("most", &vec![b'a'; MOST]).map(|text| text.len()), Ok(MOST));
        let large = written("large", &vec![b'a'; MOST + 1]).unwrap_err();
        assert!(large.starts_with("a file of at most 1MiB is expected, '"), "{large}");
        let garbled = written("garbled", b"sesame \xff").unwrap_err();
        assert!(garbled.starts_with("text in UTF-8 is expected") && !garbled.contains("sesame"), "{garbled}");
        let dir = contents(dir.path().to_str().unwrap()).unwrap_err();
        assert!(dir.contains("cannot be read: Is a directory"), "{dir}");
        let missing = contents("no/such\nfile").unwrap_err();
        assert!(missing.starts_with(r"the file 'no/such\nfile' cannot be read: No such file"), "{missing}");
    }
}
