//! The engine as a real process: tensors are returned unchanged, and every route is where the platform expects it.

use std::sync::Arc;

use conformance::{Level, Suite, Target, run};
use e2e::{OpenApi, Process, Shared};
use serde_json::{Value, json};

const IDENTITY: &str = env!("CARGO_BIN_EXE_identity");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The id of a model on the platform, in mixed case.
const MODEL_ID: &str = "2ABCdefGHIjklMNOpqrSTUvwxYZ";

/// Returns the engine that the tests of this file share.
fn identity() -> Arc<Process> {
    static PROCESS: Shared = Shared::new();
    PROCESS.get(|| Process::ready(IDENTITY, &[]))
}

fn tensor(datatype: &str, shape: &[usize], data: &Value) -> Value {
    json!({"name": "x", "datatype": datatype, "shape": shape, "data": data})
}

/// Sends a tensor and returns the output.
#[track_caller]
fn echo(input: &Value) -> Value {
    let mut answer = identity().infer(&json!({"inputs": [input]})).ok();
    answer["outputs"][0].take()
}

#[test]
fn every_datatype_is_returned_unchanged() {
    for (datatype, data) in [
        ("BOOL", json!([true, false])),
        ("UINT8", json!([0, u8::MAX])),
        ("UINT16", json!([0, u16::MAX])),
        ("UINT32", json!([0, u32::MAX])),
        ("UINT64", json!([0, u64::MAX])),
        ("INT8", json!([i8::MIN, i8::MAX])),
        ("INT16", json!([i16::MIN, i16::MAX])),
        ("INT32", json!([i32::MIN, i32::MAX])),
        ("INT64", json!([i64::MIN, i64::MAX])),
        ("FP16", json!([-65504.0, 0.5])),
        ("BF16", json!([-256.0, 0.5])),
        ("FP32", json!([-1.5, 0.25])),
        ("FP64", json!([-1.5, 0.1])),
        ("BYTES", json!(["", "ä\n\"\u{0}\u{1f600}"])),
    ] {
        let flat = tensor(datatype, &[2], &data);
        assert_eq!(echo(&flat), flat);
        let column = tensor(datatype, &[2, 1], &json!([[data[0]], [data[1]]]));
        assert_eq!(echo(&column), tensor(datatype, &[2, 1], &data), "nested data is returned flat");
        let empty = tensor(datatype, &[0, 3], &json!([]));
        assert_eq!(echo(&empty), empty);
    }
}

#[test]
fn floating_point_numbers_are_returned_bit_for_bit() {
    let numbers = [0.1, -0.0, 5e-324, f64::MAX, f64::MIN_POSITIVE, 1.0 / 3.0, 9_007_199_254_740_993.0, 123e-20];
    let output = echo(&tensor("FP64", &[numbers.len()], &json!(numbers)));
    let returned: Vec<_> = output["data"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(returned.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), numbers.map(f64::to_bits));

    let numbers = [0.1_f32, -0.0, 1e-45, f32::MAX, f32::MIN_POSITIVE, 1.0 / 3.0];
    let output = echo(&tensor("FP32", &[numbers.len()], &json!(numbers)));
    let returned: Vec<_> =
        output["data"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect();
    assert_eq!(returned.iter().map(|value| value.to_bits()).collect::<Vec<_>>(), numbers.map(f32::to_bits));
}

#[test]
fn several_tensors_are_returned_in_order_or_as_selected() {
    let inputs = ["b", "a", "c"].map(|name| json!({"name": name, "datatype": "INT8", "shape": [1], "data": [1]}));
    let asked = |outputs: Value| identity().infer(&json!({"inputs": inputs, "outputs": outputs}));
    let names = |outputs: Value| -> Vec<Value> {
        let answer = asked(outputs).ok();
        answer["outputs"].as_array().unwrap().iter().map(|output| output["name"].clone()).collect()
    };
    assert_eq!(names(Value::Null), ["b", "a", "c"]);
    assert_eq!(names(json!([{"name": "c"}, {"name": "b"}])), ["c", "b"]);
    let text = asked(json!([{"name": "b"}, {"name": "d"}])).error(400);
    assert!(text.contains("outputs[1].name"), "{text}");
}

#[test]
fn an_engine_without_declared_tensors_has_empty_metadata() {
    let process = identity();
    let expected = format!(
        r#"{{"name":"identity","versions":["{VERSION}"],"platform":"chariot-engine","inputs":[],"outputs":[]}}"#
    );
    assert_eq!(process.get("/v2/models/identity").text, expected);
    assert_eq!(process.get("/v2/models").ok(), json!({"models": ["identity"]}));
    assert_eq!(process.get("/v2").ok()["version"], VERSION);
}

#[test]
fn an_invalid_tensor_is_rejected_by_name() {
    for (input, location) in [
        (tensor("UINT8", &[1], &json!([256])), "input 'x': data[0]"),
        (tensor("INT32", &[1], &json!([1.5])), "input 'x': data[0]"),
        (tensor("FP32", &[1], &json!([1e39])), "input 'x': data[0]"),
        (tensor("FP32", &[2], &json!([1.0])), "input 'x'"),
        (tensor("FP32", &[2, 2], &json!([[1.0, 2.0, 3.0], [4.0]])), "input 'x': data[0]"),
        (tensor("FP32", &[usize::MAX, 2], &json!([])), "input 'x'"),
        (tensor("FP128", &[1], &json!([1.0])), "input 'x': datatype"),
        (json!({"name": "x", "shape": [1], "data": [1]}), "input 'x'"),
    ] {
        let text = identity().infer(&json!({"inputs": [input]})).error(400);
        assert!(text.starts_with(location), "{text}");
    }
}

#[test]
fn the_base_url_contains_the_id_of_the_model() {
    let env = [
        ("CHARIOT_ENGINE_BASE_URL", "v2/models//m-{model_id}/"),
        ("CHARIOT_MODEL_ID", MODEL_ID),
        ("CHARIOT_ENGINE_LOG_LEVEL", "debug"),
    ];
    let process = Process::ready(IDENTITY, &env);
    let base = format!("/v2/models/m-{}", MODEL_ID.to_lowercase());
    assert_eq!(process.wait_for_log("starting engine")["base_url"], json!(base));
    assert_eq!(process.wait_for_log("loading model")["device"], "cpu");
    let unavailable = process.wait_for_log("device not available");
    assert_eq!((&unavailable["level"], &unavailable["device"]), (&json!("DEBUG"), &json!("cuda:0")));
    let body = json!({"inputs": [tensor("INT8", &[1], &json!([7]))]});
    for base in [base, format!("/v2/models/m-{MODEL_ID}"), "/v2/models/identity".into(), String::new()] {
        assert_eq!(process.get(&format!("{base}/ready")).ok()["ready"], true, "{base}");
        assert_eq!(process.post(&format!("{base}/infer"), &body).values(), [7], "{base}");
    }
    assert!(process.get("/v2/models/m-1234567890123456789012345ab").error(404).contains("identity"));
}

#[test]
fn the_engine_matches_its_document() {
    let process = identity();
    let document = OpenApi::from_answer(&process.get("/openapi.json"));
    document.check_routes(|method, path, body| match method {
        "GET" => process.get(path),
        _ => process.post_text(path, body),
    });
    let example = document.examples()[0].1;
    document.check_answer(&process.infer(example));
    let other = json!({"inputs": [tensor("FP64", &[2, 1], &json!([[0.1], [1e300]]))]});
    assert_eq!(document.check_request(&other), Ok(()), "any tensor is accepted");
    document.check_answer(&process.infer(&other));
    for (member, value) in [("datatype", json!("FP128")), ("data", Value::Null), ("shape", json!([-1]))] {
        let mut input = tensor("FP32", &[1], &json!([1]));
        input[member] = value;
        let body = json!({ "inputs": [input] });
        assert!(document.check_request(&body).is_err(), "{member}");
        let rejected = process.infer(&body);
        document.check_answer(&rejected);
        assert_eq!(rejected.status, 400, "{member}");
    }
}

#[test]
fn the_conformance_suite_passes_and_skips_only_cases_of_other_engines() {
    let process = identity();
    let target = Target::new(&format!("http://{}", process.address()), "identity").unwrap();
    let report = run(&target.level(Level::Chariot).base(""), &Suite::embedded()).unwrap();
    assert_eq!(report.failed(), 0, "{}", report.table());
    let scripted = |condition: &&str| condition.starts_with("scripted:");
    let unmet: Vec<_> = report.unmet().into_keys().filter(|condition| !scripted(condition)).collect();
    let of_others = [
        "compress-responses",
        "declared-inputs",
        "fixed-shape",
        "image",
        "items",
        "json",
        "model-id",
        "outputs",
        "text",
        "two-outputs",
        "variable-batch",
    ];
    assert_eq!(unmet, of_others, "{}", report.table());
}
