//! Inputs that go out as outputs, in JSON and in binary form, and are read again as inputs.

use bytes::Bytes;
use chariot_engine::protocol::{EncodeError, InferInput, InferOutput, InferRequest, InferResponse, ResponseHead};

use super::{Outcome, binary, kind};
use crate::check;

const HEAD: ResponseHead<'_> = ResponseHead { model_name: "m", model_version: None, id: "7" };

pub(super) fn response(input: &[u8]) -> Outcome {
    let (length, body) = binary::parts(input);
    let request = match InferRequest::decode_binary(&Bytes::from(body), length) {
        Ok(request) => request,
        Err(rejection) => return Outcome::Refused(rejection.text().to_owned()),
    };
    let inputs = &request.inputs;
    let first = outputs(inputs);
    let names: Vec<_> =
        inputs.iter().enumerate().filter(|(at, _)| at % 2 == 0).map(|(_, one)| one.name.clone()).collect();
    let mixed = first.encode_binary(&HEAD, |name| names.iter().any(|binary| binary == name));
    let mut told = Vec::new();
    for (written, is_json) in [(first.encode_binary(&HEAD, |_| false), true), (mixed, false)] {
        match written {
            Ok(written) => {
                let length = written.json_length.unwrap_or(written.body.len());
                assert!(is_json || names.is_empty() == written.json_length.is_none());
                let again = read(&written.body, length);
                assert!(
                    all_binary(&outputs(&again.inputs)) == all_binary(&first),
                    "what is written is read as another"
                );
                let metadata = |inputs: &[InferInput]| {
                    inputs.iter().map(|input| input.parameters.metadata().cloned()).collect::<Vec<_>>()
                };
                assert_eq!(metadata(&again.inputs), metadata(inputs));
            }
            Err(error) => {
                assert!(matches!(error, EncodeError::NotFinite(_) | EncodeError::NotText(_)), "{error}");
                check::refusal(&error.to_string(), input);
                told.push(error.to_string());
            }
        }
    }
    match told.pop() {
        Some(text) => Outcome::Refused(text),
        None => Outcome::Accepted(kind(inputs.iter().take(4).map(|input| input.data.datatype()).collect::<Vec<_>>())),
    }
}

fn outputs(inputs: &[InferInput]) -> InferResponse {
    let output = |input: &InferInput| {
        let shape = input.shape.clone().unwrap_or_else(|| vec![input.data.len()]);
        let mut output = InferOutput::new(&*input.name, shape, input.data.clone());
        output.metadata = input.parameters.metadata().cloned();
        output
    };
    InferResponse::new(inputs.iter().map(output).collect())
}

/// Reads a response as if it were a request.
fn read(body: &[u8], length: usize) -> InferRequest {
    let (json, tail) = body.split_at(length);
    let json = std::str::from_utf8(json).expect("JSON is UTF-8").replacen("\"outputs\":[", "\"inputs\":[", 1);
    let body = Bytes::from([json.as_bytes(), tail].concat());
    InferRequest::decode_binary(&body, json.len()).expect("what is written can be read")
}

/// The elements as bytes, to compare them with `NaN` and all.
fn all_binary(response: &InferResponse) -> Vec<u8> {
    let encoded = response.encode_binary(&HEAD, |_| true).expect("a binary tensor can be written");
    encoded.body[encoded.json_length.unwrap_or(encoded.body.len())..].to_vec()
}
