//! An image, as a file or as base64.

use chariot_engine::{Image, Rejection, input::image::ImageLimits};

use super::{Outcome, class_of};
use crate::{check, memory};

pub(super) const WORDS: &[&str] = &[
    "IHDR",
    "IDAT",
    "IEND",
    "PLTE",
    "tRNS",
    "eXIf",
    "acTL",
    "fcTL",
    "RIFF",
    "WEBPVP8 ",
    "VP8L",
    "VP8X",
    "ANIM",
    "ANMF",
    "ALPH",
    "GIF89a",
    "NETSCAPE2.0",
    "BM",
    "II*\0",
    "MM\0*",
    "\u{ff}",
    "Exif\0\0",
    "====",
    "-_-_",
    "data:image/png;base64,",
];

const LIMITS: ImageLimits = ImageLimits::new(4096);
/// Sixteen bytes a pixel, what a decoder takes besides, and what it may reserve whatever the size.
const MAX_MEMORY: usize = 4096 * 64 + (20 << 20);

pub(super) fn image(input: &[u8]) -> Outcome {
    let Some((mode, file)) = input.split_first() else { return Outcome::Rejected("too short".into()) };
    if mode % 2 == 1 {
        let text = String::from_utf8_lossy(file);
        return outcome(&Image::decode_base64(&text, &LIMITS), input);
    }
    let (read, cost) = memory::cost(|| Image::decode(file, &LIMITS));
    // A value of a TIFF takes 32 bytes in memory, whatever its size in the file.
    check::cost(cost, file.len(), 64, MAX_MEMORY);
    if file.len() < 1000 {
        let text = base64_simd::URL_SAFE_NO_PAD.encode_to_string(file);
        let by_text = Image::decode_base64(&text, &LIMITS);
        // The message of a rejection names the form.
        assert!(by_text.ok() == read.clone().ok(), "an image from base64 differs from the file");
    }
    outcome(&read, input)
}

fn outcome(read: &Result<Image, Rejection>, input: &[u8]) -> Outcome {
    match read {
        Ok(image) => {
            assert!(u64::from(image.width()) * u64::from(image.height()) <= LIMITS.max_pixels);
            assert!(image.width() > 0 && image.height() > 0);
            let upright = image.clone().upright();
            assert_eq!(u64::from(upright.width()) * u64::from(upright.height()), pixels(image));
            let shape = (image.format().map(|format| format.to_string()), format!("{:?}", image.as_dynamic().color()));
            Outcome::Accepted(class_of(shape))
        }
        Err(rejection) => {
            check::message(rejection.text(), &[input, b"None"].concat());
            Outcome::Rejected(rejection.text().to_owned())
        }
    }
}

fn pixels(image: &Image) -> u64 {
    u64::from(image.width()) * u64::from(image.height())
}
