//! The parameters of a request or an input.

use std::collections::BTreeMap;

use bytes::Bytes;
use chariot_engine::protocol::{InferRequest, Parameters};
use serde::Deserialize;
use serde_json::Value;

use super::{Outcome, class_of, json};
use crate::{check, memory};

pub(super) const WORDS: &[&str] = &[
    "\"action\"",
    "\"metadata\"",
    "\"score_threshold\"",
    "\"binary_data_size\"",
    "\"binary_data_output\"",
    "\"top_k\"",
    "\"temperature\"",
    "\"stop\"",
    "\"0.5\"",
    "\"predict\"",
    "\"nan\"",
    "\" 1e-3 \"",
    ",\"a\":1",
    "\"Paylo4dCanary\"",
];

const RESERVED: [&str; 5] = ["action", "binary_data_output", "binary_data_size", "metadata", "score_threshold"];

/// A typical type of an author's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sampling {
    top_k: u8,
    temperature: Option<f32>,
    stop: Vec<String>,
}

pub(super) fn parameters(input: &[u8]) -> Outcome {
    let body = Bytes::copy_from_slice(input);
    let (read, cost) = memory::cost(|| Parameters::from_text(body));
    check::cost(cost, input.len(), 2, 256 << 10);
    let read = match read {
        Ok(read) => read,
        Err(rejection) => return json::rejected(rejection.text(), input),
    };
    assert!(read.score_threshold().is_none_or(f32::is_finite));
    // The same parameters within a request.
    let within = [b"{\"inputs\":[{\"data\":[\"a\"],\"parameters\":", input, b"}]}"].concat();
    let within = InferRequest::decode(&within.into()).map(|mut request| request.inputs.remove(0).parameters);
    let own = read.decode::<BTreeMap<String, Value>>();
    if let Ok(within) = &within {
        assert_eq!(within.action(), read.action());
        assert_eq!(within.metadata(), read.metadata());
        assert_eq!(within.score_threshold(), read.score_threshold());
        assert_eq!(within.decode::<BTreeMap<String, Value>>().is_ok(), own.is_ok());
    }
    match (own, serde_json::from_slice::<BTreeMap<String, Value>>(input)) {
        (Ok(ours), Ok(mut theirs)) => {
            theirs.retain(|name, value| !value.is_null() && !RESERVED.contains(&&**name));
            assert_eq!(ours, theirs);
        }
        (Err(rejection), _) => check::message(rejection.text(), input),
        _ => {}
    }
    match read.decode::<Sampling>() {
        Ok(sampling) => Outcome::Accepted(class_of((
            sampling.top_k.min(2),
            sampling.temperature.is_some(),
            sampling.stop.len().min(2),
            (read.action().is_some(), read.metadata().is_some(), read.score_threshold().is_some()),
        ))),
        Err(rejection) => {
            check::message(rejection.text(), input);
            Outcome::Rejected(rejection.text().to_owned())
        }
    }
}
