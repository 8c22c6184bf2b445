//! A body under any head: as a request of either protocol, as lines, as one item.

use bytes::Bytes;
use chariot_engine::protocol::{
    BytesElement, DataType, Form, InferRequest, MediaType, Protocol, Takes, TensorMetadata,
};
use serde_json::Value;

use super::{Outcome, kind, request};
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
];

const MEDIA_TYPES: [MediaType; 5] =
    [MediaType::Absent, MediaType::Json, MediaType::Lines, MediaType::Raw, MediaType::Other];

/// The first byte says which media type, the second what the engine takes and whether there are parameters, which stand
/// on the first line of the rest then; a length of JSON is the third, if the second says that there is one.
pub(super) fn form(input: &[u8]) -> Outcome {
    let [media_type, flags, length, rest @ ..] = input else { return Outcome::Refused("too short".into()) };
    let flag = |bit: u32| flags & (1 << bit) != 0;
    let (parameters, body) = match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) if flag(0) => (Some(Bytes::copy_from_slice(&rest[..end])), &rest[end + 1..]),
        _ => (None, rest),
    };
    let form = Form {
        json_length: flag(1).then_some(usize::from(*length)),
        media_type: MEDIA_TYPES[usize::from(*media_type) % MEDIA_TYPES.len()],
        parameters,
    };
    let alone = if flag(6) { DataType::Uint8 } else { DataType::Bytes };
    let takes = Takes {
        protocol: flag(2).then_some(if flag(3) { Protocol::V2 } else { Protocol::V2Kserve }),
        items: flag(4),
        raw: flag(5),
        alone: (!flag(7)).then(|| TensorMetadata::new("x", alone, [-1])),
    };
    let bytes = Bytes::copy_from_slice(body);
    let (read, cost) = memory::cost(|| form.decode(&bytes, &takes));
    let tensors = read.as_ref().map_or(0, |(read, _)| request::tensors(read));
    // A line takes as much as an input does, and the shortest has 13 bytes; the list of them grows as they come.
    check::cost(cost, body.len(), 4 + 3 * 512 / 13, tensors);
    match read {
        Ok((read, protocol)) => {
            assert!(takes.speaks(protocol), "a protocol is accepted that is not spoken");
            if protocol == Protocol::V2 {
                same_items(&read, &form, body);
            }
            match request::ask(&read, input) {
                Outcome::Accepted(class) => {
                    Outcome::Accepted(kind((class, protocol, form.media_type, read.inputs.len() > 1)))
                }
                refused => refused,
            }
        }
        Err(rejection) => {
            check::refusal(rejection.text(), input);
            Outcome::Refused(rejection.text().to_owned())
        }
    }
}

/// The items are the body as it is, or the strings that serde_json finds in its lines.
fn same_items(read: &InferRequest, form: &Form, body: &[u8]) {
    let items: Vec<_> =
        read.inputs.iter().flat_map(|input| input.data.bytes_elements().into_iter().flatten()).collect();
    assert_eq!(items.len(), read.inputs.len());
    if let [BytesElement::Binary(item)] = &items[..] {
        assert!(item == body, "an item is not the body");
        return;
    }
    let text = std::str::from_utf8(body).expect("JSON is UTF-8");
    let values: Vec<Value> = match form.media_type {
        MediaType::Lines => {
            let lines = text.split('\n').filter(|line| !line.trim_matches([' ', '\t', '\r']).is_empty());
            lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
        }
        _ => serde_json::from_str(text).into_iter().collect(),
    };
    // What nobody asks for may be a number beyond FP64.
    if values.len() == items.len() {
        for (item, value) in items.iter().zip(&values) {
            assert_eq!(item.text().ok().as_deref(), value["input"].as_str());
        }
    }
}
