//! [`Image`] as a model's input: decoded from the base64 text of an element, or in binary form from the file.

use super::{Image, ImageLimits};
use crate::{
    error::Result,
    input::{DecodeContext, ElementPayload, Input, WithParams, example, modality},
    protocol::{BytesElement, JsonText},
};

/// A grey square of 8 x 8 pixels, as PNG.
const GREY: &str = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADklEQVR42mNogAIGyhgAgIQgARDoahcAAAAASUVORK5CYII=";

impl Input for Image {
    type Modality = modality::Image;

    fn decode(part: ElementPayload, cx: &DecodeContext<'_>) -> Result<Self> {
        let limits = ImageLimits { max_pixels: cx.max_pixels };
        Ok(match &part.value {
            BytesElement::Json(_) => Image::decode_base64(&part.text()?, &limits)?,
            BytesElement::Binary(file) => Image::decode(file, &limits)?,
        })
    }

    fn example() -> Option<JsonText> {
        example::of_element("image", &JsonText::from_value(GREY).ok()?)
    }

    fn memory(&self) -> usize {
        self.pixels.as_bytes().len()
    }
}

impl<P> AsRef<Image> for WithParams<Image, P> {
    fn as_ref(&self) -> &Image {
        &self.input
    }
}
