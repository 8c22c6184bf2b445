//! A body that is only a tensor.

use bytes::Bytes;
use chariot_engine::protocol::{DataType, InferOutput, InferRequest, InferResponse, ResponseHead, TensorMetadata};

use super::{Outcome, class_of};
use crate::{check, memory};

/// The first byte is the data type, the second one the number of dimensions, each of the next a dimension (below 0:
/// variable length).
pub(super) fn raw(input: &[u8]) -> Outcome {
    let [datatype, dimensions, rest @ ..] = input else { return Outcome::Rejected("too short".into()) };
    let datatype = DataType::ALL[usize::from(*datatype) % DataType::ALL.len()];
    let (lengths, body) = rest.split_at((usize::from(*dimensions) % 8).min(rest.len()));
    let shape: Vec<_> = lengths.iter().map(|length| length_of(*length as i8)).collect();
    let metadata = TensorMetadata::new("x", datatype, shape);
    let body = Bytes::copy_from_slice(body);
    let (read, cost) = memory::cost(|| InferRequest::decode_raw(&body, &metadata));
    check::cost(cost, 0, 0, 4096);
    match read {
        Ok(request) => {
            let [input] = &request.inputs[..] else { panic!("expected one input") };
            let shape = input.shape.clone().unwrap_or_default();
            let count: usize = shape.iter().product();
            assert_eq!(input.data.len(), count);
            assert_eq!(datatype.size().map_or(body.len(), |size| size * count), body.len());
            let head = ResponseHead::new("m", None, "7");
            let output = InferOutput::new("x", shape, input.data.clone());
            let encoded = InferResponse::new(vec![output])
                .encode_binary(&head, |_| true)
                .expect("a binary tensor can be encoded");
            assert!(encoded.body.ends_with(&body), "a tensor changes when it is encoded again");
            Outcome::Accepted(class_of((datatype, dimensions % 8, count.min(3))))
        }
        Err(rejection) => {
            check::message(rejection.text(), input);
            Outcome::Rejected(rejection.text().to_owned())
        }
    }
}

/// Returns a small dimension, or one of two that make a product overflow.
fn length_of(byte: i8) -> i64 {
    match byte {
        127 => i64::MAX,
        126 => 1 << 32,
        other => i64::from(other),
    }
}
