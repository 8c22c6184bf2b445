//! A JSON request.

use bytes::Bytes;
use chariot_engine::protocol::InferRequest;
use serde::de::IgnoredAny;

use super::{Outcome, request};
use crate::{check, memory};

pub(super) fn json(input: &[u8]) -> Outcome {
    let body = Bytes::copy_from_slice(input);
    let (read, cost) = memory::cost(|| InferRequest::decode(&body));
    match read {
        Ok(read) => {
            // Names and parameters are kept beside the tensors, and each input takes some memory.
            check::cost(cost, input.len(), 1, request::tensors(&read) + read.inputs.len() * 512);
            request::agrees(&read, input);
            request::exercise(&read, input)
        }
        Err(rejection) => {
            // Eight bytes for each `1,`.
            check::cost(cost, input.len(), 4, input.len() / 12 * 512);
            rejected(rejection.text(), input)
        }
    }
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
