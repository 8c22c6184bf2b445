//! A JSON request followed by binary tensors.

use bytes::Bytes;
use chariot_engine::protocol::{InferOutput, InferRequest, InferResponse, ResponseHead};

use super::{Outcome, json, request};
use crate::{check, memory};

const HEAD: ResponseHead<'_> = ResponseHead::new("m", None, "7");

/// Returns the length of the JSON, and the body. After an even first byte the JSON ends at the first NUL, which is left out;
/// otherwise the next two bytes are its length, right or wrong.
pub(super) fn parts(input: &[u8]) -> (usize, Vec<u8>) {
    match input {
        [mode, low, high, body @ ..] if mode % 2 == 1 => {
            (usize::from(u16::from_le_bytes([*low, *high])), body.to_vec())
        }
        [_, body @ ..] => {
            let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
            (end, [&body[..end], body.get(end + 1..).unwrap_or_default()].concat())
        }
        [] => (0, Vec::new()),
    }
}

pub(super) fn binary(input: &[u8]) -> Outcome {
    let (length, body) = parts(input);
    let body = Bytes::from(body);
    let (read, cost) = memory::cost(|| InferRequest::decode_binary(&body, length));
    match read {
        Ok(read) => {
            check::cost(cost, body.len(), 1, request::tensors(&read) + read.inputs.len() * 512);
            let (json, tail) = body.split_at(length);
            request::agrees(&read, json);
            same_when_encoded(&read, json, tail);
            request::exercise(&read, input)
        }
        Err(rejection) => {
            check::cost(cost, body.len(), 4, body.len() / 12 * 512);
            json::rejected(rejection.text(), body.get(..length).unwrap_or(&body))
        }
    }
}

/// Checks that binary tensors are encoded as the same bytes.
fn same_when_encoded(request: &InferRequest, json: &[u8], tail: &[u8]) {
    let is_binary = |input: &serde_json::Value| input.get("data").is_none();
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(json) else { return };
    let inputs = value["inputs"].as_array().map_or(&[][..], |inputs| inputs);
    let binary = request.inputs.iter().zip(inputs).filter(|(_, input)| is_binary(input));
    let outputs = binary.map(|(input, _)| InferOutput::new("", [input.data.len()], input.data.clone())).collect();
    let encoded = InferResponse::new(outputs).encode_binary(&HEAD, |_| true).expect("a binary tensor can be encoded");
    let written = encoded.json_length.map_or(&[][..], |length| &encoded.body[length..]);
    assert!(written == tail, "binary tensors change when they are encoded again");
}
