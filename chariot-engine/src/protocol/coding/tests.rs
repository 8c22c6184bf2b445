//! The results of each coding, the rejected streams, and the limits on memory.

use std::io::Read;

use flate2::{Compression, bufread};
use proptest::{collection::vec, prelude::*, sample::select};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;
use crate::protocol::Meter;

const TEXT: &[u8] = br#"{"inputs":[{"name":"x","datatype":"FP32","shape":[4],"data":[0.5,0.25,0.125,0.5]}]}"#;

/// [`TEXT`] compressed by Python's zlib, in a member with every optional field.
const GZIP: &[u8] = b"\x1f\x8b\x08\x1e\x00\x00\x00\x00\x00\xff\x04\x00\x41\x42\x00\x00\x78\x2e\x6a\x73\x6f\x6e\x00\
    \x77\x68\x79\x00\xd2\x0e\xab\x56\xca\xcc\x2b\x28\x2d\x29\x56\xb2\x8a\xae\x56\xca\x4b\xcc\x4d\x55\xb2\x52\xaa\x50\
    \xd2\x51\x4a\x49\x2c\x49\x2c\xa9\x2c\x00\x71\xdd\x02\x8c\x8d\x80\x22\xc5\x19\x89\x20\x6e\xb4\x49\x2c\x44\x16\xc8\
    \x34\xd0\x33\xd5\x31\xd0\x33\x02\x11\x86\x60\xd2\x34\xb6\x36\xb6\x16\x00\x40\xc6\x87\xbf\x53\x00\x00\x00";

/// [`TEXT`] compressed by Python's zlib.
const DEFLATE: &[u8] = b"\x78\xda\xab\x56\xca\xcc\x2b\x28\x2d\x29\x56\xb2\x8a\xae\x56\xca\x4b\xcc\x4d\x55\xb2\x52\xaa\
    \x50\xd2\x51\x4a\x49\x2c\x49\x2c\xa9\x2c\x00\x71\xdd\x02\x8c\x8d\x80\x22\xc5\x19\x89\x20\x6e\xb4\x49\x2c\x44\x16\
    \xc8\x34\xd0\x33\xd5\x31\xd0\x33\x02\x11\x86\x60\xd2\x34\xb6\x36\xb6\x16\x00\x31\xfa\x17\xf2";

/// [`TEXT`] compressed by `zstd -19`: a window of 8 MiB, without its size, with a checksum.
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x04\x68\x45\x02\x00\xc2\xc3\x0d\x12\x90\x3d\x06\x8c\x91\x8f\xd0\x22\xd5\x21\x08\
    \x0e\x0e\x28\x8c\x5d\x51\x02\x9b\x6d\x76\x06\x09\x02\x9c\x20\x16\x3a\x33\xab\xc1\x7a\x70\x52\x54\xa2\xd9\x36\xdb\
    \xdc\xc1\xf1\xd1\x9f\x6c\xf3\x7a\xa1\x57\x7b\xe9\x8c\xd7\x01\x05\x00\x29\x22\x50\x02\x0a\x6a\x06\x08\xb4\x04\xd3\
    \x09\x88\x95\x6b\xf4";

const STREAMS: [(Coding, &[u8]); 3] = [(Coding::Gzip, GZIP), (Coding::Deflate, DEFLATE), (Coding::Zstd, ZSTD)];

const LIMIT: usize = 1 << 20;

/// Compresses a body, even if the result is larger.
fn stream(coding: Coding, body: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let written = match coding {
        Coding::Gzip => bufread::GzEncoder::new(body, Compression::default()).read_to_end(&mut stream),
        Coding::Deflate => bufread::ZlibEncoder::new(body, Compression::default()).read_to_end(&mut stream),
        Coding::Zstd => {
            stream = compress_to_vec(body, CompressionLevel::Fastest);
            Ok(stream.len())
        }
    };
    written.unwrap();
    stream
}

/// Makes a zstd frame with these blocks; `header` is the part of its header after the magic number.
fn frame(header: &[u8], blocks: &[(Block, u32)]) -> Vec<u8> {
    let mut frame = [&[0x28, 0xb5, 0x2f, 0xfd], header].concat();
    for (index, (block, size)) in blocks.iter().enumerate() {
        let last = u32::from(index + 1 == blocks.len());
        let (kind, content) = match block {
            Block::Raw => (0, vec![b'x'; *size as usize]),
            Block::Repeated => (1, vec![0]),
        };
        frame.extend_from_slice(&(last | kind << 1 | size << 3).to_le_bytes()[..3]);
        frame.extend(content);
    }
    frame
}

#[derive(Clone, Copy)]
enum Block {
    Raw,
    Repeated,
}

/// A skippable frame.
const SKIPPABLE: &[u8] = b"\x53\x2a\x4d\x18\x03\x00\x00\x00abc";

#[test]
fn streams_of_other_encoders_are_decompressed() {
    for (coding, stream) in STREAMS {
        assert_eq!(coding.decompress(stream, LIMIT).as_deref(), Ok(TEXT), "{coding:?}");
        assert_eq!(coding.decompress(stream, TEXT.len()).as_deref(), Ok(TEXT), "{coding:?}");
        let limit = TEXT.len() - 1;
        assert_eq!(coding.decompress(stream, limit), Err(CodingError::TooLarge { limit }), "{coding:?}");
        assert_eq!(coding.decompress(stream, 0), Err(CodingError::TooLarge { limit: 0 }), "{coding:?}");
    }
}

#[test]
fn names_are_parsed_in_any_case() {
    for (name, coding) in [("gzip", Coding::Gzip), ("X-Gzip", Coding::Gzip), ("DEFLATE", Coding::Deflate)] {
        assert_eq!(Coding::parse(name), Some(coding));
    }
    for name in ["", "br", "identity", "gzip ", "x-deflate", "*"] {
        assert_eq!(Coding::parse(name), None, "{name}");
    }
    for coding in Coding::ALL {
        assert_eq!(Coding::parse(coding.token()), Some(*coding));
    }
}

#[test]
fn members_of_gzip_and_frames_of_zstd_are_one_body() {
    let twice = [TEXT, b"", TEXT].concat();
    let members = [GZIP, &stream(Coding::Gzip, b""), GZIP].concat();
    assert_eq!(Coding::Gzip.decompress(&members, LIMIT), Ok(twice.clone()));
    let frames = [SKIPPABLE, ZSTD, SKIPPABLE, &stream(Coding::Zstd, b""), ZSTD, SKIPPABLE].concat();
    assert_eq!(Coding::Zstd.decompress(&frames, LIMIT), Ok(twice));
    // zlib has one stream only.
    let streams = [DEFLATE, DEFLATE].concat();
    assert_eq!(Coding::Deflate.decompress(&streams, LIMIT), Err(CodingError::Trailing(DEFLATE.len())));
    // The limit applies to the whole body.
    assert_eq!(Coding::Gzip.decompress(&members, 100), Err(CodingError::TooLarge { limit: 100 }));
    assert_eq!(Coding::Zstd.decompress(&frames, 100), Err(CodingError::TooLarge { limit: 100 }));
}

#[test]
fn a_truncated_stream_is_an_error_of_its_own() {
    for (coding, stream) in STREAMS {
        for length in 0..stream.len() {
            assert_eq!(coding.decompress(&stream[..length], LIMIT), Err(CodingError::Truncated), "{coding:?} {length}");
        }
    }
    for length in 1..SKIPPABLE.len() {
        assert_eq!(Coding::Zstd.decompress(&SKIPPABLE[..length], LIMIT), Err(CodingError::Truncated), "{length}");
    }
}

#[test]
fn nothing_may_follow_a_stream() {
    for (coding, stream) in STREAMS {
        for after in [&b"\n"[..], b"\0\0\0", TEXT, &[0; 9], b"\0\0\x01"] {
            let body = [stream, after].concat();
            let expected = match coding {
                // Zeros fill blocks, and gzip ignores them.
                Coding::Gzip if after.iter().all(|byte| *byte == 0) => Ok(TEXT.to_vec()),
                _ => Err(CodingError::Trailing(after.len())),
            };
            assert_eq!(coding.decompress(&body, LIMIT), expected, "{coding:?} {after:?}");
        }
    }
    let between = [GZIP, b"\0\0", GZIP].concat();
    assert_eq!(Coding::Gzip.decompress(&between, LIMIT), Err(CodingError::Trailing(2 + GZIP.len())));
}

#[test]
fn deflate_is_decompressed_without_the_header_of_zlib_too() {
    let raw = &DEFLATE[2..DEFLATE.len() - 4];
    assert_eq!(Coding::Deflate.decompress(raw, LIMIT), Ok(TEXT.to_vec()));
    for length in 0..raw.len() {
        assert_eq!(Coding::Deflate.decompress(&raw[..length], LIMIT), Err(CodingError::Truncated), "{length}");
    }
    // Stored blocks, fixed and dynamic tables: every first byte that an encoder writes.
    for level in [0, 1, 6, 9] {
        for body in [&b""[..], b"a", TEXT, &TEXT.repeat(50)] {
            let mut compressed = Vec::new();
            bufread::DeflateEncoder::new(body, Compression::new(level)).read_to_end(&mut compressed).unwrap();
            assert_eq!(Coding::Deflate.decompress(&compressed, LIMIT), Ok(body.to_vec()), "{level} {compressed:?}");
        }
    }
    // A sum that follows a raw stream is not part of it.
    assert_eq!(Coding::Deflate.decompress(&DEFLATE[2..], LIMIT), Err(CodingError::Trailing(4)));
}

#[test]
fn a_body_that_is_not_a_stream_is_rejected() {
    for coding in Coding::ALL.iter().copied() {
        for body in [TEXT, &[0; 64], &[0xff; 64]] {
            assert_eq!(coding.decompress(body, LIMIT), Err(CodingError::Invalid), "{coding:?}");
        }
    }
    // The format of another coding.
    assert_eq!(Coding::Gzip.decompress(DEFLATE, LIMIT), Err(CodingError::Invalid));
    assert_eq!(Coding::Deflate.decompress(GZIP, LIMIT), Err(CodingError::Invalid));
    assert_eq!(Coding::Zstd.decompress(GZIP, LIMIT), Err(CodingError::Invalid));
}

#[test]
fn no_bit_can_flip_and_change_the_body() {
    for (coding, stream) in STREAMS {
        let mut rejected = 0;
        for bit in 0..stream.len() * 8 {
            let mut flipped = stream.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match coding.decompress(&flipped, LIMIT) {
                // For example a name or a time in a header.
                Ok(body) => assert_eq!(body, TEXT, "{coding:?} {bit}"),
                Err(_) => rejected += 1,
            }
        }
        assert!(rejected > stream.len() * 5, "{coding:?}: {rejected} of {} bits", stream.len() * 8);
    }
}

#[test]
fn the_declared_size_of_a_frame_must_be_right() {
    let five = |size| frame(&[0x20, 5], &[(Block::Raw, size)]);
    assert_eq!(Coding::Zstd.decompress(&five(5), LIMIT).as_deref(), Ok(&b"xxxxx"[..]));
    for size in [0, 4] {
        assert_eq!(Coding::Zstd.decompress(&five(size), LIMIT), Err(CodingError::Invalid), "{size}");
    }
}

#[test]
fn a_frame_needs_a_window_that_is_not_too_large_and_no_dictionary() {
    let one_byte = |header: &[u8]| Coding::Zstd.decompress(&frame(header, &[(Block::Raw, 1)]), LIMIT);
    assert_eq!(one_byte(&[0, 13 << 3]).as_deref(), Ok(&b"x"[..]));
    let mut messages = String::new();
    for (case, header) in [
        ("window of 9 MiB", &[0, 13 << 3 | 1][..]),
        // The window of a single segment is its whole content.
        ("single segment of 4 GiB", &[0xe0, 0, 0, 0, 0, 1, 0, 0, 0]),
        ("dictionary", &[1, 0, 7]),
    ] {
        let error = one_byte(header).unwrap_err();
        assert!(matches!(error, CodingError::Unsupported(_)), "{case}: {error:?}");
        messages.push_str(&format!("{case} → {error}\n"));
    }
    let others = [
        CodingError::TooLarge { limit: LIMIT },
        CodingError::Ratio,
        CodingError::Truncated,
        CodingError::Invalid,
        CodingError::Trailing(5),
        CodingError::Cancelled,
    ];
    for error in others {
        messages.push_str(&format!("{error:?} → {error}\n"));
    }
    insta::assert_snapshot!("codings", messages);
}

#[test]
fn a_bomb_is_rejected_before_it_takes_memory() {
    let megabyte = vec![0; 1 << 20];
    let repeated = |count: usize| frame(&[0, 0x50], &vec![(Block::Repeated, 128 << 10); 8 * count]);
    let bombs = [
        (Coding::Gzip, stream(Coding::Gzip, &megabyte).repeat(9)),
        (Coding::Deflate, stream(Coding::Deflate, &megabyte.repeat(9))),
        (Coding::Zstd, repeated(9)),
    ];
    for (coding, bomb) in bombs {
        assert!(bomb.len() * Coding::MAX_RATIO < Coding::RATIO_THRESHOLD, "{coding:?}");
        assert_eq!(coding.decompress(&bomb, LIMIT), Err(CodingError::TooLarge { limit: LIMIT }), "{coding:?}");
        assert_eq!(coding.decompress(&bomb, 64 << 20), Err(CodingError::Ratio), "{coding:?}");
    }
    let sparse = Coding::Zstd.decompress(&repeated(8), 64 << 20);
    assert_eq!(sparse.map(|body| body.len()), Ok(Coding::RATIO_THRESHOLD));
}

#[test]
fn memory_grows_to_the_limit_and_not_beyond() {
    for limit in [200_000, 100_001, 100_000] {
        for coding in Coding::ALL.iter().copied() {
            let body = coding.decompress(&stream(coding, &[7; 100_000]), limit).unwrap();
            assert_eq!(body.len(), 100_000);
            assert!(body.capacity() <= limit + 1, "{coding:?}: {} at {limit}", body.capacity());
        }
    }
}

#[test]
fn work_that_is_no_longer_needed_is_cancelled() {
    for coding in Coding::ALL.iter().copied() {
        let stream = stream(coding, &vec![7; 1 << 20]);
        assert_eq!(
            coding.decompress_while(&stream, 2 << 20, &|| false, &Meter::default()),
            Err(CodingError::Cancelled),
            "{coding:?}"
        );
        // Cancellation is checked between the streams of a body.
        let asked = std::cell::Cell::new(0);
        let wanted = || {
            asked.set(asked.get() + 1);
            asked.get() < 20
        };
        let many = if coding == Coding::Deflate { continue } else { stream.repeat(100) };
        assert_eq!(
            coding.decompress_while(&many, usize::MAX, &wanted, &Meter::default()),
            Err(CodingError::Cancelled),
            "{coding:?}"
        );
    }
}

#[test]
fn a_tensor_of_floats_shrinks() {
    let tensor: Vec<u8> = (0..10_000u16).flat_map(|value| f32::from(value).to_le_bytes()).collect();
    for coding in [Coding::Gzip, Coding::Deflate] {
        let compressed = coding.compress(&tensor).expect("it is smaller").len();
        assert!(compressed < tensor.len() * 3 / 4, "{compressed} of {}", tensor.len());
    }
}

#[test]
fn a_body_that_would_not_shrink_is_not_compressed() {
    let noise: Vec<u8> = (0..1000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for coding in [Coding::Gzip, Coding::Deflate] {
        assert!(coding.compresses());
        assert_eq!(coding.compress(&noise[..250]), None);
        assert_eq!(coding.compress(b""), None);
        let compressed = coding.compress(&[TEXT, TEXT].concat()).unwrap();
        assert!(compressed.len() < TEXT.len() + 20);
    }
    assert_eq!((Coding::Zstd.compresses(), Coding::Zstd.compress(TEXT)), (false, None));
}

fn codings() -> impl Strategy<Value = Coding> {
    select(Coding::ALL)
}

/// Bodies of all kinds: noise and repetition.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let repeated = (vec(any::<u8>(), 1..20), 1..400_usize).prop_map(|(part, count)| part.repeat(count));
    prop_oneof![vec(any::<u8>(), 0..2000), vec(0..4_u8, 0..4000), repeated]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_body_survives(coding in codings(), body in bodies()) {
        let stream = stream(coding, &body);
        prop_assert_eq!(coding.decompress(&stream, body.len()), Ok(body.clone()));
        if let Some(compressed) = coding.compress(&body) {
            prop_assert!(compressed.len() < body.len());
            prop_assert_eq!(coding.decompress(&compressed, LIMIT), Ok(body));
        }
    }

    #[test]
    fn no_bytes_panic(coding in codings(), bytes in vec(any::<u8>(), 0..300), limit in 0..3000_usize) {
        let start: &[u8] = match coding {
            Coding::Gzip => b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
            Coding::Deflate => b"\x78\x01",
            Coding::Zstd => b"\x28\xb5\x2f\xfd\0\x40",
        };
        for body in [bytes.clone(), [start, &bytes].concat()] {
            if let Ok(out) = coding.decompress(&body, limit) {
                prop_assert!(out.len() <= limit);
            }
        }
    }

    #[test]
    fn a_damaged_stream_is_rejected_or_harmless(
        coding in codings(),
        body in bodies(),
        damage in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        limit in 0..5000_usize,
    ) {
        let mut stream = stream(coding, &body);
        for (index, byte) in damage {
            let index = index.index(stream.len());
            stream[index] = byte;
        }
        if let Ok(out) = coding.decompress(&stream, limit) {
            prop_assert!(out.len() <= limit);
        }
    }
}
