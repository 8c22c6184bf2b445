//! The engine as a real process: images of all kinds over HTTP with the shipped weights, and the errors for wrong files
//! and settings.

use std::{fs, io::Cursor, path::Path, sync::Arc};

use chariot_engine::image::{self, DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage, imageops};
use conformance::{Level, Suite, Target, run};
use e2e::{Messages, OpenApi, Process, Shared, base64};
use serde_json::{Value, json};

const DIGITS: &str = env!("CARGO_BIN_EXE_digits");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the engine that the tests of this file share.
fn digits() -> Arc<Process> {
    static PROCESS: Shared = Shared::new();
    PROCESS.get(|| Process::ready(DIGITS, &[("CHARIOT_ENGINE_MODEL_DIR", MODEL)]))
}

/// Returns the label and the file of every sample, in the order of their names.
fn samples() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let label = |path: &Path| path.file_name().unwrap().to_str().unwrap()[..1].to_string();
    let samples: Vec<_> = paths.iter().map(|path| (label(path), fs::read(path).unwrap())).collect();
    assert_eq!(samples.len(), 20);
    samples
}

/// Returns the first sample of a digit.
fn sample(digit: &str) -> Vec<u8> {
    samples().into_iter().find(|(label, _)| label == digit).unwrap().1
}

/// Makes an input with a file.
fn input(name: &str, file: &[u8], parameters: Value) -> Value {
    json!({"name": name, "datatype": "BYTES", "shape": [1], "data": [base64(file)], "parameters": parameters})
}

/// Makes a request with one input per sample, after a change, and returns it with the labels.
fn all_samples(change: impl Fn(&GrayImage) -> Vec<u8>) -> (Vec<String>, Value) {
    let (labels, inputs): (Vec<_>, Vec<_>) = samples()
        .into_iter()
        .map(|(label, file)| {
            let image = image::load_from_memory(&file).unwrap().into_luma8();
            let input = input(&label, &change(&image), json!({}));
            (label, input)
        })
        .unzip();
    (labels, json!({"inputs": inputs}))
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// Changes the size and the two colors of an image.
fn coloured(image: &GrayImage, side: u32, paper: Rgb<u8>, ink: Rgb<u8>) -> RgbImage {
    let resized = imageops::resize(image, side, side, imageops::FilterType::Triangle);
    RgbImage::from_fn(side, side, |x, y| {
        let light = f32::from(resized.get_pixel(x, y)[0]) / 255.0;
        let mix = |channel: usize| f32::from(paper[channel]) * light + f32::from(ink[channel]) * (1.0 - light);
        Rgb([mix(0).round() as u8, mix(1).round() as u8, mix(2).round() as u8])
    })
}

#[test]
fn every_sample_is_classified_correctly() {
    let process = digits();
    for (label, file) in samples() {
        let answer = process.post("/v2/models/digits/infer", &json!({"inputs": [input("digit", &file, json!({}))]}));
        assert_eq!(answer.values(), [json!(label)]);
    }
}

#[test]
fn the_response_is_the_documented_text() {
    let body = json!({"id": "a", "inputs": [input("digit", &sample("3"), json!({"action": "predict"}))]});
    let answer = digits().infer(&body);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let expected = format!(
        r#"{{"model_name":"digits","model_version":"{VERSION}","id":"a","outputs":[{{"name":"digit","datatype":"BYTES","shape":[1],"data":["3"]}}]}}"#
    );
    assert_eq!(answer.text, expected);
}

#[test]
fn many_inputs_are_answered_in_order_and_by_name() {
    let (labels, body) = all_samples(|image| encoded(image.clone(), ImageFormat::Png));
    let answer = digits().infer(&body).ok();
    let outputs = answer["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), labels.len());
    for (output, label) in outputs.iter().zip(&labels) {
        assert_eq!((&output["name"], &output["data"]), (&json!(label), &json!([label])));
    }
}

#[test]
fn the_elements_of_one_input_are_items() {
    let data = [base64(sample("7")), base64(sample("0")), base64(sample("4"))];
    let answer = digits().infer(&json!({"inputs": [{"name": "three", "data": data}]})).ok();
    assert_eq!(answer["outputs"][0]["shape"], json!([3]));
    assert_eq!(answer["outputs"][0]["data"], json!(["7", "0", "4"]));
}

#[test]
fn colour_images_are_classified_correctly() {
    let (yellow, red) = (Rgb([250, 240, 150]), Rgb([150, 20, 30]));
    for (paper, ink, format) in [
        (yellow, red, ImageFormat::Png),
        (red, yellow, ImageFormat::Jpeg),
        (Rgb([20, 40, 90]), Rgb([230, 230, 255]), ImageFormat::Bmp),
    ] {
        let (labels, body) = all_samples(|image| encoded(coloured(image, 40, paper, ink), format));
        assert_eq!(digits().infer(&body).values(), labels, "{ink:?} on {paper:?} as {format:?}");
    }
}

#[test]
fn a_large_image_is_classified_correctly() {
    let small = image::load_from_memory(&sample("6")).unwrap().into_luma8();
    let large = coloured(&small, 1000, Rgb([250, 240, 150]), Rgb([150, 20, 30]));
    let body = json!({"inputs": [input("large", &encoded(large, ImageFormat::Png), json!({}))]});
    assert_eq!(digits().infer(&body).values(), ["6"]);
}

#[test]
fn predict_proba_returns_a_probability_per_class() {
    let inputs = [
        input("five", &sample("5"), json!({"action": "predict_proba"})),
        input("eight", &sample("8"), json!({"action": "predict"})),
    ];
    let values = digits().infer(&json!({"inputs": inputs})).values();
    let probabilities: Vec<f64> = values[0].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    assert_eq!(probabilities.len(), 10);
    assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "{probabilities:?}");
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{probabilities:?}");
    assert!(probabilities[5] > 0.5, "{probabilities:?}");
    assert_eq!(values[1], "8");
}

#[test]
fn metadata_is_returned_byte_for_byte() {
    let file = base64(sample("1"));
    for metadata in [
        r#""{\"frame\": 7,  \"camera\": \"\\u00e9\"}""#,
        r#"{"b" : [1.0,  2e3], "a":"\u00e9", "big": 123456789012345678901234567890}"#,
        "[ 1,2 ]",
    ] {
        let body = format!(
            r#"{{"inputs":[{{"name":"x","data":["{file}"],"parameters":{{"metadata":{metadata}}}}},{{"name":"y","data":["{file}"]}}]}}"#
        );
        let answer = digits().post_text("/infer", &body);
        assert_eq!(answer.values(), ["1", "1"]);
        let output = r#"{"name":"x","datatype":"BYTES","shape":[1],"data":["1"],"parameters":{"metadata":"#;
        assert!(answer.text.contains(&format!("{output}{metadata}}}}}")), "{}", answer.text);
        assert!(answer.text.contains(r#"{"name":"y","datatype":"BYTES","shape":[1],"data":["1"]}"#), "{}", answer.text);
    }
}

#[test]
fn an_unreadable_input_is_rejected_by_name() {
    let process = digits();
    let good = sample("2");
    // The decoder of TIFF would panic on tiles in separate planes.
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chariot-engine/src/input/image/corpus");
    let tiled = fs::read(corpus.join("rgb8-planes-tiles.tiff")).unwrap();
    let mut messages = Messages::new();
    for (case, bad) in [
        ("not base64", json!({"name": "bad", "data": ["%%%"]})),
        ("not an image", json!({"name": "bad", "data": [base64("not an image")]})),
        ("half an image", json!({"name": "bad", "data": [base64(&good[..good.len() / 2])]})),
        ("a variant that is not decoded", json!({"name": "bad", "data": [base64(&tiled)]})),
        ("no element", json!({"name": "bad", "data": []})),
        ("an unknown action", input("bad", &good, json!({"action": "detect"}))),
    ] {
        let text = process.infer(&json!({"inputs": [input("good", &good, json!({})), bad]})).error(400);
        assert!(text.starts_with("input 'bad': ") && !text.contains("'good'"), "{text}");
        messages.add(case, text);
    }
    insta::assert_snapshot!("rejected", messages);
}

#[test]
fn the_layout_objects_returns_the_best_labels() {
    let env = [("CHARIOT_ENGINE_MODEL_DIR", MODEL), ("CHARIOT_ENGINE_OUTPUT_LAYOUT", "objects"), ("TOP_K", "2")];
    let process = Process::ready(DIGITS, &env);
    let inputs =
        [input("six", &sample("6"), json!({})), input("six", &sample("6"), json!({"action": "predict_proba"}))];
    let values = process.infer(&json!({"inputs": inputs})).values();
    let [best, second] = &values[0].as_array().unwrap()[..] else { panic!("expected two labels, got {values:?}") };
    assert_eq!(best["label"], "6");
    assert!(best["score"].as_f64() > second["score"].as_f64(), "{values:?}");
    assert_eq!(best["score"], values[1][6]);
}

#[test]
fn a_task_type_that_does_not_match_is_warned_of() {
    let warns = |task| {
        // An invalid setting would end the process before the warnings; a missing directory ends it after them.
        let env = [("CHARIOT_TASK_TYPE", task), ("CHARIOT_ENGINE_MODEL_DIR", "/no/such/directory")];
        let process = Process::start(DIGITS, &env);
        assert_eq!(process.wait(), Some(1));
        let warning = |line: &Value| line["level"] == "WARN" && line.to_string().contains("CHARIOT_TASK_TYPE");
        process.whole_log().iter().any(warning)
    };
    assert!(warns("Object Detection"));
    assert!(!warns("image_classification"));
}

/// Runs a process that exits on its own with this code, and returns its last error in the log.
#[track_caller]
fn last_error(env: &[(&str, &str)], code: i32) -> String {
    let process = Process::start(DIGITS, env);
    assert_eq!(process.wait(), Some(code));
    let log = process.whole_log();
    let last = log.iter().rfind(|line| line["level"] == "ERROR").unwrap_or_else(|| panic!("no error: {log:#?}"));
    last["message"].as_str().unwrap().to_string()
}

#[test]
fn a_missing_model_directory_is_named_with_the_file() {
    let text = last_error(&[("CHARIOT_ENGINE_MODEL_DIR", "/no/such/directory")], 1);
    assert!(text.contains("'model.safetensors'") && text.contains("'/no/such/directory'"), "{text}");
}

#[test]
fn truncated_weights_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let weights = fs::read(Path::new(MODEL).join("model.safetensors")).unwrap();
    fs::write(directory.path().join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    fs::copy(Path::new(MODEL).join("class_labels.json"), directory.path().join("class_labels.json")).unwrap();
    let text = last_error(&[("CHARIOT_ENGINE_MODEL_DIR", directory.path().to_str().unwrap())], 1);
    assert!(text.contains("'model.safetensors'"), "{text}");
    insta::assert_snapshot!("truncated_weights", text.replace(directory.path().to_str().unwrap(), "DIRECTORY"));
}

#[test]
fn a_setting_out_of_range_is_a_configuration_error() {
    let text = last_error(&[("CHARIOT_ENGINE_MODEL_DIR", MODEL), ("TOP_K", "11")], 78);
    assert!(text.contains("TOP_K: ") && text.contains("'11'"), "{text}");
    insta::assert_snapshot!("setting", text);
}

#[test]
fn the_engine_matches_its_document_and_its_metadata() {
    let process = digits();
    let document = OpenApi::from_answer(&process.get("/openapi.json"));
    document.check_routes(|method, path, body| match method {
        "GET" => process.get(path),
        _ => process.post_text(path, body),
    });
    assert_eq!(document.examples().len(), 2);

    let announced = process.get("/v2/models/digits").ok()["inputs"][0].take();
    let request = |parameters: Value| {
        let mut input = announced.clone();
        input["shape"] = json!([1]);
        input["data"] = json!([base64(sample("7"))]);
        input["parameters"] = parameters;
        json!({ "inputs": [input] })
    };
    for (parameters, fits) in [
        (json!({"action": "predict"}), true),
        (json!({"action": "predict_proba", "score_threshold": 0.25}), true),
        (json!({"action": "detect"}), false),
        (json!({"score_threshold": [0.5]}), false),
    ] {
        let (body, answer) = (request(parameters.clone()), process.infer(&request(parameters)));
        assert_eq!((document.check_request(&body).is_ok(), answer.status == 200), (fits, fits), "{answer:?}");
        document.check_answer(&answer);
    }
    let mut numbers = request(json!({}));
    numbers["inputs"][0]["datatype"] = json!("FP32");
    numbers["inputs"][0]["data"] = json!([0.5]);
    assert!(document.check_request(&numbers).is_err());
    assert!(process.infer(&numbers).error(400).contains("FP32"));
}

#[test]
fn the_conformance_suite_passes_and_skips_only_cases_of_other_engines() {
    let process = digits();
    let target = Target::new(&format!("http://{}", process.address()), "digits").unwrap();
    let report = run(&target.level(Level::Chariot).base(""), &Suite::embedded()).unwrap();
    assert_eq!(report.failed(), 0, "{}", report.table());
    let scripted = |condition: &&str| condition.starts_with("scripted:");
    let unmet: Vec<_> = report.unmet().into_keys().filter(|condition| !scripted(condition)).collect();
    let of_others = [
        "compress-responses",
        "echo",
        "json",
        "model-id",
        "not:closed-actions",
        "not:image",
        "numeric",
        "tensors",
        "text",
    ];
    assert_eq!(unmet, of_others, "{}", report.table());
}
