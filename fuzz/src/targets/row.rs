//! Structured data: the rows of a request, as types of an author's.

use bytes::Bytes;
use chariot_engine::{
    input::{DecodeContext, Input, Modality, Row, modality},
    protocol::{DataType, InferRequest},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Outcome, binary, kind, request};
use crate::check;

/// What an author may want.
#[derive(Debug, PartialEq, Deserialize)]
struct House {
    area: f32,
    rooms: u8,
    #[serde(default)]
    city: Option<String>,
    sold: Option<bool>,
}

/// As the target `binary`, of which the rows are read.
pub(super) fn row(input: &[u8]) -> Outcome {
    let (length, body) = binary::parts(input);
    let request = match InferRequest::decode_binary(&Bytes::from(body), length) {
        Ok(request) if request::tensors(&request) <= 1 << 16 => request,
        Ok(_) => return Outcome::Refused("too many".into()),
        Err(rejection) => return Outcome::Refused(rejection.text().to_owned()),
    };
    let mut faults = Vec::new();
    let houses = rows::<House>(&request, &mut faults);
    let numbers = rows::<Vec<f64>>(&request, &mut faults);
    let pairs = rows::<(f32, Option<i64>)>(&request, &mut faults);
    faults.iter().for_each(|text| check::refusal(text, input));
    if let ([matrix], Some(rows)) = (&request.inputs[..], &numbers)
        && matrix.data.datatype() == DataType::Fp64
        && matrix.shape.as_ref().is_some_and(|shape| shape.len() == 2)
    {
        let values: Vec<u64> = rows.iter().flatten().map(|value| value.to_bits()).collect();
        let came = matrix.data.as_slice::<f64>().unwrap_or_default();
        assert!(came.iter().map(|value| value.to_bits()).eq(values), "rows are not those of the matrix");
    }
    match faults.into_iter().next() {
        Some(fault) if houses.is_none() && numbers.is_none() && pairs.is_none() => Outcome::Refused(fault),
        _ => {
            let count = |rows: Option<usize>| rows.map(|count| count.min(2));
            Outcome::Accepted(kind((
                count(houses.map(|rows| rows.len())),
                count(numbers.map(|rows| rows.len())),
                count(pairs.map(|rows| rows.len())),
                request.inputs.len().min(3),
                request.inputs[0].data.datatype(),
            )))
        }
    }
}

/// All rows, if each can be read.
fn rows<T: DeserializeOwned + Send + Sync + 'static>(
    request: &InferRequest,
    faults: &mut Vec<String>,
) -> Option<Vec<T>> {
    let parts = match <modality::Row as Modality>::split(request.clone()) {
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
                faults.push(error.public_message().expect("a fault of a row is the caller's"));
                return None;
            }
        }
    }
    Some(rows)
}
