//! The format of a request body: decided by the headers and the first bytes of the body. The server makes a [`BodyFormat`]
//! from headers, and the host decodes bodies with it.

use bytes::Bytes;

use super::{
    chariot_v2,
    datatype::DataType,
    decode::Items,
    form,
    json_text::{self, BYTE_ORDER_MARK},
    media_type::MediaType,
    metadata::TensorMetadata,
    meter::Meter,
    multipart, picture,
    request::InferRequest,
    version::Protocol,
};
use crate::error::{Expected, Rejection};

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
    /// The boundary between the parts of a body of `multipart/form-data`.
    pub boundary: Option<Bytes>,
    /// The value of [`PARAMETERS_HEADER`](super::PARAMETERS_HEADER).
    pub parameters: Option<Bytes>,
    /// Set if a body without a media type that starts like an image file is one raw item, for a model of images. The
    /// server sets it on the route `/infer`, and not on the routes of the Open Inference Protocol. Default: `false`.
    pub detects_images: bool,
}

/// The requests that a model accepts, as far as decoding depends on it. The default is a model of texts.
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
    /// The only protocol that the model accepts; `None` for all.
    pub protocol: Option<Protocol>,
    /// Set if the inputs are items. Named tensors are not, and `chariot-v2` cannot express them.
    pub items: bool,
    /// Set if any bytes or any text can be an item.
    pub raw_items: bool,
    /// Set if an item is an image file.
    pub images: bool,
    /// Set if any JSON value can be an item, and not only a string.
    pub json_items: bool,
    /// The input whose tensor can be the whole body; `None` if the model has several inputs.
    pub single_input: Option<TensorMetadata>,
}

impl Default for Accepts {
    fn default() -> Self {
        let single_input = Some(TensorMetadata::new("", DataType::Bytes, [1]));
        Accepts { protocol: None, items: true, raw_items: true, images: false, json_items: false, single_input }
    }
}

impl Accepts {
    /// Returns `true` if the model accepts requests of this protocol.
    pub fn supports(&self, protocol: Protocol) -> bool {
        self.protocol.is_none_or(|only| only == protocol) && (self.items || protocol != Protocol::V2)
    }

    /// Rejects a request of a protocol that the model does not accept.
    fn check(&self, protocol: Protocol) -> Result<(), Rejection> {
        if self.supports(protocol) {
            return Ok(());
        }
        let only = self.protocol.unwrap_or(Protocol::V2Kserve);
        let reason = if self.items { "" } else { " because the model has named tensors" };
        let article = if only == Protocol::OpenAiV1 { "an" } else { "a" };
        let expected = format_args!("{article} {only} request{reason}");
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
    /// A form, whose files are items.
    Parts,
    /// A JSON document, whose members decide the protocol.
    Document,
    /// A form, a body of parts or a text that is not UTF-8, which is not read.
    Unsupported,
}

impl BodyFormat {
    /// Makes the format of a body with this media type and without other headers.
    pub fn new(media_type: MediaType) -> Self {
        BodyFormat { media_type, ..BodyFormat::default() }
    }

    /// Makes the format of a body with this `Content-Type` and without other headers.
    ///
    /// ```
    /// use chariot_engine::protocol::{Accepts, BodyFormat};
    ///
    /// let format = BodyFormat::from_content_type(b"multipart/form-data; boundary=x");
    /// let body = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhello\r\n--x--\r\n";
    /// let (request, _) = format.decode(&body.into(), &Accepts::default())?;
    /// assert_eq!(request.inputs[0].name, "a.txt");
    /// # Ok::<(), chariot_engine::Rejection>(())
    /// ```
    pub fn from_content_type(value: &[u8]) -> Self {
        let media_type = MediaType::from_content_type(value);
        let boundary = if media_type == MediaType::Multipart { multipart::boundary(value) } else { None };
        BodyFormat { boundary, ..BodyFormat::new(media_type) }
    }

    /// Returns the way to decode a body. The protocol defines the order of the rules: the first match decides.
    pub(super) fn kind(&self, body: &[u8], accepts: &Accepts) -> BodyKind {
        let takes_items = accepts.supports(Protocol::V2);
        match (self.json_length, self.media_type, &self.parameters) {
            (Some(json_length), ..) => BodyKind::Binary(json_length),
            (_, MediaType::Lines, _) => BodyKind::Lines,
            // If the body cannot be an item, the media type does not count: clients send JSON as
            // `application/octet-stream`.
            (_, MediaType::Raw, None) if !takes_items && begins_as_object(body) => BodyKind::Document,
            (_, MediaType::Multipart, _) if self.is_form(accepts) && !begins_as_object(body) => BodyKind::Parts,
            (_, MediaType::Raw, _) | (.., Some(_)) => BodyKind::Item,
            (_, MediaType::Json, None) => BodyKind::Document,
            // Whatever the media type: a request that is broken must never be the text that a model reads.
            _ if begins_as_object(body) => BodyKind::Document,
            (_, MediaType::Form | MediaType::Multipart | MediaType::WideText, None) => BodyKind::Unsupported,
            (_, MediaType::Absent, None) => {
                let is_image = self.detects_images && accepts.images && takes_items;
                if is_image && picture::media_type(body).is_some() { BodyKind::Item } else { BodyKind::Document }
            }
            (_, MediaType::Other, None) => {
                if accepts.raw_items && takes_items {
                    BodyKind::Item
                } else {
                    BodyKind::Document
                }
            }
        }
    }

    /// Returns `true` if the parts of the body are items of a model that takes any bytes or any text.
    fn is_form(&self, accepts: &Accepts) -> bool {
        self.boundary.is_some() && accepts.items && accepts.raw_items
    }

    /// Rejects a body whose media type is not supported. The server answers with 415.
    ///
    /// # Errors
    /// Returns an error that says how to send the request.
    pub(crate) fn check_media_type(&self, body: &[u8], accepts: &Accepts) -> Result<(), Rejection> {
        let got = match self.media_type {
            MediaType::Form => "a form",
            MediaType::Multipart => "a body of several parts",
            MediaType::WideText => "a text that is not UTF-8",
            _ => return Ok(()),
        };
        if self.kind(body, accepts) != BodyKind::Unsupported {
            return Ok(());
        }
        let item = match accepts {
            _ if !accepts.supports(Protocol::V2) || !accepts.raw_items => "",
            Accepts { images: true, .. } => {
                ", or the file alone with its media type, such as image/png, or files as multipart/form-data"
            }
            _ => ", or the text alone as text/plain in UTF-8, or files as multipart/form-data",
        };
        let expected = format_args!("a JSON object as application/json{item}");
        Err(Rejection::new(Expected::new(expected, got)).at("Content-Type"))
    }

    /// Decodes a body of this format. Returns the request and its protocol, which is also that of the response. Skips a
    /// byte order mark in front of JSON or of a text.
    ///
    /// # Errors
    /// Returns an error with the location of the first fault in the body, the expected and the given value, or an error if
    /// the model does not accept the protocol or the media type.
    pub fn decode(&self, body: &Bytes, accepts: &Accepts) -> Result<(InferRequest, Protocol), Rejection> {
        self.decode_metered(body, accepts, &Meter::default())
    }

    /// Decodes a body as [`decode`](Self::decode) does, and reserves memory before it is taken. A refusal ends it with any
    /// rejection: [`Meter::refused`] has the error.
    pub(crate) fn decode_metered(
        &self,
        body: &Bytes,
        accepts: &Accepts,
        meter: &Meter<'_>,
    ) -> Result<(InferRequest, Protocol), Rejection> {
        self.check_media_type(body, accepts)?;
        let kind = self.kind(body, accepts);
        let protocol_of_headers = match kind {
            BodyKind::Binary(_) => Some(Protocol::V2Kserve),
            BodyKind::Lines | BodyKind::Item => Some(Protocol::V2),
            // The outputs have names, which `chariot-v2` cannot express.
            BodyKind::Parts if accepts.supports(Protocol::V2Kserve) => Some(Protocol::V2Kserve),
            BodyKind::Parts => Some(Protocol::V2),
            BodyKind::Document | BodyKind::Unsupported => None,
        };
        if let Some(protocol) = protocol_of_headers {
            accepts.check(protocol)?;
        }
        let items = if accepts.json_items { Items::Json } else { Items::Strings };
        let (request, protocol) = match kind {
            BodyKind::Binary(0) => match &accepts.single_input {
                Some(input) => (InferRequest::decode_raw(body, input)?, Protocol::V2Kserve),
                None => {
                    let expected = "JSON before the tensors because the model has several inputs";
                    return Err(Rejection::new(Expected::new(expected, "a tensor alone")));
                }
            },
            BodyKind::Binary(json_length) => {
                (InferRequest::decode_binary_metered(body, json_length, meter)?, Protocol::V2Kserve)
            }
            BodyKind::Lines => (chariot_v2::lines(body, items, meter)?, Protocol::V2),
            BodyKind::Item => {
                let is_text = self.media_type == MediaType::Other;
                let body = if is_text { &json_text::without_mark(body) } else { body };
                (chariot_v2::item(body, self.parameters.as_ref())?, Protocol::V2)
            }
            BodyKind::Parts => {
                let boundary = self.boundary.as_deref().unwrap_or_default();
                let request = form::request(body, boundary, self.parameters.as_ref(), !accepts.images, meter)?;
                (request, protocol_of_headers.unwrap_or(Protocol::V2Kserve))
            }
            BodyKind::Document | BodyKind::Unsupported => {
                if self.media_type == MediaType::Absent
                    && accepts.images
                    && let Some(image) = picture::media_type(body)
                {
                    let expected = format_args!("{image} for the bytes of an image");
                    return Err(Rejection::new(Expected::new(expected, "no media type")).at("Content-Type"));
                }
                chariot_v2::document(body, items, accepts.supports(Protocol::V2), meter)?
            }
        };
        accepts.check(protocol)?;
        Ok((request, protocol))
    }
}

/// Returns `true` if a body starts like a JSON object. Blanks, byte order marks and the zeros of wider encodings in front
/// of it do not count.
fn begins_as_object(mut body: &[u8]) -> bool {
    loop {
        body = match body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body) {
            [b' ' | b'\t'..=b'\r' | 0 | 0xfe | 0xff, rest @ ..] => rest,
            rest => return rest.first() == Some(&b'{'),
        };
    }
}
