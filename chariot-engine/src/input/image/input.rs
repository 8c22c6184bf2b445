//! [`Image`] as a model's input: a base64-encoded file, or in binary form the file itself.

use ::image::DynamicImage;

use super::{decoded::Image, limits::ImageLimits};
use crate::{
    error::Result,
    input::{
        context::DecodeContext, decode::Input, example, modality, payload::ElementPayload, with_params::WithParams,
    },
    protocol::{BytesElement, JsonText, block},
};

/// A gray square of 8 x 8 pixels as a PNG.
const GRAY: &str = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADklEQVR42mNogAIGyhgAgIQgARDoahcAAAAASUVORK5CYII=";

impl Input for Image {
    type Modality = modality::Image;

    fn decode(payload: ElementPayload, cx: &DecodeContext<'_>) -> Result<Self> {
        let limits = ImageLimits::new(cx.max_pixels);
        Ok(match &payload.value {
            BytesElement::Json(text) => {
                if text.as_bytes().contains(&b'\\') {
                    cx.reserve(text.as_bytes().len())?;
                }
                Image::decode_base64_metered(&payload.text()?, &limits, cx.meter())?
            }
            BytesElement::Binary(file) => Image::decode_metered(file, &limits, cx.meter())?,
        })
    }

    fn example() -> Option<JsonText> {
        example::from_element("image", &JsonText::from_value(GRAY).ok()?)
    }

    fn memory(&self) -> usize {
        let pixels = (self.width() as usize).saturating_mul(self.height() as usize);
        // `Pixels` converts all but these to 8 bits for each channel, for as long as it writes their numbers.
        let converted = match &self.pixels {
            DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) => 0,
            pixels if pixels.color().has_color() => 3,
            _ => 1,
        };
        block(self.pixels.as_bytes().len()) + pixels.saturating_mul(converted)
    }
}

impl<P> AsRef<Image> for WithParams<Image, P> {
    fn as_ref(&self) -> &Image {
        &self.input
    }
}
