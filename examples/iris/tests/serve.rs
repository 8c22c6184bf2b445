//! The engine as a real process: named tensors over HTTP, accepted and rejected.

use std::sync::Arc;

use conformance::{Level, Suite, Target, run};
use e2e::{OpenApi, Process, Shared};
use serde_json::{Value, json};

const IRIS: &str = env!("CARGO_BIN_EXE_iris");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the engine that the tests of this file share. No setting names its model directory: it uses the one beside
/// its manifest, as under `cargo run`.
fn iris() -> Arc<Process> {
    static PROCESS: Shared = Shared::new();
    PROCESS.get(|| Process::ready(IRIS, &[("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"))]))
}

/// A request for some flowers, in this datatype.
fn flowers(datatype: &str, shape: [usize; 2], data: Value) -> Value {
    json!({"inputs": [{"name": "features", "datatype": datatype, "shape": shape, "data": data}]})
}

/// Sends a request that must succeed, and returns the labels.
#[track_caller]
fn labels(body: &Value) -> Value {
    let mut answer = iris().infer(body).ok();
    assert_eq!(answer["outputs"][0]["name"], "label");
    answer["outputs"][0]["data"].take()
}

#[test]
fn a_typical_flower_of_each_species_is_classified_correctly() {
    let data = json!([5.0, 3.4, 1.5, 0.2, 5.9, 2.8, 4.3, 1.3, 6.6, 3.0, 5.6, 2.0]);
    let answer = iris().post("/v2/models/iris/infer", &flowers("FP32", [3, 4], data)).ok();
    let outputs = answer["outputs"].as_array().unwrap();
    let expected =
        json!({"name": "label", "datatype": "BYTES", "shape": [3], "data": ["setosa", "versicolor", "virginica"]});
    assert_eq!(outputs[0], expected);
    assert_eq!((&outputs[1]["datatype"], &outputs[1]["shape"]), (&json!("FP32"), &json!([3, 3])));
    let probabilities: Vec<f64> =
        outputs[1]["data"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    for (species, row) in probabilities.chunks(3).enumerate() {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{row:?}");
        assert!(row.iter().all(|other| *other <= row[species]), "{row:?}");
    }
}

#[test]
fn nested_data_is_equivalent_to_flat_data() {
    let nested = json!([[5.0, 3.4, 1.5, 0.2], [6.6, 3.0, 5.6, 2.0]]);
    assert_eq!(labels(&flowers("FP32", [2, 4], nested)), json!(["setosa", "virginica"]));
}

#[test]
fn the_metadata_is_the_declared_signature() {
    let answer = iris().get("/v2/models/iris");
    assert_eq!(answer.status, 200);
    let expected = format!(
        r#"{{"name":"iris","versions":["{VERSION}"],"platform":"chariot-engine","inputs":[{{"name":"features","datatype":"FP32","shape":[-1,4]}}],"outputs":[{{"name":"label","datatype":"BYTES","shape":[-1]}},{{"name":"probabilities","datatype":"FP32","shape":[-1,3]}}]}}"#
    );
    assert_eq!(answer.text, expected);
    assert_eq!(iris().get(&format!("/v2/models/iris/versions/{VERSION}")).text, expected);
    assert!(iris().get("/v2/models/iris/versions/none").error(404).contains("'none'"));
}

#[test]
fn outputs_are_selected_and_ordered() {
    let asked = |names: &[&str]| {
        let mut body = flowers("FP32", [1, 4], json!([5.0, 3.4, 1.5, 0.2]));
        body["outputs"] = names.iter().map(|name| json!({"name": name})).collect();
        iris().infer(&body)
    };
    for names in [&["probabilities", "label"][..], &["label"], &["probabilities"]] {
        let answer = asked(names).ok();
        let returned: Vec<_> = answer["outputs"].as_array().unwrap().iter().map(|output| &output["name"]).collect();
        assert_eq!(returned, names);
    }
    let text = asked(&["label", "colour"]).error(400);
    assert!(text.starts_with("outputs[1].name") && text.contains("probabilities"), "{text}");
    let text = asked(&["label", "label"]).error(400);
    assert!(text.starts_with("outputs[1].name"), "{text}");
}

#[test]
fn other_datatypes_are_converted_by_rounding_or_exactly() {
    for datatype in ["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP16", "BF16", "FP64"] {
        assert_eq!(labels(&flowers(datatype, [1, 4], json!([5, 3, 1, 0]))), json!(["setosa"]), "{datatype}");
    }
    assert_eq!(labels(&flowers("FP64", [1, 4], json!([5.5, 3.5, 1.25, 0.1]))), json!(["setosa"]));

    for (datatype, data) in [
        ("FP64", json!([5.5, 3.5, 1.25, 1e39])),
        ("INT32", json!([5, 3, 1, 16_777_217])),
        ("INT64", json!([5, 3, 1, 16_777_217])),
        ("UINT64", json!([5, 3, 1, u64::MAX])),
    ] {
        let text = iris().infer(&flowers(datatype, [1, 4], data)).error(400);
        assert!(text.starts_with("input 'features': ") && text.contains("FP32"), "{text}");
    }
}

#[test]
fn a_request_that_violates_the_signature_is_rejected_by_name() {
    let good = json!([5.0, 3.4, 1.5, 0.2]);
    let named = |name: &str| json!({"name": name, "datatype": "FP32", "shape": [1, 4], "data": good});
    for (body, texts) in [
        (flowers("FP32", [1, 3], json!([5.0, 3.4, 1.5])), &["'features'", "[n, 4]", "[1, 3]"][..]),
        (flowers("FP32", [2, 4], good.clone()), &["features", "8", "4"]),
        (flowers("BYTES", [1, 4], json!(["a", "b", "c", "d"])), &["'features'", "FP32", "BYTES"]),
        (flowers("BOOL", [1, 4], json!([true, true, true, true])), &["'features'", "FP32", "BOOL"]),
        (json!({"inputs": [named("petals")]}), &["'petals'", "'features'"]),
        (json!({"inputs": [named("features"), named("more")]}), &["'more'", "'features'"]),
        (json!({"inputs": [named("features"), named("features")]}), &["'features'"]),
        (json!({"inputs": []}), &["inputs"]),
    ] {
        let text = iris().infer(&body).error(400);
        assert!(texts.iter().all(|part| text.contains(part)), "{text}");
    }
}

#[test]
fn the_engine_matches_its_document() {
    let process = iris();
    let document = OpenApi::from_answer(&process.get("/openapi.json"));
    document.check_routes(|method, path, body| match method {
        "GET" => process.get(path),
        _ => process.post_text(path, body),
    });
    let [(_, example)] = document.examples()[..] else {
        panic!("expected one example, because chariot-v2 has no named tensors")
    };
    assert_eq!(labels(example), json!(["setosa"]));
    let good = flowers("FP32", [1, 4], json!([[5.0, 3.4, 1.5, 0.2]]));
    assert_eq!(document.check_request(&good), Ok(()));
    for (member, value) in [("name", json!("petals")), ("datatype", json!("BYTES")), ("shape", json!([1, 3]))] {
        let mut body = good.clone();
        body["inputs"][0][member] = value;
        assert!(document.check_request(&body).is_err(), "{member}");
        let rejected = process.infer(&body);
        document.check_answer(&rejected);
        assert!(rejected.error(400).contains("features"), "{member}");
    }
}

#[test]
fn a_request_built_from_the_metadata_gets_the_announced_outputs() {
    let metadata = iris().get("/v2/models/iris").ok();
    let input = &metadata["inputs"][0];
    assert_eq!(input["shape"], json!([-1, 4]));
    let body = json!({"inputs": [
        {"name": input["name"], "datatype": input["datatype"], "shape": [2, 4], "data": [1, 2, 3, 4, 5, 6, 7, 8]},
    ]});
    let answer = iris().infer(&body).ok();
    let (outputs, announced) = (answer["outputs"].as_array().unwrap(), metadata["outputs"].as_array().unwrap());
    assert_eq!(outputs.len(), announced.len());
    for (output, announced) in outputs.iter().zip(announced) {
        assert_eq!((&output["name"], &output["datatype"]), (&announced["name"], &announced["datatype"]));
        assert_eq!(output["shape"].as_array().unwrap()[1..], announced["shape"].as_array().unwrap()[1..]);
    }
}

#[test]
fn the_conformance_suite_passes_and_skips_only_cases_of_other_engines() {
    let process = iris();
    let target = Target::new(&format!("http://{}", process.address()), "iris").unwrap();
    let report = run(&target.level(Level::Chariot).base(""), &Suite::embedded()).unwrap();
    assert_eq!(report.failed(), 0, "{}", report.table());
    let scripted = |condition: &&str| condition.starts_with("scripted:");
    let unmet: Vec<_> = report.unmet().into_keys().filter(|condition| !scripted(condition)).collect();
    let of_others = ["compress-responses", "echo", "image", "items", "json", "model-id", "text"];
    assert_eq!(unmet, of_others, "{}", report.table());
}
