//! The format of a request body: decided by the headers and the first byte of the body. The server makes a [`BodyFormat`]
//! from headers, and the host decodes bodies with it.

use bytes::Bytes;

use super::{
    chariot_v2, datatype::DataType, json_text::JsonText, metadata::TensorMetadata, request::InferRequest,
    version::Protocol,
};
use crate::error::{Expected, Rejection};

/// The meaning of a `Content-Type` for the body.
///
/// ```
/// use chariot_engine::protocol::MediaType;
///
/// assert_eq!(MediaType::from_content_type(b"Application/JSON; charset=utf-8"), MediaType::Json);
/// assert_eq!(MediaType::from_content_type(b"image/png"), MediaType::Raw);
/// assert_eq!(MediaType::from_content_type(b"text/plain"), MediaType::Other);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaType {
    /// No media type.
    #[default]
    Absent,
    /// JSON: `application/json`, or a media type that ends in `+json`.
    Json,
    /// Lines of JSON objects: `application/jsonl`.
    Lines,
    /// The raw bytes of one item: `image/*`, `audio/*`, `video/*`, `application/octet-stream`.
    Raw,
    /// Any other media type, which does not decide the format.
    Other,
}

impl MediaType {
    /// Parses the value of a `Content-Type` header.
    pub fn from_content_type(value: &[u8]) -> Self {
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
        let ends_in = |end: &str| {
            essence.len().checked_sub(end.len()).is_some_and(|at| essence[at..].eq_ignore_ascii_case(end.as_bytes()))
        };
        let begins_with =
            |kind: &str| essence.get(..kind.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(kind.as_bytes()));
        if essence.is_empty() {
            MediaType::Absent
        } else if is("application/json") || ends_in("+json") {
            MediaType::Json
        } else if is("application/jsonl") {
            MediaType::Lines
        } else if is("application/octet-stream") || ["image/", "audio/", "video/"].into_iter().any(begins_with) {
            MediaType::Raw
        } else {
            MediaType::Other
        }
    }
}

/// The headers of a request that decide the format of its body. The default is a request without such headers.
///
/// ```
/// use chariot_engine::protocol::{Accepts, BodyFormat, MediaType, Protocol};
///
/// let format = BodyFormat::new(MediaType::Lines);
/// let body = "{\"input\": \"one\"}\n{\"input\": \"two\", \"parameters\": {\"action\": \"predict\"}}\n";
/// let (request, protocol) = format.decode(&body.into(), &Accepts::default())?;
/// assert_eq!((request.inputs.len(), protocol), (2, Protocol::V2));
/// assert_eq!(request.inputs[1].parameters.action(), Some("predict"));
/// # Ok::<(), chariot_engine::Rejection>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyFormat {
    /// The value of [`JSON_LENGTH_HEADER`](super::JSON_LENGTH_HEADER): the length of the JSON in front of the binary tensors,
    /// in bytes; 0 for a body that is only a tensor.
    pub json_length: Option<usize>,
    /// The media type of the body.
    pub media_type: MediaType,
    /// The value of [`PARAMETERS_HEADER`](super::PARAMETERS_HEADER).
    pub parameters: Option<Bytes>,
}

/// The requests that a model accepts, as far as decoding depends on it. The default is a model of images or text.
///
/// ```
/// use chariot_engine::protocol::{Accepts, BodyFormat, Protocol};
///
/// let mut accepts = Accepts::default();
/// accepts.protocol = Some(Protocol::V2);
/// let body = r#"{"inputs": [{"data": ["one"]}]}"#;
/// let rejected = BodyFormat::default().decode(&body.into(), &accepts).unwrap_err();
/// assert_eq!(rejected.text(), "expected a chariot-v2 request, got a chariot-v2-kserve request");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Accepts {
    /// The only protocol that the model accepts; `None` for both.
    pub protocol: Option<Protocol>,
    /// Set if the inputs are items. Named tensors are not, and `chariot-v2` cannot express them.
    pub items: bool,
    /// Set if any bytes or any text can be an item.
    pub raw_items: bool,
    /// The input whose tensor can be the whole body; `None` if the model has several inputs.
    pub single_input: Option<TensorMetadata>,
}

impl Default for Accepts {
    fn default() -> Self {
        let single_input = Some(TensorMetadata::new("", DataType::Bytes, [1]));
        Accepts { protocol: None, items: true, raw_items: true, single_input }
    }
}

impl Accepts {
    /// Returns `true` if the model accepts requests of this protocol.
    pub fn supports(&self, protocol: Protocol) -> bool {
        self.protocol.is_none_or(|only| only == protocol) && (self.items || protocol == Protocol::V2Kserve)
    }

    /// Rejects a request of a protocol that the model does not accept.
    fn check(&self, protocol: Protocol) -> Result<(), Rejection> {
        if self.supports(protocol) {
            return Ok(());
        }
        let other = Protocol::ALL.into_iter().find(|other| *other != protocol).unwrap_or(protocol);
        let reason = if self.items { "" } else { " because the model has named tensors" };
        let expected = format_args!("a {other} request{reason}");
        Err(Rejection::new(Expected::new(expected, format_args!("a {protocol} request"))))
    }
}

/// The way to decode a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    /// JSON of this number of bytes followed by binary tensors, or one tensor alone.
    Binary(usize),
    /// Lines of `chariot-v2`.
    Lines,
    /// One raw item.
    Item,
    /// A JSON document, whose members decide the protocol.
    Document,
    /// A JSON document if the body is JSON, otherwise one raw item.
    DocumentOrItem,
}

impl BodyFormat {
    /// Makes the format of a body with this media type and without other headers.
    pub fn new(media_type: MediaType) -> Self {
        BodyFormat { media_type, ..BodyFormat::default() }
    }

    /// Returns the way to decode a body whose first byte after whitespace is `first`. `raw_items` is set if any bytes or
    /// any text can be an item. The protocol defines the order of the rules: the first match decides.
    pub(super) fn kind(&self, first: Option<u8>, raw_items: bool) -> BodyKind {
        match (self.json_length, self.media_type, &self.parameters) {
            (Some(json_length), ..) => BodyKind::Binary(json_length),
            (_, MediaType::Lines, _) => BodyKind::Lines,
            (_, MediaType::Raw, _) | (.., Some(_)) => BodyKind::Item,
            (_, MediaType::Other, _) if raw_items && first == Some(b'{') => BodyKind::DocumentOrItem,
            (_, MediaType::Other, _) if raw_items => BodyKind::Item,
            _ => BodyKind::Document,
        }
    }

    /// Decodes a body of this format. Returns the request and its protocol, which is also that of the response.
    ///
    /// # Errors
    /// Returns an error with the location of the first fault in the body, the expected and the given value, or an error if
    /// the model does not accept the protocol.
    pub fn decode(&self, body: &Bytes, accepts: &Accepts) -> Result<(InferRequest, Protocol), Rejection> {
        let first = body.iter().copied().find(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        let kind = match self.kind(first, accepts.raw_items && accepts.supports(Protocol::V2)) {
            // If the body cannot be an item, the media type does not count: clients send JSON as
            // `application/octet-stream`.
            BodyKind::Item if first == Some(b'{') && self.parameters.is_none() && !accepts.supports(Protocol::V2) => {
                BodyKind::Document
            }
            kind => kind,
        };
        let protocol_of_headers = match kind {
            BodyKind::Binary(_) => Some(Protocol::V2Kserve),
            BodyKind::Lines | BodyKind::Item => Some(Protocol::V2),
            BodyKind::Document | BodyKind::DocumentOrItem => None,
        };
        if let Some(protocol) = protocol_of_headers {
            accepts.check(protocol)?;
        }
        let item = || Ok((chariot_v2::item(body, self.parameters.as_ref())?, Protocol::V2));
        let (request, protocol) = match kind {
            BodyKind::Binary(0) => match &accepts.single_input {
                Some(input) => (InferRequest::decode_raw(body, input)?, Protocol::V2Kserve),
                None => {
                    let expected = "JSON before the tensors because the model has several inputs";
                    return Err(Rejection::new(Expected::new(expected, "a tensor alone")));
                }
            },
            BodyKind::Binary(json_length) => (InferRequest::decode_binary(body, json_length)?, Protocol::V2Kserve),
            BodyKind::Lines => (chariot_v2::lines(body)?, Protocol::V2),
            BodyKind::Item => item()?,
            BodyKind::Document => chariot_v2::document(body)?,
            BodyKind::DocumentOrItem => match chariot_v2::document(body) {
                // A body that is not JSON is an item.
                Err(_) if JsonText::from_text(body.clone()).is_err() => item()?,
                decoded => decoded?,
            },
        };
        accepts.check(protocol)?;
        Ok((request, protocol))
    }
}
