//! [`Image`] as a model's input: a base64-encoded file, or in binary form the file itself.

use super::{decoded::Image, limits::ImageLimits};
use crate::{
    error::Result,
    input::{
        decode::{DecodeContext, Input},
        example, modality,
        payload::ElementPayload,
        with_params::WithParams,
    },
    protocol::{BytesElement, JsonText},
};

/// A gray square of 8 x 8 pixels as a PNG.
const GRAY: &str = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAAAAADhZOFXAAAADklEQVR42mNogAIGyhgAgIQgARDoahcAAAAASUVORK5CYII=";

impl Input for Image {
    type Modality = modality::Image;

    fn decode(payload: ElementPayload, cx: &DecodeContext<'_>) -> Result<Self> {
        let limits = ImageLimits::new(cx.max_pixels);
        Ok(match &payload.value {
            BytesElement::Json(_) => Image::decode_base64(&payload.text()?, &limits)?,
            BytesElement::Binary(file) => Image::decode(file, &limits)?,
        })
    }

    fn example() -> Option<JsonText> {
        example::from_element("image", &JsonText::from_value(GRAY).ok()?)
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
