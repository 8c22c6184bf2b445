//! Faults of files: decoders that panic, and damage of every file of the corpus.

use std::{
    fs,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    super::{decode::guarded, fault::Fault},
    variants::{corpus, variants},
    *,
};

/// A buffer of log lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_of_a_decoder_is_the_fault_of_the_file_and_logged_once() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let text = tracing::subscriber::with_default(subscriber, || {
        let decoded = guarded(ImageFormat::Tiff, || -> Result<(), Fault> { panic!("index out of bounds") });
        decoded.unwrap_err().text().to_owned()
    });
    assert_eq!(text, "expected a valid TIFF image, got one that is corrupt or truncated");
    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(lines.contains("WARN") && lines.contains("TIFF") && lines.contains("index out of bounds"), "{lines}");
}

/// Damages every file of the corpus in a few hundred ways. Whatever is decoded is within the limit, and nothing else than
/// a rejection is returned.
#[test]
fn no_damage_of_any_variant_exceeds_the_limit() {
    const MAX_PIXELS: u64 = 1 << 14;
    const ROUNDS: u32 = 120;
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for variant in variants() {
        let whole = fs::read(corpus().join(&variant.file)).unwrap();
        for round in 0..ROUNDS {
            let mut bytes = whole.clone();
            // Most of a structure is in the head of a file.
            let reach = if round % 2 == 0 { bytes.len().min(200) } else { bytes.len() };
            for _ in 0..=random(4) {
                let at = random(reach);
                bytes[at] = match random(4) {
                    0 => 0,
                    1 => 0xff,
                    2 => bytes[at] ^ (1 << random(8)),
                    _ => random(256) as u8,
                };
            }
            if random(8) == 0 {
                bytes.truncate(random(whole.len()));
            }
            if let Ok(image) = decode(&bytes, MAX_PIXELS) {
                assert!(u64::from(image.width()) * u64::from(image.height()) <= MAX_PIXELS, "{}", variant.file);
            }
        }
    }
}

#[test]
fn a_jpeg_that_ends_early_is_rejected_also_if_an_end_is_put_behind() {
    for file in ["gray.jpg", "444.jpg", "420.jpg", "420-restarts.jpg", "cmyk.jpg"] {
        let whole = fs::read(corpus().join(file)).unwrap();
        let scan = whole.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap() + 14;
        // Up to 8 bytes of zeros cannot be told from data.
        for end in (scan + 2..whole.len() - 32).step_by(7) {
            let data = whole[..end].strip_suffix(&[0xff]).unwrap_or(&whole[..end]);
            let text = fault(&[data, &[0xff, 0xd9]].concat(), 1 << 20);
            assert!(text.starts_with("expected a valid JPEG image"), "{file} up to {end}: {text}");
        }
    }
}

#[test]
fn a_side_is_limited_whatever_the_number_of_pixels() {
    for (width, height) in [(65_536, 1), (1, 65_536)] {
        let text = fault(&file(GrayImage::new(width, height), ::image::ImageFormat::Png), 1 << 28);
        assert!(text.contains("65535") && text.contains(&format!("{width} x {height}")), "{text}");
    }
    assert!(decode(&file(GrayImage::new(65_535, 1), ::image::ImageFormat::Png), 1 << 28).is_ok());
}

/// Returns a progressive JPEG of one component, whose coefficients are refined one bit at a time from this bit on.
fn refined(width: u16, height: u16, bit: u8) -> Vec<u8> {
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    let mut file = vec![0xff, 0xd8];
    let mut segment = |marker: u8, payload: &[u8], data: usize| {
        file.extend([0xff, marker]);
        file.extend((payload.len() as u16 + 2).to_be_bytes());
        file.extend(payload);
        file.resize(file.len() + data, 0);
    };
    segment(0xdb, &[&[0][..], &[1; 64]].concat(), 0);
    segment(0xc2, &[&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[1, 1, 0x11, 0]].concat(), 0);
    for class in [0, 0x10] {
        // One code of one bit, which stands for no coefficients.
        segment(0xc4, &[&[class, 1][..], &[0; 15], &[0]].concat(), 0);
    }
    for band in [[0, 0], [1, 63]] {
        segment(0xda, &[&[1, 1, 0][..], &band, &[bit]].concat(), blocks.div_ceil(8));
        for bit in (0..bit).rev() {
            segment(0xda, &[&[1, 1, 0][..], &band, &[(bit + 1) << 4 | bit]].concat(), blocks.div_ceil(8));
        }
    }
    file.extend([0xff, 0xd9]);
    file
}

#[test]
fn the_scans_of_a_jpeg_are_limited_by_its_pixels() {
    let (usual, many) = (refined(64, 64, 8), refined(64, 64, 12));
    assert!(decode(&usual, 64 * 64).is_ok(), "18 scans of all pixels");
    let text = fault(&many, 64 * 64);
    assert!(text.contains("26 scans"), "{text}");
    assert!(decode(&many, 2 * 64 * 64).is_ok(), "an image of half the pixels may have twice the scans");
}
