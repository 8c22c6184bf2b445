//! A check of a TIFF file for variants that are not decoded, and for sizes that its decoder trusts. `decode` calls it.
//!
//! The decoder takes some variants for others, allocates memory for the number of values that an entry states, and decodes
//! each JPEG within the file completely.

use super::{
    super::{fault::Fault, jpeg},
    directory::Directory,
};

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const COLORS: u16 = 262;
const FILL_ORDER: u16 = 266;
const STRIP_OFFSETS: u16 = 273;
const SAMPLES: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const STRIP_LENGTHS: u16 = 279;
const PLANES: u16 = 284;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;
const TILE_OFFSETS: u16 = 324;
const TILE_LENGTHS: u16 = 325;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;
const JPEG_TABLES: u16 = 347;

const JPEG: u32 = 7;

/// The limit on strips and tiles: one for each row of four planes. The decoder takes 32 bytes for each.
const MAX_STRIPS: u32 = 4 * 65_536;
/// The limit on the samples of a pixel.
const MAX_SAMPLES: u32 = 16;

/// The properties of a file that decoding depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Checked {
    pub(in super::super) alpha: Alpha,
    /// Set if the strips or tiles are JPEGs, each of which is decoded as a whole.
    pub(in super::super) has_jpegs: bool,
}

/// The relation of colors to alpha in a file, if it has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Alpha {
    Straight,
    Premultiplied,
}

/// Checks that the decoder decodes the first page of a file, and decodes it right.
///
/// Without the checks of sizes a file of a few hundred bytes could make the decoder allocate hundreds of megabytes, and a
/// small image could consist of thousands of strips that all refer to one huge JPEG.
pub(in super::super) fn check(file: &[u8]) -> Result<Checked, Fault> {
    if matches!(file, [b'I', b'I', b'+', ..] | [b'M', b'M', _, b'+', ..]) {
        return Err(Fault::unsupported("of the variant BigTIFF"));
    }
    let directory = Directory::first(file).ok_or(Fault::Corrupt)?;
    if !directory.has_distinct_tags() || directory.largest() > file.len() as u64 {
        return Err(Fault::Corrupt);
    }
    if !directory.has_counts(&[
        (STRIP_OFFSETS, MAX_STRIPS),
        (STRIP_LENGTHS, MAX_STRIPS),
        (TILE_OFFSETS, MAX_STRIPS),
        (TILE_LENGTHS, MAX_STRIPS),
        (BITS, MAX_SAMPLES),
        (SAMPLE_FORMAT, MAX_SAMPLES),
        (EXTRA_SAMPLES, MAX_SAMPLES),
    ]) {
        return Err(Fault::Corrupt);
    }
    let compression = directory.value(COMPRESSION, 1).ok_or(Fault::Corrupt)?;
    check_compression(compression)?;
    let alpha = check_samples(&directory)?;
    if compression == JPEG {
        check_jpegs(&directory, file)?;
    }
    Ok(Checked { alpha, has_jpegs: compression == JPEG })
}

fn check_compression(compression: u32) -> Result<(), Fault> {
    let name = match compression {
        // None, CCITT T.6, LZW, JPEG, Deflate (with its older number), PackBits.
        1 | 4 | 5 | JPEG | 8 | 32946 | 32773 => return Ok(()),
        2 => "CCITT RLE",
        3 => "CCITT T.4",
        6 => "old JPEG",
        34661 => "JBIG",
        33003 | 33005 | 34712 => "JPEG 2000",
        34887 => "LERC",
        34925 => "LZMA",
        34926 | 50000 => "Zstandard",
        34927 | 50001 => "WebP",
        50002 | 52546 => "JPEG XL",
        _ => return Err(Fault::unsupported(format!("with compression {compression}"))),
    };
    Err(Fault::unsupported(format!("with {name} compression")))
}

/// Checks what the samples of a pixel are.
fn check_samples(directory: &Directory<'_>) -> Result<Alpha, Fault> {
    let value = |tag, default| directory.value(tag, default).ok_or(Fault::Corrupt);
    let values = |tag| directory.values(tag).ok_or(Fault::Corrupt);
    let samples = value(SAMPLES, 1)?;
    let bits = uniform(&values(BITS)?, 1).ok_or_else(|| Fault::unsupported("with samples of different sizes"))?;
    let format =
        uniform(&values(SAMPLE_FORMAT)?, 1).ok_or_else(|| Fault::unsupported("with samples of different formats"))?;
    let extra = values(EXTRA_SAMPLES)?;
    let in_planes = value(PLANES, 1)? == 2 && samples > 1;
    let in_tiles = !values(TILE_WIDTH)?.is_empty();
    if value(FILL_ORDER, 1)? != 1 {
        return Err(Fault::unsupported("with reversed bit order"));
    }
    if in_planes && in_tiles {
        return Err(Fault::unsupported("with tiles in separate planes"));
    }
    let (name, is_supported) = match value(COLORS, 0)? {
        0 | 1 => ("gray", matches!((samples, bits, format), (1, 1 | 8 | 16, 1))),
        2 => {
            let depth = matches!((bits, format), (8 | 16, 1) | (32, 3));
            // To the decoder it is alpha, to other software it is not.
            if samples == 4 && extra.is_empty() {
                return Err(Fault::unsupported("of RGB pixels with a fourth sample of unknown meaning"));
            }
            ("RGB", depth && matches!((samples, &*extra), (3, []) | (4, [0..=2])))
        }
        3 => ("palette", false),
        4 => ("mask", false),
        5 => ("CMYK", matches!((samples, bits, format, in_planes, &*extra), (4, 8 | 16, 1, false, []))),
        6 => ("YCbCr", false),
        8..=10 => ("CIE Lab", false),
        32803 | 34892 => ("raw camera", false),
        _ => ("unknown", false),
    };
    if is_supported {
        let premultiplied = samples == 4 && *extra == [1];
        return Ok(if premultiplied { Alpha::Premultiplied } else { Alpha::Straight });
    }
    let format = match format {
        1 => "",
        2 => " signed",
        3 => " floating-point",
        5 | 6 => " complex",
        _ => " untyped",
    };
    let planes = if in_planes { " in separate planes" } else { "" };
    Err(Fault::unsupported(format!("of {name} pixels with {samples} x {bits}{format} bits{planes}")))
}

/// Returns the value that all values are, or the default if there are none.
fn uniform(values: &[u32], default: u32) -> Option<u32> {
    let first = values.first().copied().unwrap_or(default);
    values.iter().all(|value| *value == first).then_some(first)
}

/// Checks that no JPEG within the file is much larger than its strip or tile, and that each has a structure that the
/// decoder decodes right.
fn check_jpegs(directory: &Directory<'_>, file: &[u8]) -> Result<(), Fault> {
    let value = |tag, default| directory.value(tag, default).ok_or(Fault::Corrupt);
    let values = |tag| directory.values(tag).ok_or(Fault::Corrupt);
    let (width, height) = (value(WIDTH, 0)?, value(HEIGHT, 0)?);
    let in_tiles = !values(TILE_WIDTH)?.is_empty();
    let (columns, rows, offsets, lengths) = if in_tiles {
        (value(TILE_WIDTH, 0)?, value(TILE_HEIGHT, 0)?, values(TILE_OFFSETS)?, values(TILE_LENGTHS)?)
    } else {
        (width, value(ROWS_PER_STRIP, height)?.min(height), values(STRIP_OFFSETS)?, values(STRIP_LENGTHS)?)
    };
    // JPEG rounds up to blocks.
    let max = (u64::from(columns) * u64::from(rows)).saturating_mul(4).saturating_add(64 * 64);
    // Streams that overlap would make the check of a small file take long.
    let sum: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
    if offsets.len() != lengths.len() || sum > file.len() as u64 {
        return Err(Fault::Corrupt);
    }
    // The decoder puts the tables in front of each stream, and drops the end of the one and the start of the other.
    let tables = values(JPEG_TABLES)?;
    let tables: Vec<u8> = tables.iter().map(|byte| *byte as u8).collect();
    let mut stream = Vec::new();
    for (offset, length) in offsets.into_iter().zip(lengths) {
        let data = file.get(offset as usize..).and_then(|rest| rest.get(..length as usize)).ok_or(Fault::Corrupt)?;
        stream.clear();
        match tables.split_last_chunk::<2>() {
            Some((tables, _)) => {
                stream.extend_from_slice(tables);
                stream.extend_from_slice(data.get(2..).ok_or(Fault::Corrupt)?);
            }
            None => stream.extend_from_slice(data),
        }
        match jpeg::plain_pixels(&stream)? {
            Some(pixels) if pixels <= max => {}
            Some(_) => return Err(Fault::Corrupt),
            None => return Err(Fault::unsupported("with a JPEG of several scans")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a file of one strip of 32 x 16 pixels, which is a JPEG with a frame of `side` x `side` pixels.
    fn file(compression: u16, side: u16, little: bool) -> Vec<u8> {
        let short = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
        let long = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
        let jpeg = [
            &[0xff, 0xd8, 0xff, 0xc0, 0, 11, 8][..],
            &[side.to_be_bytes(), side.to_be_bytes()].concat(),
            &[1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0, 0xff, 0xd9],
        ]
        .concat();
        let entries = [
            (WIDTH, 32),
            (HEIGHT, 16),
            (BITS, 8),
            (COMPRESSION, compression),
            (COLORS, 1),
            (STRIP_OFFSETS, 8 + 2 + 8 * 12),
            (ROWS_PER_STRIP, 16),
            (STRIP_LENGTHS, jpeg.len() as u16),
        ];
        let mut file = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        file.extend(long(8));
        file.extend(short(entries.len() as u16));
        for (tag, value) in entries {
            file.extend([short(tag), short(3)].concat());
            file.extend([&long(1)[..], &short(value), &[0, 0]].concat());
        }
        file.extend(jpeg);
        file
    }

    #[test]
    fn an_entry_cannot_have_more_values_than_the_file_has_bytes() {
        for little in [true, false] {
            let mut file = file(1, 32, little);
            // The entry of a tag that nothing reads.
            let (tag, count) = (8 + 2 + 6 * 12, 8 + 2 + 6 * 12 + 4);
            file[tag..tag + 2].fill(0xff);
            let (max, more) = (file.len() as u32 / 2, file.len() as u32 / 2 + 1);
            for (values, is_good) in [(max, true), (more, false), (u32::MAX, false)] {
                let values = if little { values.to_le_bytes() } else { values.to_be_bytes() };
                file[count..count + 4].copy_from_slice(&values);
                assert_eq!(check(&file).is_ok(), is_good);
            }
        }
    }

    #[test]
    fn a_jpeg_within_cannot_be_much_larger_than_its_strip() {
        for little in [true, false] {
            let checked = Checked { alpha: Alpha::Straight, has_jpegs: true };
            assert_eq!(check(&file(7, 32, little)), Ok(checked));
            assert_eq!(check(&file(7, 1000, little)), Err(Fault::Corrupt));
            assert!(check(&file(1, 1000, little)).is_ok(), "in another compression it is not a JPEG");
            assert_eq!(check(&file(7, 32, little)[..20]), Err(Fault::Corrupt));
        }
    }
}
