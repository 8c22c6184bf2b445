//! From the bytes of a file to an [`Image`], within limits. [`Image::decode`] calls it.

use std::io::Cursor;

use ::image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, metadata::Orientation};

use super::{Image, ImageFormat, jpeg, tiff, webp};
use crate::Rejection;

/// No limit lets more pixels through: the largest WebP has so many, and the decoders count bytes in 32 bits.
const MOST_PIXELS: u64 = 1 << 28;

/// How large a picture may be.
///
/// The size stands at the head of a file and is checked before memory is reserved for the pixels, so a small file that
/// unpacks to a huge picture is refused at no cost.
///
/// ```
/// use chariot_engine::ImageLimits;
///
/// assert_eq!(ImageLimits::default().max_pixels, 50_000_000);
/// let small = ImageLimits { max_pixels: 1024 * 1024 };
/// assert!(small.max_pixels < ImageLimits::default().max_pixels);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageLimits {
    /// The most pixels, width times height; 50,000,000 by default. More than 268,435,456 are never decoded. A pixel
    /// takes 1 to 4 bytes in most files, 16 at the most.
    pub max_pixels: u64,
}

impl Default for ImageLimits {
    fn default() -> Self {
        ImageLimits { max_pixels: 50_000_000 }
    }
}

impl ImageLimits {
    fn most(&self) -> u64 {
        self.max_pixels.min(MOST_PIXELS)
    }

    /// What a decoder may reserve besides the picture, or with it: each counts differently.
    fn for_decoder(&self, format: ImageFormat) -> Limits {
        let bytes_a_pixel = match format {
            // A frame that does not fill the picture goes through a buffer of its own.
            ImageFormat::Gif => 4,
            // Four channels of 32 bits, and as much again for a strip or tile on its way.
            ImageFormat::Tiff => 32,
            ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Bmp => 8,
        };
        // Rows, tables and texts are there in small pictures too.
        const BESIDES: u64 = 16 << 20;
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(self.most() * bytes_a_pixel + BESIDES);
        limits
    }
}

/// Decodes a file by its content.
pub(super) fn decode(bytes: &[u8], limits: &ImageLimits) -> Result<Image, Rejection> {
    if bytes.is_empty() {
        return Err(Rejection::new("a picture is expected, nothing came"));
    }
    let Some((format, coded)) = format_of(bytes) else {
        return Err(Rejection::new(
            "a picture as PNG, JPEG, WebP, BMP, GIF or TIFF is expected; what came is none of these",
        ));
    };
    let sound = match format {
        ImageFormat::Jpeg => jpeg::is_whole(bytes),
        ImageFormat::Tiff => tiff::is_sound(bytes),
        ImageFormat::WebP => webp::is_sound(bytes),
        ImageFormat::Png | ImageFormat::Bmp | ImageFormat::Gif => true,
    };
    if !sound {
        return Err(broken(format));
    }
    let fault = |error: ImageError| match error {
        ImageError::Limits(_) => Rejection::new(format!(
            "a picture of at most {} pixels is expected; this {format} needs more memory than that allows",
            limits.most()
        )),
        ImageError::Unsupported(_) => Rejection::new(format!(
            "a {format} that can be decoded is expected; this one is of a kind that is not supported"
        )),
        _ => broken(format),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), coded);
    reader.limits(limits.for_decoder(format));
    let mut decoder = reader.into_decoder().map_err(fault)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Rejection::new(format!("a picture with pixels is expected, one of {width} x {height} came")));
    }
    if u64::from(width) * u64::from(height) > limits.most() {
        return Err(Rejection::new(format!(
            "a picture of at most {} pixels is expected, one of {width} x {height} came",
            limits.most()
        )));
    }
    // A picture with broken EXIF data is a picture all the same.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let pixels = DynamicImage::from_decoder(decoder).map_err(fault)?;
    Ok(Image { pixels, format: Some(format), orientation })
}

fn broken(format: ImageFormat) -> Rejection {
    Rejection::new(format!("a {format} that can be decoded is expected; this one is broken or cut short"))
}

fn format_of(bytes: &[u8]) -> Option<(ImageFormat, ::image::ImageFormat)> {
    let coded = ::image::guess_format(bytes).ok()?;
    let format = match coded {
        ::image::ImageFormat::Png => ImageFormat::Png,
        ::image::ImageFormat::Jpeg => ImageFormat::Jpeg,
        ::image::ImageFormat::WebP => ImageFormat::WebP,
        ::image::ImageFormat::Bmp => ImageFormat::Bmp,
        ::image::ImageFormat::Gif => ImageFormat::Gif,
        ::image::ImageFormat::Tiff => ImageFormat::Tiff,
        _ => return None,
    };
    Some((format, coded))
}

#[cfg(test)]
mod tests {
    use ::image::{ExtendedColorType, Frame, GrayImage, ImageEncoder, Rgb, RgbImage, RgbaImage, codecs};
    use proptest::prelude::*;

    use super::*;

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

    fn fault(bytes: &[u8], max_pixels: u64) -> String {
        decode(bytes, &ImageLimits { max_pixels }).unwrap_err().text().to_owned()
    }

    #[test]
    fn every_format_is_known_by_its_content() {
        for (format, coded) in FORMATS {
            let image = decode(&file(squares(24, 16), coded), &ImageLimits::default()).unwrap();
            assert_eq!((image.width(), image.height(), image.format()), (24, 16, Some(format)));
            let [red, _, _] = image.as_dynamic().to_rgb8().get_pixel(2, 2).0;
            assert!(red > 240, "{format}");
        }
    }

    #[test]
    fn a_file_cut_short_names_its_format() {
        for (format, coded) in FORMATS {
            let whole = file(squares(64, 64), coded);
            // What ends a PNG or a GIF holds nothing of the picture.
            for end in [20, whole.len() / 2, whole.len() - 16] {
                let expected = format!("a {format} that can be decoded is expected; this one is broken or cut short");
                assert_eq!(fault(&whole[..end], 1 << 20), expected, "{end} of {}", whole.len());
            }
        }
    }

    #[test]
    fn what_is_no_picture_hears_what_would_be() {
        assert_eq!(fault(b"", 1), "a picture is expected, nothing came");
        for other in [&b"%PDF-1.7"[..], b"P6 1 1 255 abc", b"\0\0\x01\0\x01\0", b"<svg/>", b"\xff"] {
            assert_eq!(
                fault(other, 1),
                "a picture as PNG, JPEG, WebP, BMP, GIF or TIFF is expected; what came is none of these"
            );
        }
    }

    #[test]
    fn the_limit_counts_pixels_and_is_met_exactly() {
        for (format, coded) in FORMATS {
            let bytes = file(squares(20, 10), coded);
            assert!(decode(&bytes, &ImageLimits { max_pixels: 200 }).is_ok(), "{format}");
            assert_eq!(fault(&bytes, 199), "a picture of at most 199 pixels is expected, one of 20 x 10 came");
        }
    }

    #[test]
    fn a_bomb_is_refused_by_its_head() {
        let mut png = file(GrayImage::new(1, 1), ::image::ImageFormat::Png);
        png[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
        // The checksum of the head with this size.
        let sum = crc(&png[12..29]).to_be_bytes();
        png[29..33].copy_from_slice(&sum);
        assert_eq!(
            fault(&png, 50_000_000),
            "a picture of at most 50000000 pixels is expected, one of 30000 x 30000 came"
        );

        let mut gif = file(RgbImage::new(1, 1), ::image::ImageFormat::Gif);
        gif[6..10].fill(0xff);
        assert_eq!(
            fault(&gif, 50_000_000),
            "a picture of at most 50000000 pixels is expected, one of 65535 x 65535 came"
        );
        assert!(fault(&gif, u64::MAX).starts_with("a picture of at most 268435456 pixels is expected"));

        // A small picture with a huge frame.
        let mut gif = file(RgbImage::new(1, 1), ::image::ImageFormat::Gif);
        let frame = gif.iter().position(|byte| *byte == b',').unwrap();
        gif[frame + 5..frame + 9].fill(0xff);
        assert_eq!(
            fault(&gif, 50_000_000),
            "a picture of at most 50000000 pixels is expected; this GIF needs more memory than that allows"
        );
    }

    #[test]
    fn a_webp_whose_frame_is_not_what_its_container_says_is_refused() {
        let part = |kind: &[u8], bytes: &[u8]| {
            [kind, &(bytes.len() as u32).to_le_bytes(), bytes, &vec![0; bytes.len() % 2]].concat()
        };
        let webp = |parts: &[u8]| [b"RIFF", &(parts.len() as u32 + 4).to_le_bytes()[..], b"WEBP", parts].concat();
        let head = part(b"VP8X", &[0; 10]);
        let lossy = part(b"VP8 ", &[0x10, 0, 0, 0x9d, 1, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0]);
        let expected = "a WebP that can be decoded is expected; this one is broken or cut short";
        assert_eq!(fault(&webp(&[&head[..], &lossy].concat()), 1000), expected);
        let frame = part(b"ANMF", &[&[0; 16][..], &lossy].concat());
        assert_eq!(fault(&webp(&[&head[..], &frame].concat()), 1000), expected);
        assert_eq!(fault(&webp(&[&head[..], b"EXIF", &[0xff; 4]].concat()), 1000), expected);
    }

    #[test]
    fn of_a_gif_the_first_frame_is_taken() {
        let mut gif = Vec::new();
        let mut encoder = codecs::gif::GifEncoder::new(&mut gif);
        for value in [10, 200] {
            encoder.encode_frame(Frame::new(RgbaImage::from_pixel(2, 2, [value, value, value, 255].into()))).unwrap();
        }
        drop(encoder);
        let image = decode(&gif, &ImageLimits::default()).unwrap();
        assert_eq!(image.as_dynamic().to_luma8().as_raw(), &[10; 4]);
    }

    #[test]
    fn a_picture_is_turned_upright_only_when_asked() {
        // EXIF of one entry: orientation 6, to be turned a quarter to the right.
        let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
        let mut png = Vec::new();
        let mut encoder = codecs::png::PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(&[1, 2], 2, 1, ExtendedColorType::L8).unwrap();
        let image = decode(&png, &ImageLimits::default()).unwrap();
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
        fn no_bytes_make_it_panic(bytes: Vec<u8>, head in 0..FORMATS.len()) {
            let _ = decode(&bytes, &ImageLimits::default());
            let headed = [&file(squares(2, 2), FORMATS[head].1)[..16], &bytes].concat();
            let _ = decode(&headed, &ImageLimits { max_pixels: 1 << 16 });
        }

        #[test]
        fn no_damage_makes_it_panic_or_break_the_limit(
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
            if let Ok(image) = decode(&bytes, &ImageLimits { max_pixels: 1 << 16 }) {
                prop_assert!(image.width() * image.height() <= 1 << 16);
            }
        }
    }
}
