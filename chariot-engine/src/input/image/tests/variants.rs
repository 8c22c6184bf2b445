//! Every file of the corpus: decoded to the pixels of its reference, or rejected by name. The guide's table says the same.

use std::{collections::BTreeSet, fmt::Write, fs, path::PathBuf};

use super::*;

/// The largest difference of a value from its reference. The decoders of JPEG round differently from libjpeg, and the
/// other differences are of conversions from 16 to 8 bits, or from CMYK.
fn tolerance(format: &str) -> u8 {
    if format == "JPEG" { 3 } else { 1 }
}

pub(super) fn corpus() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/input/image/corpus"))
}

pub(super) struct Variant {
    pub(super) file: String,
    format: String,
    name: String,
    /// The values of the reference, of a variant that is decoded.
    reference: Option<Vec<u8>>,
}

/// Reads the index of the corpus.
pub(super) fn variants() -> Vec<Variant> {
    let index = fs::read_to_string(corpus().join("index.tsv")).unwrap();
    let variant = |line: &str| {
        let [file, format, name, outcome] = *line.split('\t').collect::<Vec<_>>() else { panic!("{line}") };
        let reference = outcome.strip_prefix('=').map(|reference| {
            let pam = fs::read(corpus().join(format!("reference/{reference}.pam"))).unwrap();
            let head = b"ENDHDR\n";
            let at = pam.windows(head.len()).position(|window| window == head).unwrap();
            pam[at + head.len()..].to_vec()
        });
        Variant { file: file.to_owned(), format: format.to_owned(), name: name.to_owned(), reference }
    };
    index.lines().map(variant).collect()
}

/// Returns the largest difference of the values, without those of transparent pixels.
fn difference(values: &[u8], reference: &[u8]) -> u8 {
    let pixels = values.as_chunks::<4>().0.iter().zip(reference.as_chunks::<4>().0);
    let of_pixel = |(one, other): (&[u8; 4], &[u8; 4])| {
        if one[3] == 0 && other[3] == 0 {
            return 0;
        }
        one.iter().zip(other).map(|(one, other)| one.abs_diff(*other)).max().unwrap_or(0)
    };
    pixels.map(of_pixel).max().unwrap_or(0)
}

#[test]
fn every_variant_is_decoded_to_the_right_pixels_or_rejected_by_name() {
    for Variant { file, format, reference, .. } in variants() {
        let bytes = fs::read(corpus().join(&file)).unwrap();
        let image = decode(&bytes, 1 << 20);
        match (image, reference) {
            (Ok(image), Some(reference)) => {
                let values = image.as_dynamic().to_rgba8().into_raw();
                assert_eq!(values.len(), reference.len(), "{file}");
                let difference = difference(&values, &reference);
                assert!(difference <= tolerance(&format), "{file}: a difference of {difference}");
            }
            (Err(fault), None) => {
                let text = fault.text();
                let start = format!("expected a supported {format} image, got one ");
                assert!(text.starts_with(&start) && text.ends_with(", which is not supported"), "{file}: {text}");
            }
            (Ok(_), None) => panic!("{file} is decoded"),
            (Err(fault), Some(_)) => panic!("{file}: {fault}"),
        }
    }
}

#[test]
fn messages_of_unsupported_variants() {
    let mut messages = BTreeSet::new();
    for Variant { file, reference, .. } in variants() {
        if reference.is_none() {
            messages.insert(fault(&fs::read(corpus().join(file)).unwrap(), 1 << 20));
        }
    }
    insta::assert_snapshot!("variants", Vec::from_iter(messages).join("\n"));
}

/// Returns the table of all variants.
fn table() -> String {
    let mut table = "| format | decoded | rejected as not supported |\n|---|---|---|\n".to_owned();
    for format in FORMATS.map(|(format, _)| format.name()) {
        let names = |decoded: bool| {
            let of_format = variants().into_iter().filter(|variant| variant.format == format);
            let mut names: Vec<String> = of_format
                .filter(|variant| variant.reference.is_some() == decoded)
                .map(|variant| variant.name)
                .collect();
            let mut seen = BTreeSet::new();
            names.retain(|name| seen.insert(name.clone()));
            names.join("<br>")
        };
        writeln!(table, "| {format} | {} | {} |", names(true), names(false)).unwrap();
    }
    table
}

/// `UPDATE_GUIDE=1` writes the table instead.
#[test]
fn the_table_of_the_guide_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs/guide/images.md");
    let page = fs::read_to_string(path).unwrap();
    let (start, end) = ("<!-- variants -->\n", "<!-- end of variants -->");
    let (before, rest) = page.split_once(start).unwrap();
    let (current, after) = rest.split_once(end).unwrap();
    if std::env::var_os("UPDATE_GUIDE").is_some() {
        fs::write(path, [before, start, "\n", &table(), "\n", end, after].concat()).unwrap();
    } else {
        assert_eq!(current.trim(), table().trim(), "run the test with UPDATE_GUIDE=1");
    }
}

#[test]
fn a_format_that_is_not_decoded_is_named() {
    for (head, name) in [
        (&b"\0\0\0\x20ftypavif\0\0\0\0"[..], "an AVIF image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC image"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
        (b"\xff\x4f\xff\x51\0\x2f", "a JPEG 2000 image"),
        (b"\xff\x0a\x40\x40", "a JPEG XL image"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"\xef\xbb\xbf\n<?xml version='1.0'?><!-- a drawing --><svg/>", "an SVG drawing"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\0\0\x01\0\x01\0", "an icon"),
        (b"P6 1 1 255 abc", "a PNM image"),
        (b"8BPS\0\x01", "a Photoshop document"),
    ] {
        let text = fault(head, 1);
        assert!(text.ends_with(&format!(", got {name}, which is not supported")), "{text}");
    }
    for head in [&b"<?xml version='1.0'?><html/>"[..], b"hello", b"\xff", b"RIFF\0\0\0\0WAVE", b"Photo"] {
        assert!(fault(head, 1).ends_with("data in none of these formats"));
    }
}

#[test]
fn a_webp_is_turned_upright_whatever_the_head_of_its_exif() {
    // One entry: orientation 6, a rotation by 90 degrees clockwise.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let plain = fs::read(corpus().join("lossless.webp")).unwrap();
    let chunk = |kind: &[u8; 4], bytes: &[u8]| {
        [&kind[..], &(bytes.len() as u32).to_le_bytes(), bytes, &vec![0; bytes.len() % 2]].concat()
    };
    let upright = |exif: &[u8]| {
        // The extended header: EXIF, and 13 x 9 pixels less one.
        let header = chunk(b"VP8X", &[8, 0, 0, 0, 12, 0, 0, 8, 0, 0]);
        let chunks = [&header[..], &plain[12..], &chunk(b"EXIF", exif)].concat();
        let file = [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", &chunks].concat();
        let image = decode(&file, 1 << 20).unwrap();
        assert_eq!((image.width(), image.height()), (13, 9));
        image.upright()
    };
    let image = upright(exif);
    assert_eq!((image.width(), image.height()), (9, 13));
    assert_eq!(upright(&[b"Exif\0\0", &exif[..]].concat()), image);
}
