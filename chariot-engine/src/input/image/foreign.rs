//! Names of formats that are recognized and not decoded, so that a caller reads what is wrong. `decode` asks for them.

/// Returns the name of a format that is not decoded, with its article.
pub(super) fn name(bytes: &[u8]) -> Option<&'static str> {
    let starts = |head: &[u8]| bytes.starts_with(head);
    let text = || {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        text.trim_ascii_start()
    };
    Some(match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.first_chunk::<4>()? {
            b"avif" | b"avis" => "an AVIF image",
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => "a HEIC image",
            b"crx " => "a raw photograph",
            _ => "a video",
        },
        _ if starts(b"\xff\x0a") || starts(b"\0\0\0\x0cJXL \r\n\x87\n") => "a JPEG XL image",
        _ if starts(b"\xff\x4f\xff\x51") || starts(b"\0\0\0\x0cjP  \r\n\x87\n") => "a JPEG 2000 image",
        _ if starts(b"II\xbc\x01") => "a JPEG XR image",
        _ if starts(b"%PDF-") => "a PDF document",
        _ if starts(b"%!PS") || starts(b"\xc5\xd0\xd3\xc6") => "a PostScript document",
        _ if starts(b"8BPS") => "a Photoshop document",
        _ if starts(b"\0\0\x01\0") || starts(b"\0\0\x02\0") => "an icon",
        _ if starts(b"v/1\x01") => "an OpenEXR image",
        _ if starts(b"#?RADIANCE") || starts(b"#?RGBE") => "a Radiance HDR image",
        _ if starts(b"BA") && bytes.get(14..16) == Some(b"BM") => "an OS/2 bitmap array",
        _ if starts(b"qoif") => "a QOI image",
        _ if starts(b"DDS ") => "a DDS texture",
        _ if starts(b"farbfeld") => "a farbfeld image",
        _ if starts(b"\x8aMNG\r\n\x1a\n") || starts(b"\x8bJNG\r\n\x1a\n") => "an MNG or JNG image",
        _ if starts(b"gimp xcf ") => "a GIMP image",
        _ if starts(b"FUJIFILMCCD-RAW") || starts(b"IIRO") || starts(b"IIU\0") => "a raw photograph",
        _ if starts(b"\x1a\x45\xdf\xa3") => "a video",
        _ if matches!(bytes, [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n', ..]) => "a PNM image",
        _ if bytes.get(128..132) == Some(b"DICM") => "a DICOM file",
        _ if is_svg(text()) => "an SVG drawing",
        _ => return None,
    })
}

/// Returns `true` if a text begins as an SVG drawing does. An XML file may have comments and a document type first.
fn is_svg(text: &[u8]) -> bool {
    let head = &text[..text.len().min(1024)];
    let is_xml = [&b"<?xml"[..], b"<!--", b"<!DOCTYPE svg"].iter().any(|start| head.starts_with(start));
    head.starts_with(b"<svg") || (is_xml && head.windows(4).any(|window| window == b"<svg"))
}
