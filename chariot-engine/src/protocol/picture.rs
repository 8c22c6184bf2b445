//! The first bytes of image files, by which a body without a media type is recognized. Used to find the format of a body.

/// Returns the media type of an image file that starts like this, or `None` for any other bytes.
pub(super) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "image/gif",
        // 42 is TIFF, 43 is its form for files over 4 GiB.
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => "image/tiff",
        // Two letters alone would also match texts. Four bytes after the size of the file are reserved and zero.
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => "image/bmp",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_recognized_by_their_first_bytes() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"RIFF\x20\0\0\0WEBPVP8L", Some("image/webp")),
            (b"GIF89a", Some("image/gif")),
            (b"GIF87a", Some("image/gif")),
            (b"II*\0\x08", Some("image/tiff")),
            (b"MM\0*", Some("image/tiff")),
            (b"II+\0", Some("image/tiff")),
            (b"BM\x66\0\0\0\0\0\0\0\x36", Some("image/bmp")),
            (b"BMW and other words", None),
            (b"RIFF\x20\0\0\0WAVEfmt ", None),
            (b"{\"inputs\": []}", None),
            (b"\x89PNG", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), expected, "{bytes:?}");
        }
    }
}
