//! The time to decode the body of a request and to encode a response with the same elements, without a server.

use std::{hint::black_box, time::Instant};

use chariot_engine::protocol::{InferOutput, InferRequest, InferResponse, ResponseHead};

use crate::{
    Case, Failure,
    figures::{duration, median},
};

const TIMES: usize = 50;

pub(crate) fn measure(case: &Case) -> Result<String, Failure> {
    let body = (case.body)();
    let (mut decoding, mut encoding) = (Vec::with_capacity(TIMES), Vec::with_capacity(TIMES));
    for _ in 0..TIMES {
        let begin = Instant::now();
        let request = black_box(InferRequest::decode(&body)?);
        decoding.push(begin.elapsed().as_secs_f64());
        let outputs = request.inputs.into_iter().map(|input| {
            let shape = input.shape.unwrap_or_default();
            InferOutput::new(input.name, shape, input.data)
        });
        let response = InferResponse::new(outputs.collect());
        let head = ResponseHead::new("bench", Some("1"), "of the codec");
        let begin = Instant::now();
        black_box(response.encode(&head)?);
        encoding.push(begin.elapsed().as_secs_f64());
    }
    Ok(format!(
        "a body of {} bytes, decoded in {} and encoded in {} without a server",
        body.len(),
        duration(median(decoding)),
        duration(median(encoding)),
    ))
}
