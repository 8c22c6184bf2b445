//! A JSON request.

use bytes::Bytes;
use chariot_engine::{
    Rejection,
    protocol::{DataType, InferRequest},
};
use serde::de::IgnoredAny;

use super::{Outcome, request, response};
use crate::{check, memory};

pub(super) fn json(input: &[u8]) -> Outcome {
    let body = Bytes::copy_from_slice(input);
    let (read, cost) = memory::cost(|| InferRequest::decode(&body));
    match read {
        Ok(read) => {
            // Names and parameters are kept beside the tensors, and each input takes some memory.
            check::cost(cost, input.len(), 1, request::tensors(&read) + read.inputs.len() * 512);
            request::agrees(&read, input);
            assert_eq!(
                numbers(&read),
                numbers(&singly(input).expect("blanks change nothing")),
                "runs of numbers differ"
            );
            request::exercise(&read, input)
        }
        Err(rejection) => {
            // Eight bytes for each `1,`.
            check::cost(cost, input.len(), 4, input.len() / 12 * 512);
            assert!(singly(input).is_err(), "blanks in front of commas make a request acceptable");
            rejected(rejection.text(), input)
        }
    }
}

/// Decodes a request with a blank in front of each comma: then no number is read as part of a run.
fn singly(json: &[u8]) -> Result<InferRequest, Rejection> {
    let mut spaced = Vec::with_capacity(2 * json.len());
    let (mut in_string, mut escaped) = (false, false);
    for byte in json {
        if *byte == b',' && !in_string {
            spaced.push(b' ');
        }
        in_string ^= *byte == b'"' && !escaped;
        escaped = in_string && *byte == b'\\' && !escaped;
        spaced.push(*byte);
    }
    InferRequest::decode(&spaced.into())
}

/// Returns the tensors of numbers in binary form.
fn numbers(request: &InferRequest) -> Vec<u8> {
    let numbers = request.inputs.iter().filter(|input| input.data.datatype() != DataType::Bytes);
    response::all_binary(&response::outputs(numbers))
}

/// Checks a message about JSON; one that claims that the input is not valid JSON must be right.
pub(super) fn rejected(text: &str, json: &[u8]) -> Outcome {
    check::message(text, json);
    if text.contains("not valid JSON") && !text.contains('\'') {
        let accepted = std::str::from_utf8(json).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        assert!(!accepted, "serde_json accepts JSON that is rejected as invalid: {text}");
    }
    Outcome::Rejected(text.to_owned())
}
