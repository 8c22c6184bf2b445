//! Structured data: the rows of a request, as an author's types.

use bytes::Bytes;
use chariot_engine::{
    input::{DecodeContext, Input, Modality, Row, modality},
    protocol::{DataType, InferRequest},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Outcome, binary, class_of, request};
use crate::check;

/// A typical row type of an author's.
#[derive(Debug, PartialEq, Deserialize)]
struct House {
    area: f32,
    rooms: u8,
    #[serde(default)]
    city: Option<String>,
    sold: Option<bool>,
}

/// Takes the inputs of the target `binary`, and decodes their rows.
pub(super) fn row(input: &[u8]) -> Outcome {
    let (length, body) = binary::parts(input);
    let request = match InferRequest::decode_binary(&Bytes::from(body), length) {
        Ok(request) if request::tensors(&request) <= 1 << 16 => request,
        Ok(_) => return Outcome::Rejected("too many".into()),
        Err(rejection) => return Outcome::Rejected(rejection.text().to_owned()),
    };
    let mut faults = Vec::new();
    let houses = rows::<House>(&request, &mut faults);
    let numbers = rows::<Vec<f64>>(&request, &mut faults);
    let pairs = rows::<(f32, Option<i64>)>(&request, &mut faults);
    faults.iter().for_each(|text| check::message(text, input));
    if let ([matrix], Some(rows)) = (&request.inputs[..], &numbers)
        && matrix.data.datatype() == DataType::Fp64
        && matrix.shape.as_ref().is_some_and(|shape| shape.len() == 2)
    {
        let values: Vec<u64> = rows.iter().flatten().map(|value| value.to_bits()).collect();
        let values_of_matrix = matrix.data.as_slice::<f64>().unwrap_or_default();
        assert!(values_of_matrix.iter().map(|value| value.to_bits()).eq(values), "rows differ from the matrix");
    }
    match faults.into_iter().next() {
        Some(fault) if houses.is_none() && numbers.is_none() && pairs.is_none() => Outcome::Rejected(fault),
        _ => {
            let count = |rows: Option<usize>| rows.map(|count| count.min(2));
            Outcome::Accepted(class_of((
                count(houses.map(|rows| rows.len())),
                count(numbers.map(|rows| rows.len())),
                count(pairs.map(|rows| rows.len())),
                request.inputs.len().min(3),
                request.inputs[0].data.datatype(),
            )))
        }
    }
}

/// Returns all rows, if each can be decoded.
fn rows<T: DeserializeOwned + Send + Sync + 'static>(
    request: &InferRequest,
    faults: &mut Vec<String>,
) -> Option<Vec<T>> {
    let parts = match <modality::Row as Modality>::split(request.clone(), &DecodeContext::default()) {
        Ok(parts) => parts,
        Err(rejection) => {
            faults.push(rejection.text().to_owned());
            return None;
        }
    };
    let cx = DecodeContext::default();
    let mut rows = Vec::new();
    for (_, _, part) in parts {
        match Row::<T>::decode(part, &cx) {
            Ok(Row(row)) => rows.push(row),
            Err(error) => {
                faults.push(error.public_message().expect("a fault in a row is the caller's"));
                return None;
            }
        }
    }
    Some(rows)
}
