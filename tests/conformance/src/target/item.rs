//! The smallest item of each kind, for engines that take items.

use serde_json::{Value, json};

/// The kinds of items. An engine of items names its only input after its kind.
pub(super) const KINDS: [&str; 4] = ["image", "text", "json", "row"];

/// An image of 8x8 pixels: a gray ramp.
const IMAGE: &[u8] = include_bytes!("../../data/ramp.png");

/// An item: its JSON form, its media type, and its bytes as a raw body.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) json: Value,
    pub(crate) media: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl Sample {
    /// Returns the built-in item of a kind, or the given one, which is in its JSON form.
    pub(super) fn of(kind: &str, given: Option<&Value>) -> Self {
        let json = given.cloned().unwrap_or_else(|| match kind {
            "image" => base64_simd::STANDARD.encode_to_string(IMAGE).into(),
            "text" => "A short text.".into(),
            _ => json!({}),
        });
        let text = json.as_str().map_or_else(|| json.to_string(), str::to_string);
        let (media, bytes) = match kind {
            "image" => match base64_simd::STANDARD.decode_to_vec(&text) {
                Ok(bytes) => (media_type(&bytes), bytes),
                Err(_) => ("application/octet-stream", text.into_bytes()),
            },
            _ => ("text/plain", text.into_bytes()),
        };
        Sample { json, media, bytes }
    }

    /// Returns the item as a string.
    pub(crate) fn text(&self) -> String {
        self.json.as_str().map_or_else(|| self.json.to_string(), str::to_string)
    }
}

fn media_type(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, ..] => "image/jpeg",
        _ => "application/octet-stream",
    }
}
