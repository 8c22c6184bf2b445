//! A request in JSON with binary tensors after it.

use bytes::Bytes;
use chariot_engine::protocol::{InferOutput, InferRequest, InferResponse, ResponseHead};

use super::{Outcome, json, request};
use crate::{check, memory};

const HEAD: ResponseHead<'_> = ResponseHead { model_name: "m", model_version: None, id: "7" };

/// Where the JSON ends, and the body: an even first byte means at the first NUL, which is left out; otherwise the next
/// two bytes are its length, whatever they say.
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
            written_again(&read, json, tail);
            request::ask(&read, input)
        }
        Err(rejection) => {
            check::cost(cost, body.len(), 4, body.len() / 12 * 512);
            json::refused(rejection.text(), body.get(..length).unwrap_or(&body))
        }
    }
}

/// What came in binary form goes out as the same bytes.
fn written_again(request: &InferRequest, json: &[u8], tail: &[u8]) {
    let is_binary = |input: &serde_json::Value| input.get("data").is_none();
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(json) else { return };
    let inputs = value["inputs"].as_array().map_or(&[][..], |inputs| inputs);
    let came = request.inputs.iter().zip(inputs).filter(|(_, input)| is_binary(input));
    let outputs = came.map(|(input, _)| InferOutput::new("", [input.data.len()], input.data.clone())).collect();
    let encoded = InferResponse::new(outputs).encode_binary(&HEAD, |_| true).expect("a binary tensor can be written");
    let written = encoded.json_length.map_or(&[][..], |length| &encoded.body[length..]);
    assert!(written == tail, "binary tensors change when they are written again");
}
