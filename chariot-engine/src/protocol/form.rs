//! Which form a request has: what its head says of the body, and what the body is read as. The server makes a [`Form`]
//! of headers, the host reads bodies by it.

use bytes::Bytes;

use super::{DataType, InferRequest, JsonText, TensorMetadata, chariot_v2};
use crate::error::Rejection;

/// The header that holds the parameters of a raw item.
pub const PARAMETERS_HEADER: &str = "Chariot-Inference-Parameters";

/// The two protocols of Chariot, which are served on the same routes.
///
/// ```
/// use chariot_engine::protocol::Protocol;
///
/// assert_eq!(Protocol::named("chariot-v2"), Some(Protocol::V2));
/// assert_eq!(Protocol::V2Kserve.name(), "chariot-v2-kserve");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `chariot-v2-kserve`: the Open Inference Protocol, and Chariot's use of it.
    V2Kserve,
    /// `chariot-v2`: one item as JSON or as it is, or several as lines of JSON.
    V2,
}

impl Protocol {
    /// Both.
    pub const ALL: [Protocol; 2] = [Protocol::V2Kserve, Protocol::V2];

    /// The name by which the platform knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::V2Kserve => "chariot-v2-kserve",
            Protocol::V2 => "chariot-v2",
        }
    }

    /// The protocol of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

/// What a media type means for the body under it.
///
/// ```
/// use chariot_engine::protocol::MediaType;
///
/// assert_eq!(MediaType::read(b"Application/JSON; charset=utf-8"), MediaType::Json);
/// assert_eq!(MediaType::read(b"image/png"), MediaType::Raw);
/// assert_eq!(MediaType::read(b"text/plain"), MediaType::Other);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// There is none.
    #[default]
    Absent,
    /// JSON: `application/json`, or whatever ends in `+json`.
    Json,
    /// `application/jsonl`: a JSON object a line.
    Lines,
    /// The bytes of one item: `image/*`, `audio/*`, `video/*`, `application/octet-stream`.
    Raw,
    /// Any other, which says nothing.
    Other,
}

impl MediaType {
    /// Reads the value of a `Content-Type`.
    pub fn read(value: &[u8]) -> Self {
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

/// What the head of a request says of its body. The default is a head that says nothing.
///
/// ```
/// use chariot_engine::protocol::{Form, MediaType, Protocol, Takes};
///
/// let form = Form { media_type: MediaType::Lines, ..Form::default() };
/// let body = "{\"input\": \"one\"}\n{\"input\": \"two\", \"parameters\": {\"action\": \"predict\"}}\n";
/// let (request, protocol) = form.decode(&body.into(), &Takes::default())?;
/// assert_eq!((request.inputs.len(), protocol), (2, Protocol::V2));
/// assert_eq!(request.inputs[1].parameters.action(), Some("predict"));
/// # Ok::<(), chariot_engine::Rejection>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// How long the JSON is that binary tensors follow, by the header of that name; 0 where a tensor is all there is.
    pub json_length: Option<usize>,
    /// What the media type says.
    pub media_type: MediaType,
    /// The value of [`PARAMETERS_HEADER`].
    pub parameters: Option<Bytes>,
}

/// What an engine takes, as far as the reading of a body depends on it. The default is an engine of pictures or texts.
///
/// ```
/// use chariot_engine::protocol::{Form, Protocol, Takes};
///
/// let takes = Takes { protocol: Some(Protocol::V2), ..Takes::default() };
/// let refused = Form::default().decode(&r#"{"inputs": [{"data": ["one"]}]}"#.into(), &takes).unwrap_err();
/// assert_eq!(refused.text(), "a request of chariot-v2 is expected, one of chariot-v2-kserve came");
/// ```
#[derive(Clone, Debug)]
pub struct Takes {
    /// The one protocol that it speaks; both if absent.
    pub protocol: Option<Protocol>,
    /// Whether its inputs are items. Named tensors are none, and `chariot-v2` has no place for them.
    pub items: bool,
    /// Whether any bytes or any text may be an item of it.
    pub raw: bool,
    /// The input whose tensor may be the whole of a body; absent if there are several.
    pub alone: Option<TensorMetadata>,
}

impl Default for Takes {
    fn default() -> Self {
        Takes { protocol: None, items: true, raw: true, alone: Some(TensorMetadata::new("", DataType::Bytes, [1])) }
    }
}

impl Takes {
    /// Whether it speaks this protocol.
    pub fn speaks(&self, protocol: Protocol) -> bool {
        self.protocol.is_none_or(|only| only == protocol) && (self.items || protocol == Protocol::V2Kserve)
    }

    fn check(&self, came: Protocol) -> Result<(), Rejection> {
        if self.speaks(came) {
            return Ok(());
        }
        let other = Protocol::ALL.into_iter().find(|protocol| *protocol != came).unwrap_or(came).name();
        let tensors = if self.items { "" } else { " by this engine of named tensors" };
        Err(Rejection::new(format!("a request of {other} is expected{tensors}, one of {} came", came.name())))
    }
}

/// What a body is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// JSON of so many bytes and binary tensors after it, or one tensor alone.
    Binary(usize),
    /// Lines of `chariot-v2`.
    Lines,
    /// One item as it is.
    Item,
    /// A JSON document, whose members say of which protocol it is.
    Document,
    /// The same if it is JSON, else one item as it is.
    DocumentOrItem,
}

impl Form {
    /// What a body under this head is read as, that begins with `first` after blanks. `raw`: whether any bytes or any text
    /// may be an item. The order is the protocol's: what comes first decides.
    pub(super) fn reading(&self, first: Option<u8>, raw: bool) -> Reading {
        match (self.json_length, self.media_type, &self.parameters) {
            (Some(json_length), ..) => Reading::Binary(json_length),
            (_, MediaType::Lines, _) => Reading::Lines,
            (_, MediaType::Raw, _) | (.., Some(_)) => Reading::Item,
            (_, MediaType::Other, _) if raw && first == Some(b'{') => Reading::DocumentOrItem,
            (_, MediaType::Other, _) if raw => Reading::Item,
            _ => Reading::Document,
        }
    }

    /// Reads a body under this head. With the request comes the protocol that it speaks and must be answered in.
    ///
    /// # Errors
    /// Whatever is wrong with the body: where, what was expected, what came; and a protocol that the engine does not
    /// speak.
    pub fn decode(&self, body: &Bytes, takes: &Takes) -> Result<(InferRequest, Protocol), Rejection> {
        let first = body.iter().copied().find(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        let reading = match self.reading(first, takes.raw && takes.speaks(Protocol::V2)) {
            // Where no item can be meant the media type says nothing: clients name JSON `application/octet-stream`.
            Reading::Item if first == Some(b'{') && self.parameters.is_none() && !takes.speaks(Protocol::V2) => {
                Reading::Document
            }
            reading => reading,
        };
        let head = match reading {
            Reading::Binary(_) => Some(Protocol::V2Kserve),
            Reading::Lines | Reading::Item => Some(Protocol::V2),
            Reading::Document | Reading::DocumentOrItem => None,
        };
        if let Some(protocol) = head {
            takes.check(protocol)?;
        }
        let item = || Ok((chariot_v2::item(body, self.parameters.as_ref())?, Protocol::V2));
        let (request, protocol) = match reading {
            Reading::Binary(0) => match &takes.alone {
                Some(input) => (InferRequest::decode_raw(body, input)?, Protocol::V2Kserve),
                None => return Err(Rejection::new(NOT_ALONE)),
            },
            Reading::Binary(json_length) => (InferRequest::decode_binary(body, json_length)?, Protocol::V2Kserve),
            Reading::Lines => (chariot_v2::lines(body)?, Protocol::V2),
            Reading::Item => item()?,
            Reading::Document => chariot_v2::document(body)?,
            Reading::DocumentOrItem => match chariot_v2::document(body) {
                // What is no JSON is none of ours.
                Err(_) if JsonText::from_text(body.clone()).is_err() => item()?,
                decoded => decoded?,
            },
        };
        takes.check(protocol)?;
        Ok((request, protocol))
    }
}

const NOT_ALONE: &str = "JSON is expected before the tensors of an engine with several inputs, a tensor alone came";
