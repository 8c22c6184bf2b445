//! A body with any headers: a request of either protocol, lines, or one item.

use bytes::Bytes;
use chariot_engine::protocol::{
    Accepts, BodyFormat, BytesElement, DataType, InferRequest, MediaType, Protocol, TensorMetadata,
};
use serde_json::Value;

use super::{Outcome, class_of, request};
use crate::{check, memory};

pub(super) const WORDS: &[&str] = &[
    "{\"input\":\"a\"}",
    "{\"input\":\"Paylo4dCanary\"}\n",
    "\"input\"",
    "\"inputs\"",
    "\"parameters\"",
    "{\"action\":\"predict\"}",
    "\"metadata\"",
    "\"score_threshold\":0.5",
    "\n",
    "\r\n",
    "\n\n",
    "\u{2028}",
    "{\"inputs\":[{\"data\":[\"a\"]}]}",
    "\\n",
    "null",
    "\u{feff}",
    "{\"input\":{\"a\":[1]}}",
    "--x\r\n",
    "\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n",
    "\r\n--x\r\nContent-Disposition: form-data; name=top_k\r\n\r\n",
    "\r\n--x--\r\n",
    "\u{89}PNG\r\n\u{1a}\n",
];

const MEDIA_TYPES: [MediaType; 8] = [
    MediaType::Absent,
    MediaType::Json,
    MediaType::Lines,
    MediaType::Raw,
    MediaType::Other,
    MediaType::Form,
    MediaType::Multipart,
    MediaType::WideText,
];

/// The first byte selects the media type. The second one decides what the model accepts, and whether there are parameters
/// (the first line of the rest) and a length of the JSON (the third byte).
pub(super) fn body_format(input: &[u8]) -> Outcome {
    let [media_type, flags, length, rest @ ..] = input else { return Outcome::Rejected("too short".into()) };
    let flag = |bit: u32| flags & (1 << bit) != 0;
    let (parameters, body) = match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) if flag(0) => (Some(Bytes::copy_from_slice(&rest[..end])), &rest[end + 1..]),
        _ => (None, rest),
    };
    let mut format = BodyFormat::new(MEDIA_TYPES[usize::from(*media_type) % MEDIA_TYPES.len()]);
    if format.media_type == MediaType::Multipart {
        format.boundary = Some("x".into());
    }
    format.json_length = flag(1).then_some(usize::from(*length));
    format.parameters = parameters;
    // A length that the flag above does not use decides the rest.
    format.detects_images = length & 1 != 0;
    let datatype = if flag(6) { DataType::Uint8 } else { DataType::Bytes };
    let mut accepts = Accepts::default();
    accepts.protocol = flag(2).then_some(if flag(3) { Protocol::V2 } else { Protocol::V2Kserve });
    accepts.items = flag(4);
    accepts.raw_items = flag(5);
    accepts.images = flag(5) && length & 2 != 0;
    accepts.json_items = !flag(5);
    accepts.single_input = (!flag(7)).then(|| TensorMetadata::new("x", datatype, [-1]));
    let bytes = Bytes::copy_from_slice(body);
    let (read, cost) = memory::cost(|| format.decode(&bytes, &accepts));
    let tensors = read.as_ref().map_or(0, |(read, _)| request::tensors(read));
    // A line takes as much memory as an input, and has at least 13 bytes; the list of lines grows while it is read.
    check::cost(cost, body.len(), 4 + 3 * 512 / 13, tensors);
    match read {
        Ok((read, protocol)) => {
            assert!(accepts.supports(protocol), "expected a protocol that the model accepts, got another");
            if protocol == Protocol::V2 && format.media_type != MediaType::Multipart {
                same_items(&read, &format, body);
            }
            match request::exercise(&read, input) {
                Outcome::Accepted(class) => {
                    Outcome::Accepted(class_of((class, protocol, format.media_type, read.inputs.len() > 1)))
                }
                rejected => rejected,
            }
        }
        Err(rejection) => {
            check::message(rejection.text(), input);
            Outcome::Rejected(rejection.text().to_owned())
        }
    }
}

/// Checks that the items are the body itself, or the strings that serde_json finds in its lines.
fn same_items(read: &InferRequest, format: &BodyFormat, body: &[u8]) {
    let items: Vec<_> =
        read.inputs.iter().flat_map(|input| input.data.bytes_elements().into_iter().flatten()).collect();
    assert_eq!(items.len(), read.inputs.len());
    let unmarked = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    if let [BytesElement::Binary(item)] = &items[..] {
        assert!(item == body || item == unmarked, "the item differs from the body");
        return;
    }
    assert!(!matches!(format.media_type, MediaType::Raw), "raw bytes are read as JSON");
    let text = std::str::from_utf8(unmarked).expect("JSON is UTF-8");
    let values: Vec<Value> = match format.media_type {
        MediaType::Lines => {
            let lines = text.split('\n').filter(|line| !line.trim_matches([' ', '\t', '\r']).is_empty());
            lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
        }
        _ => serde_json::from_str(text).into_iter().collect(),
    };
    // A member that nothing reads may be a number beyond FP64, which serde_json rejects.
    if values.len() == items.len() {
        for (item, value) in items.iter().zip(&values) {
            assert_eq!(
                item.clone().json().ok().and_then(|item| item.parse::<Value>().ok()).as_ref(),
                Some(&value["input"])
            );
        }
    }
}
