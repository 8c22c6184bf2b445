//! The choice of a decoder for a JPEG file, and decoding by it.
//!
//! `zune-jpeg` is fast. It is right if one scan holds all components, or if the frame is progressive. It decodes the other
//! structures, which are rare, to wrong pixels without an error; `jpeg-decoder` is right for most of them, and the rest is
//! not supported. The tests compare both with libjpeg.

use ::image::{DynamicImage, GrayImage, RgbImage, metadata::Orientation};
use jpeg_decoder::ColorTransform;
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};

use super::{
    super::fault::Fault,
    head::{Colors, Head},
    scan::{Frame, Scan},
};

/// The work that the scans of an image may be, in multiples of the limit on its pixels. A progressive image of the usual ten
/// scans takes 14: three components in two of them, and one in the others.
const MAX_WORK: u64 = 20;

/// Decodes a file to gray or RGB, if `accepts` allows its width, its height and the memory that decoding takes at most.
pub(in super::super) fn decode(
    bytes: &[u8],
    max_pixels: u64,
    accepts: impl FnOnce(u32, u32, u64) -> Result<(), Fault>,
) -> Result<(DynamicImage, Orientation), Fault> {
    let head = Head::read(bytes)?;
    let (width, height) = (u32::from(head.frame.width), u32::from(head.frame.height));
    let is_plain = has_plain_structure(&head);
    accepts(width, height, memory(&head, is_plain, bytes.len()))?;
    if work(&head) > max_pixels.saturating_mul(MAX_WORK) {
        let scans = head.scans.len();
        return Err(Fault::unsupported(format!("of {width} x {height} pixels in {scans} scans")));
    }
    let plain = if is_plain { decode_plain(bytes, &head)? } else { None };
    let values = match plain {
        Some(values) => values,
        None => decode_scans(bytes, &head)?,
    };
    let pixels = match head.colors {
        Colors::Gray => GrayImage::from_raw(width, height, values).map(DynamicImage::from),
        _ => RgbImage::from_raw(width, height, values).map(DynamicImage::from),
    };
    let orientation = head.exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    Ok((pixels.ok_or(Fault::Corrupt)?, orientation))
}

/// Returns the number of pixels of a JPEG stream within another file if its structure is one that `zune-jpeg` decodes
/// right. The stream may lack tables.
pub(in super::super) fn plain_pixels(stream: &[u8]) -> Result<Option<u64>, Fault> {
    let head = Head::read(stream)?;
    let pixels = u64::from(head.frame.width) * u64::from(head.frame.height);
    Ok(has_plain_structure(&head).then_some(pixels))
}

/// Returns the number of samples that all scans together decode.
fn work(head: &Head<'_>) -> u64 {
    let samples = |component: &usize| {
        let (across, down) = head.frame.blocks(*component);
        u64::from(across) * u64::from(down) * 64
    };
    head.scans.iter().flat_map(|scan| &scan.components).map(samples).sum()
}

/// Returns the most memory that decoding takes, with the result.
fn memory(head: &Head<'_>, is_plain: bool, length: usize) -> u64 {
    let (across, down) = head.frame.units();
    let factors =
        head.frame.components.iter().map(|component| u64::from(component.factors.0) * u64::from(component.factors.1));
    let samples = u64::from(across) * u64::from(down) * 64 * factors.sum::<u64>();
    let pixels = u64::from(head.frame.width) * u64::from(head.frame.height);
    let result = if head.colors == Colors::Gray { pixels } else { pixels * 3 };
    let decoder = match (is_plain, head.frame.progressive) {
        // Rows, and a copy of the file if its last row is short.
        (true, false) => length as u64 + 64 * u64::from(head.frame.width),
        // Coefficients of 16 bits.
        (true, true) => samples * 2,
        // Coefficients, planes, and ink beside the colors.
        (false, _) => samples * 3 + if head.frame.components.len() == 4 { pixels * 4 } else { 0 },
    };
    result + decoder + (64 << 10)
}

fn has_plain_structure(head: &Head<'_>) -> bool {
    let components = &head.frame.components;
    let (h_max, v_max) = head.frame.max_factors();
    let others = components.get(1..).unwrap_or_default();
    // It repeats columns of a component sampled at two of four horizontally, and those of components that differ from each
    // other at four.
    let uniform = h_max < 4 || others.iter().all(|other| other.factors == others[0].factors);
    let sampling = components.iter().all(|component| {
        let (h, v) = component.factors;
        let horizontal = h.is_power_of_two() && (h_max < 4 || h == 1 || h == h_max);
        horizontal && v.is_power_of_two() && (v == 1 || v == v_max)
    });
    let all: Vec<usize> = (0..components.len()).collect();
    let interleaved = head.scans.len() == 1 && head.scans[0].components == all;
    uniform
        && sampling
        && components[0].factors == head.frame.max_factors()
        && (interleaved || head.frame.progressive)
        && !head.stray_bytes
}

/// The number of bytes that the fast decoder reads ahead, and more.
const READ_AHEAD: usize = 16;

/// Decodes a file with the fast decoder. Returns `None` if it takes the colors for others.
fn decode_plain(bytes: &[u8], head: &Head<'_>) -> Result<Option<Vec<u8>>, Fault> {
    if head.frame.progressive {
        return decode_fast(bytes, head);
    }
    // With more segments in front of it the decoder fills what is missing with gray. At the end of its input it
    // returns an error, also if the last row is so short that it has read it ahead.
    let data = bytes.get(..head.data_end).ok_or(Fault::Corrupt)?;
    decode_fast(data, head).or_else(|_| decode_fast(&[data, &[0; READ_AHEAD]].concat(), head))
}

fn decode_fast(bytes: &[u8], head: &Head<'_>) -> Result<Option<Vec<u8>>, Fault> {
    let gray = head.colors == Colors::Gray;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(if gray { ColorSpace::Luma } else { ColorSpace::RGB });
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|_| Fault::Corrupt)?;
    let colors = match head.colors {
        Colors::Gray => ColorSpace::Luma,
        Colors::Rgb => ColorSpace::RGB,
        Colors::YCbCr => ColorSpace::YCbCr,
        Colors::Cmyk => ColorSpace::CMYK,
        Colors::Ycck => ColorSpace::YCCK,
    };
    if decoder.input_colorspace() != Some(colors) {
        return Ok(None);
    }
    decoder.decode().map(Some).map_err(|_| Fault::Corrupt)
}

/// Decodes a file of any structure that `jpeg-decoder` decodes right.
fn decode_scans(bytes: &[u8], head: &Head<'_>) -> Result<Vec<u8>, Fault> {
    if !head.scans.iter().all(|scan| blocks_are_counted_right(scan, &head.frame)) {
        return Err(Fault::unsupported("with scans of one component and this sampling"));
    }
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_color_transform(match head.colors {
        Colors::Gray => ColorTransform::Grayscale,
        Colors::Rgb => ColorTransform::RGB,
        Colors::YCbCr => ColorTransform::YCbCr,
        Colors::Cmyk => ColorTransform::CMYK,
        Colors::Ycck => ColorTransform::YCCK,
    });
    let values = decoder.decode().map_err(|error| match error {
        jpeg_decoder::Error::Unsupported(_) => Fault::unsupported("of a variant"),
        _ => Fault::Corrupt,
    })?;
    Ok(match head.colors {
        Colors::Gray | Colors::Rgb | Colors::YCbCr => values,
        Colors::Cmyk | Colors::Ycck => cmyk_to_rgb(&values),
    })
}

/// Returns `true` if `jpeg-decoder` reads as many blocks from a scan as it has.
///
/// It takes the blocks of a component that is alone in a scan from the units of the whole frame, and cuts them off at the
/// size of the image, which is wrong for a component that is sampled at two of four. It counts their pixels in 16 bits.
fn blocks_are_counted_right(scan: &Scan, frame: &Frame) -> bool {
    let [component] = *scan.components else { return true };
    let (h, v) = frame.components[component].factors;
    let (across, down) = frame.units();
    let (across, down) = (across * u32::from(h), down * u32::from(v));
    let cut = |blocks: u32, size: u16| blocks.min(u32::from(size).div_ceil(8));
    frame.blocks(component) == (cut(across, frame.width), cut(down, frame.height)) && across.max(down) <= 1 << 13
}

/// Converts ink, of which 0 is none, to light.
fn cmyk_to_rgb(values: &[u8]) -> Vec<u8> {
    let light = |ink: u8, black: u8| ((u32::from(255 - ink) * u32::from(255 - black) + 127) / 255) as u8;
    let pixels = values.as_chunks::<4>().0.iter();
    pixels.flat_map(|[cyan, magenta, yellow, black]| [*cyan, *magenta, *yellow].map(|ink| light(ink, *black))).collect()
}
