//! Attacks by requests with many items, strings or large parameters.

use std::path::Path;

use serde_json::json;

use super::{
    super::{Failure, Outcome, Scale},
    ground::{Ground, TENSORS, TEXTS, post, post_compressed},
    honest::Asks,
    stage::{Plan, run},
};

/// The largest number of items of a request.
const ITEMS: usize = 16_384;

pub(super) fn parameters(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    run(exe, scale, Plan { short_seconds: 4, ..Plan::beside(Asks::Text) }, large_parameter)
}

/// Sends requests in pairs: one parameter that the model knows, and one that it does not.
pub(super) fn large_parameter(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let large = "x".repeat(ground.scale.count(30 << 20, 8 << 20));
    let items = vec![""; ITEMS];
    let request = |name: &str| {
        let input =
            json!({"name": "a", "datatype": "BYTES", "shape": [ITEMS], "data": items, "parameters": {name: large}});
        post_compressed(TEXTS, json!({ "inputs": [input] }).to_string().as_bytes())
    };
    let requests = [request("prefix"), request("unknown")];
    let client = move |ground: Ground, index: usize| {
        let request = requests[index % 2].clone();
        async move { ground.ask(&request).await }
    };
    ground.crowd(4, client)
}

pub(super) fn strings(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    run(exe, scale, Plan::beside(Asks::Tensor), empty_strings)
}

/// Sends tensors of as many empty strings as a body holds.
pub(super) fn empty_strings(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let count = ground.scale.count(21_000_000, 8_000_000);
    let data = r#""","#.repeat(count);
    let data = data.trim_end_matches(',');
    let body = format!(r#"{{"inputs":[{{"name":"a","datatype":"BYTES","shape":[{count}],"data":[{data}]}}]}}"#);
    let request = post_compressed(TENSORS, body.as_bytes());
    let client = move |ground: Ground, _| {
        let request = request.clone();
        async move { ground.ask(&request).await }
    };
    ground.crowd(2, client)
}

pub(super) fn queue(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    run(exe, scale, Plan::beside(Asks::Text).set("CHARIOT_ENGINE_MAX_BATCH", 16), many_items)
}

/// Sends four requests of as many items as a request can have, a millisecond each, again and again.
pub(super) fn many_items(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let parameters = json!({"sleep_us": 1000});
    let input =
        json!({"name": "a", "datatype": "BYTES", "shape": [ITEMS], "data": vec!["x"; ITEMS], "parameters": parameters});
    let request = post(TEXTS, &[], json!({ "inputs": [input] }).to_string().as_bytes());
    let client = move |ground: Ground, _| {
        let request = request.clone();
        async move { ground.ask(&request).await }
    };
    ground.crowd(4, client)
}
