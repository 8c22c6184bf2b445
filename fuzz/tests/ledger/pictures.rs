//! Requests of pictures.

use std::io::Cursor;

use chariot_engine::{
    Image,
    image::{DynamicImage, GrayImage, ImageFormat, Rgb32FImage, RgbImage, RgbaImage, codecs::jpeg::JpegEncoder},
};
use fuzz::tiff::{LONG, SHORT, head, head_length};

use crate::held::Case;

const WIDTH: u32 = 1024;
const HEIGHT: u32 = 1024;

fn write(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Vec::new();
    picture.write_to(&mut Cursor::new(&mut file), format).unwrap();
    file
}

fn case(name: &'static str, file: Vec<u8>) -> Case {
    Case::items::<Image>(name, file).headers("content-type: image/any\r\n")
}

/// Returns a TIFF of four channels of 32 bits, which are all 0.
fn tiff(width: u32, height: u32) -> Vec<u8> {
    let pixels = width * height * 16;
    // Four values of 16 bits each follow the directory of 11 entries.
    let values = head_length(11);
    let mut file = head(&[
        (256, LONG, 1, width),
        (257, LONG, 1, height),
        (258, SHORT, 4, values),
        (259, SHORT, 1, 1),
        (262, SHORT, 1, 2),
        (273, LONG, 1, values + 16),
        (277, SHORT, 1, 4),
        (278, LONG, 1, height),
        (279, LONG, 1, pixels),
        (338, SHORT, 1, 2),
        (339, SHORT, 4, values + 8),
    ]);
    file.extend([32_u16; 4].map(u16::to_le_bytes).concat());
    file.extend([3_u16; 4].map(u16::to_le_bytes).concat());
    file.resize(file.len() + pixels as usize, 0);
    file
}

/// Returns a progressive JPEG of three components, each of which all scans leave gray.
fn progressive(width: u16, height: u16) -> Vec<u8> {
    let blocks = usize::from(width).div_ceil(8) * usize::from(height).div_ceil(8);
    let mut file = vec![0xff, 0xd8];
    let mut segment = |marker: u8, payload: &[u8]| {
        file.extend([0xff, marker]);
        file.extend((payload.len() as u16 + 2).to_be_bytes());
        file.extend(payload);
    };
    segment(0xdb, &[&[0][..], &[1; 64]].concat());
    let frame =
        [&[8][..], &height.to_be_bytes(), &width.to_be_bytes(), &[3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]].concat();
    segment(0xc2, &frame);
    for class in [0, 0x10] {
        // One code of one bit, which stands for no coefficients.
        segment(0xc4, &[&[class, 1][..], &[0; 15], &[0]].concat());
    }
    let mut scan = |components: &[u8], band: [u8; 2]| {
        let selectors: Vec<u8> = components.iter().flat_map(|id| [*id, 0]).collect();
        let payload = [&[components.len() as u8][..], &selectors, &band, &[0]].concat();
        file.extend([0xff, 0xda]);
        file.extend((payload.len() as u16 + 2).to_be_bytes());
        file.extend(payload);
        file.resize(file.len() + (blocks * components.len()).div_ceil(8), 0);
    };
    scan(&[1, 2, 3], [0, 0]);
    for component in 1..=3 {
        scan(&[component], [1, 63]);
    }
    file.extend([0xff, 0xd9]);
    file
}

pub(crate) fn cases() -> Vec<Case> {
    let noise = |x: u32, y: u32| (x.wrapping_mul(31) ^ y.wrapping_mul(17)) as u8;
    let gray = DynamicImage::from(GrayImage::from_fn(WIDTH, HEIGHT, |x, y| [noise(x, y)].into()));
    let rgb = DynamicImage::from(RgbImage::from_fn(WIDTH, HEIGHT, |x, y| [noise(x, y), 7, 9].into()));
    let rgba = DynamicImage::from(RgbaImage::from_fn(WIDTH, HEIGHT, |x, y| [noise(x, y), 7, 9, x as u8].into()));
    let deep = DynamicImage::from(rgba.to_rgba16());
    let float = DynamicImage::from(Rgb32FImage::from_pixel(WIDTH, HEIGHT, [0.5, 0.25, 0.0].into()));
    let mut jpeg = Vec::new();
    JpegEncoder::new(&mut jpeg).encode_image(&rgb).unwrap();
    let base64 = base64_simd::STANDARD.encode_to_string(write(&rgb, ImageFormat::Png));
    let base64 = format!("{{\"inputs\":[{{\"name\":\"x\",\"data\":[\"{base64}\"]}}]}}");
    vec![
        case("PNG, gray", write(&gray, ImageFormat::Png)),
        case("PNG, RGB", write(&rgb, ImageFormat::Png)),
        case("PNG, RGBA", write(&rgba, ImageFormat::Png)),
        case("PNG, RGBA of 16 bits", write(&deep, ImageFormat::Png)),
        case("BMP", write(&rgb, ImageFormat::Bmp)),
        case("GIF", write(&rgba, ImageFormat::Gif)),
        case("WebP, RGB", write(&rgb, ImageFormat::WebP)),
        case("WebP, RGBA", write(&rgba, ImageFormat::WebP)),
        case("TIFF, RGB", write(&rgb, ImageFormat::Tiff)),
        case("TIFF, RGB of 32 bits", write(&float, ImageFormat::Tiff)),
        case("TIFF, RGBA of 32 bits", tiff(WIDTH, HEIGHT)),
        case("JPEG", jpeg),
        case("JPEG, progressive", progressive(WIDTH as u16, HEIGHT as u16)),
        Case::items::<Image>("PNG in base64", base64),
    ]
}
