//! A request in JSON.

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
            // Names and parameters are kept beside the tensors, and each input takes some room.
            check::cost(cost, input.len(), 1, request::tensors(&read) + read.inputs.len() * 512);
            request::agrees(&read, input);
            request::ask(&read, input)
        }
        Err(rejection) => {
            // Eight bytes for each `1,`.
            check::cost(cost, input.len(), 4, input.len() / 12 * 512);
            refused(rejection.text(), input)
        }
    }
}

/// A refusal of JSON: one that speaks of JSON itself must be right.
pub(super) fn refused(text: &str, json: &[u8]) -> Outcome {
    check::refusal(text, json);
    if text.contains("not valid JSON") && !text.contains('\'') {
        let accepted = std::str::from_utf8(json).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        assert!(!accepted, "serde_json accepts what we call no JSON: {text}");
    }
    Outcome::Refused(text.to_owned())
}
