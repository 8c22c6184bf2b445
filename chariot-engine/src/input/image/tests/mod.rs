//! Tests of decoding, and the wording of every message about images.

use std::io::Cursor;

use ::image::{DynamicImage, ExtendedColorType, Frame, GrayImage, ImageEncoder, Rgb, RgbImage, RgbaImage, codecs};
use proptest::prelude::*;

use super::*;
use crate::{ErrorKind, Rejection};

mod faults;
mod jpeg;
mod orientations;
mod pixels;
mod references;
mod regions;
mod variants;

const FORMATS: [(ImageFormat, ::image::ImageFormat); 6] = [
    (ImageFormat::Png, ::image::ImageFormat::Png),
    (ImageFormat::Jpeg, ::image::ImageFormat::Jpeg),
    (ImageFormat::WebP, ::image::ImageFormat::WebP),
    (ImageFormat::Bmp, ::image::ImageFormat::Bmp),
    (ImageFormat::Gif, ::image::ImageFormat::Gif),
    (ImageFormat::Tiff, ::image::ImageFormat::Tiff),
];

fn file(pixels: impl Into<DynamicImage>, format: ::image::ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    pixels.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn squares(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| if (x / 8 + y / 8) % 2 == 0 { Rgb([255, 0, 0]) } else { Rgb([0; 3]) })
}

fn decode(bytes: &[u8], max_pixels: u64) -> Result<Image, Rejection> {
    Image::decode(bytes, &ImageLimits::new(max_pixels))
}

fn fault(bytes: &[u8], max_pixels: u64) -> String {
    decode(bytes, max_pixels).unwrap_err().text().to_owned()
}

#[test]
fn every_format_is_detected_by_its_content() {
    for (format, coded) in FORMATS {
        let image = decode(&file(squares(24, 16), coded), 1 << 20).unwrap();
        assert_eq!((image.width(), image.height(), image.format()), (24, 16, Some(format)));
        let [red, _, _] = image.as_dynamic().to_rgb8().get_pixel(2, 2).0;
        assert!(red > 240, "{format}");
    }
}

/// A PNG whose header states 30000 x 30000 pixels.
fn png_bomb() -> Vec<u8> {
    let mut png = file(GrayImage::new(1, 1), ::image::ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    // The checksum of the header with this size.
    let sum = crc(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&sum);
    png
}

/// A GIF whose header states 65535 x 65535 pixels.
fn gif_bomb() -> Vec<u8> {
    let mut gif = file(RgbImage::new(1, 1), ::image::ImageFormat::Gif);
    gif[6..10].fill(0xff);
    gif
}

/// A small GIF with a huge frame.
fn gif_frame_bomb() -> Vec<u8> {
    let mut gif = file(RgbImage::new(1, 1), ::image::ImageFormat::Gif);
    let frame = gif.iter().position(|byte| *byte == b',').unwrap();
    gif[frame + 5..frame + 9].fill(0xff);
    gif
}

#[test]
fn messages() {
    let base64 = |text: &str| Image::decode_base64(text, &ImageLimits::default()).unwrap_err().text().to_owned();
    let png = file(squares(20, 10), ::image::ImageFormat::Png);
    let pixels = |pixels: Pixels, width, height| {
        let image = Image::from_dynamic(DynamicImage::new_rgb8(width, height));
        pixels.write(&image, &mut Vec::new()).unwrap_err()
    };
    let empty = pixels(Pixels::rgb(2, 2), 0, 3);
    assert_eq!(empty.kind(), ErrorKind::Rejected);
    let three_means = pixels(Pixels::gray(2, 2).mean([0.1, 0.2, 0.3]), 2, 2);
    let no_deviation = pixels(Pixels::rgb(2, 2).deviation(0.0), 2, 2);
    assert_eq!((three_means.kind(), no_deviation.kind()), (ErrorKind::Failed, ErrorKind::Failed));
    let cases = [
        ("no data", fault(b"", 1)),
        ("another format", fault(b"{}", 1)),
        ("another format as base64", base64("e30=")),
        ("another format that is recognized", fault(b"%PDF-1.7", 1)),
        ("a truncated file", fault(&png[..20], 1 << 20)),
        ("too many pixels", fault(&png, 199)),
        ("more pixels than are ever decoded", fault(&gif_bomb(), u64::MAX)),
        ("a frame larger than its image", fault(&gif_frame_bomb(), 50_000_000)),
        ("an image without pixels", empty.to_string()),
        ("three means for gray", three_means.to_string()),
        ("a deviation of 0", no_deviation.to_string()),
        ("an invalid character in base64", base64("AAAA*AAA")),
        ("an invalid character after wider ones", base64("AA\u{1f600}A")),
        ("data after the padding", base64("AA==AAAA")),
        ("truncated base64", base64("AAAAA")),
        ("too little padding", base64("AA=")),
        ("padding only", base64("====")),
        ("a data URL", base64("data:image/png;base64,AAAA")),
    ];
    let text: String = cases.iter().map(|(case, message)| format!("{case} → {message}\n")).collect();
    insta::assert_snapshot!("messages", text);
}

#[test]
fn a_truncated_file_names_its_format() {
    for (format, coded) in FORMATS {
        let whole = file(squares(64, 64), coded);
        // The last bytes of a PNG or a GIF are not part of the image.
        for end in [20, whole.len() / 2, whole.len() - 16] {
            let text = fault(&whole[..end], 1 << 20);
            assert!(text.starts_with(&format!("expected a valid {format} image")), "{end} of {}: {text}", whole.len());
        }
    }
}

#[test]
fn a_file_of_another_format_is_rejected() {
    let known = fault(b"", 1);
    let (known, _) = known.split_once(", got").unwrap();
    for other in [&b"%PDF-1.7"[..], b"P6 1 1 255 abc", b"\0\0\x01\0\x01\0", b"<svg/>", b"\xff"] {
        assert!(fault(other, 1).starts_with(known));
    }
}

#[test]
fn the_limit_counts_pixels_and_is_inclusive() {
    for (format, coded) in FORMATS {
        let bytes = file(squares(20, 10), coded);
        assert!(decode(&bytes, 200).is_ok(), "{format}");
        assert!(fault(&bytes, 199).contains("at most 199 pixels"), "{format}");
    }
}

#[test]
fn a_decompression_bomb_is_rejected_by_its_header() {
    for bomb in [png_bomb(), gif_bomb(), gif_frame_bomb()] {
        assert!(fault(&bomb, 50_000_000).contains("at most 50000000 pixels"));
    }
    assert!(fault(&gif_bomb(), u64::MAX).contains("at most 268435456 pixels"));
}

#[test]
fn a_webp_whose_frame_does_not_match_its_container_is_rejected() {
    let chunk = |kind: &[u8], bytes: &[u8]| {
        [kind, &(bytes.len() as u32).to_le_bytes(), bytes, &vec![0; bytes.len() % 2]].concat()
    };
    let webp = |chunks: &[u8]| [b"RIFF", &(chunks.len() as u32 + 4).to_le_bytes()[..], b"WEBP", chunks].concat();
    let header = chunk(b"VP8X", &[0; 10]);
    let lossy = chunk(b"VP8 ", &[0x10, 0, 0, 0x9d, 1, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0]);
    let frame = chunk(b"ANMF", &[&[0; 16][..], &lossy].concat());
    for second in [&lossy[..], &frame, &[&b"EXIF"[..], &[0xff; 4]].concat()] {
        let text = fault(&webp(&[&header[..], second].concat()), 1000);
        assert!(text.starts_with("expected a valid WebP image"), "{text}");
    }
}

#[test]
fn the_first_frame_of_a_gif_is_decoded() {
    let mut gif = Vec::new();
    let mut encoder = codecs::gif::GifEncoder::new(&mut gif);
    for value in [10, 200] {
        encoder.encode_frame(Frame::new(RgbaImage::from_pixel(2, 2, [value, value, value, 255].into()))).unwrap();
    }
    drop(encoder);
    let image = decode(&gif, 1 << 20).unwrap();
    assert_eq!(image.as_dynamic().to_luma8().as_raw(), &[10; 4]);
}

#[test]
fn an_image_is_turned_upright_only_on_request() {
    // EXIF with one entry: orientation 6, a rotation by 90 degrees clockwise.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    let mut png = Vec::new();
    let mut encoder = codecs::png::PngEncoder::new(&mut png);
    encoder.set_exif_metadata(exif).unwrap();
    encoder.write_image(&[1, 2], 2, 1, ExtendedColorType::L8).unwrap();
    let image = decode(&png, 1 << 20).unwrap();
    assert_eq!((image.width(), image.height()), (2, 1));
    let image = image.upright();
    assert_eq!((image.width(), image.height()), (1, 2));
    assert_eq!(image.as_dynamic().as_bytes(), [1, 2]);
    assert_eq!(image.clone().upright(), image);
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_cause_a_panic(bytes: Vec<u8>, head in 0..FORMATS.len()) {
        let _ = decode(&bytes, 1 << 20);
        let headed = [&file(squares(2, 2), FORMATS[head].1)[..16], &bytes].concat();
        let _ = decode(&headed, 1 << 16);
    }

    #[test]
    fn no_damage_causes_a_panic_or_exceeds_the_limit(
        format in 0..FORMATS.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
        cut: bool,
    ) {
        let mut bytes = file(squares(9, 5), FORMATS[format].1);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if cut {
            bytes.truncate(end.index(bytes.len()));
        }
        if let Ok(image) = decode(&bytes, 1 << 16) {
            prop_assert!(image.width() * image.height() <= 1 << 16);
        }
    }
}
