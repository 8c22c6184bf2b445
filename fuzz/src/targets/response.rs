//! Inputs encoded as outputs, in JSON and in binary form, and decoded again as inputs.

use bytes::Bytes;
use chariot_engine::protocol::{EncodeError, InferInput, InferOutput, InferRequest, InferResponse, ResponseHead};

use super::{Outcome, binary, class_of};
use crate::check;

const HEAD: ResponseHead<'_> = ResponseHead::new("m", None, "7");

pub(super) fn response(input: &[u8]) -> Outcome {
    let (length, body) = binary::parts(input);
    let request = match InferRequest::decode_binary(&Bytes::from(body), length) {
        Ok(request) => request,
        Err(rejection) => return Outcome::Rejected(rejection.text().to_owned()),
    };
    let inputs = &request.inputs;
    let first = outputs(inputs);
    let names: Vec<_> =
        inputs.iter().enumerate().filter(|(at, _)| at % 2 == 0).map(|(_, one)| one.name.clone()).collect();
    let mixed = first.encode_binary(&HEAD, |name| names.iter().any(|binary| binary == name));
    let mut messages = Vec::new();
    for (written, is_json) in [(first.encode_binary(&HEAD, |_| false), true), (mixed, false)] {
        match written {
            Ok(written) => {
                let length = written.json_length.unwrap_or(written.body.len());
                assert!(is_json || names.is_empty() == written.json_length.is_none());
                let again = read(&written.body, length);
                assert!(
                    all_binary(&outputs(&again.inputs)) == all_binary(&first),
                    "an encoded response decodes to another one"
                );
                let metadata = |inputs: &[InferInput]| {
                    inputs.iter().map(|input| input.parameters.metadata().cloned()).collect::<Vec<_>>()
                };
                assert_eq!(metadata(&again.inputs), metadata(inputs));
            }
            Err(error) => {
                assert!(matches!(error, EncodeError::NotFinite(_) | EncodeError::NotText(_)), "{error}");
                check::message(&error.to_string(), input);
                messages.push(error.to_string());
            }
        }
    }
    match messages.pop() {
        Some(text) => Outcome::Rejected(text),
        None => {
            Outcome::Accepted(class_of(inputs.iter().take(4).map(|input| input.data.datatype()).collect::<Vec<_>>()))
        }
    }
}

/// Returns inputs as the outputs of a response.
pub(super) fn outputs<'a>(inputs: impl IntoIterator<Item = &'a InferInput>) -> InferResponse {
    let output = |input: &InferInput| {
        let shape = input.shape.clone().unwrap_or_else(|| vec![input.data.len()]);
        let mut output = InferOutput::new(&*input.name, shape, input.data.clone());
        output.metadata = input.parameters.metadata().cloned();
        output
    };
    InferResponse::new(inputs.into_iter().map(output).collect())
}

/// Decodes a response as if it were a request.
fn read(body: &[u8], length: usize) -> InferRequest {
    let (json, tail) = body.split_at(length);
    let json = std::str::from_utf8(json).expect("JSON is UTF-8").replacen("\"outputs\":[", "\"inputs\":[", 1);
    let body = Bytes::from([json.as_bytes(), tail].concat());
    InferRequest::decode_binary(&body, json.len()).expect("an encoded response can be decoded")
}

/// Returns the elements in binary form, which compares `NaN` too.
pub(super) fn all_binary(response: &InferResponse) -> Vec<u8> {
    let encoded = response.encode_binary(&HEAD, |_| true).expect("a binary tensor can be encoded");
    encoded.body[encoded.json_length.unwrap_or(encoded.body.len())..].to_vec()
}
