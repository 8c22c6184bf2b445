//! The responses of each kind of engine.

use serde_json::json;

use crate::{BACKENDS, folder, needs_onnx_runtime, outputs, picture, ready};

#[test]
fn a_file_alone_is_an_engine_of_named_tensors() {
    needs_onnx_runtime!();
    for backend in BACKENDS {
        let folder = folder("two-inputs.onnx", &[]);
        let engine = ready(&folder, backend);
        let metadata = engine.get("/v2/models/model").ok();
        let names: Vec<_> = metadata["inputs"].as_array().unwrap().iter().map(|input| &input["name"]).collect();
        assert_eq!(names.len(), 2, "{metadata}");
        let mut inputs = Vec::new();
        for input in metadata["inputs"].as_array().unwrap() {
            let shape: Vec<i64> =
                input["shape"].as_array().unwrap().iter().map(|length| length.as_i64().unwrap().abs()).collect();
            let data = vec![1; shape.iter().product::<i64>() as usize];
            inputs.push(json!({"name": input["name"], "datatype": input["datatype"], "shape": shape, "data": data}));
        }
        let response = engine.infer(&json!({"inputs": inputs})).ok();
        assert_eq!(response["outputs"][0]["name"], metadata["outputs"][0]["name"]);
        // A fault of the caller names the input, before the model sees it.
        inputs[0]["shape"] = json!([1, 1, 1, 1, 1]);
        let name = inputs[0]["name"].as_str().unwrap().to_owned();
        let error = engine.infer(&json!({"inputs": inputs})).error(400);
        assert!(error.contains(&format!("input '{name}'")), "{error}");
    }
}

#[test]
fn a_classifier_returns_labels_of_images_of_any_size() {
    needs_onnx_runtime!();
    let description = r#"{"task": "Image Classification", "labels": ["red", "green", "blue"]}"#;
    for backend in BACKENDS {
        let folder = folder("classifier.onnx", &[("engine.json", description)]);
        let engine = ready(&folder, backend);
        let images = [picture(8, 8, [255, 0, 0]), picture(40, 30, [0, 0, 255]), picture(1, 9, [0, 255, 0])];
        assert_eq!(outputs(&engine, &images, json!({})), ["red", "blue", "green"]);
        let probabilities = outputs(&engine, &images[..1], json!({"action": "predict_proba"}));
        let sum: f64 = probabilities[0].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{probabilities:?}");
        assert!(engine.get("/openapi.json").ok().to_string().contains("Image Classification"));
    }
}

#[test]
fn probabilities_of_the_file_stay_what_they_are() {
    needs_onnx_runtime!();
    let description = r#"{"task": "Image Classification", "labels": ["red", "green", "blue"], "scores": "none"}"#;
    for backend in BACKENDS {
        let folder = folder("softmax.onnx", &[("engine.json", description)]);
        let image = picture(8, 8, [255, 0, 0]);
        let probabilities = outputs(&ready(&folder, backend), &[image], json!({"action": "predict_proba"}));
        // Of 1, 0 and 0.
        let (first, sum) = (1_f64.exp(), 1_f64.exp() + 2.0);
        let numbers: Vec<f64> =
            probabilities[0].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
        assert!((numbers[0] - first / sum).abs() < 1e-5 && (numbers[1] - 1.0 / sum).abs() < 1e-5, "{numbers:?}");
    }
}

#[test]
fn labels_are_those_of_the_description_or_of_a_file_or_of_the_model() {
    needs_onnx_runtime!();
    let labels = ("class_labels.json", r#"["f", "g", "h"]"#);
    let task = ("engine.json", r#"{"task": "Object Detection"}"#);
    let own = ("engine.json", r#"{"task": "Object Detection", "labels": ["c", "d", "e"]}"#);
    for backend in BACKENDS {
        for (files, expected) in [(&[task][..], "dog"), (&[task, labels], "g"), (&[own, labels], "d")] {
            let folder = folder("boxes.onnx", files);
            crate::add_property(&folder, "names", r#"{0: 'cat', 1: "dog", 2: 'bird'}"#);
            let found = outputs(&ready(&folder, backend), &[picture(64, 64, [0, 0, 0])], json!({}));
            assert_eq!(found[0][0]["label"], expected, "{backend}");
        }
    }
}

#[test]
fn a_length_over_the_limit_of_named_tensors_is_rejected() {
    needs_onnx_runtime!();
    for backend in BACKENDS {
        let folder = folder("two-inputs.onnx", &[("engine.json", r#"{"max_shapes": {"ids": [2, 3]}}"#)]);
        let engine = ready(&folder, backend);
        let request = |tokens: usize| {
            let ids = json!({"name": "ids", "datatype": "INT64", "shape": [1, tokens], "data": vec![1; tokens]});
            let scale = json!({"name": "scale", "datatype": "FP32", "shape": [1], "data": [1.5]});
            engine.infer(&json!({"inputs": [ids, scale]}))
        };
        assert_eq!(request(3).status, 200);
        let error = request(4).error(400);
        assert_eq!(error, "input 'ids': expected at most 3 in dimension 1 of shape [n, tokens], got 4");
    }
}

#[test]
fn a_detector_returns_boxes_in_pixels_of_the_image() {
    needs_onnx_runtime!();
    let labels = ("class_labels.json", r#"["cat", "dog", "bird"]"#);
    for backend in BACKENDS {
        let folder = folder("boxes.onnx", &[("engine.json", r#"{"task": "Object Detection"}"#), labels]);
        let engine = ready(&folder, backend);
        // Twice as wide as high: 64 rows of the model's 128, in the middle.
        let images = [picture(128, 64, [9, 9, 9]), picture(64, 64, [0, 0, 0])];
        let found = outputs(&engine, &images, json!({}));
        let dog = json!({"label": "dog", "score": 0.875, "xmin": 48.0, "ymin": 24.0, "xmax": 80.0, "ymax": 40.0});
        let cat = json!({"label": "cat", "score": 0.625, "xmin": 12.0, "ymin": 28.0, "xmax": 20.0, "ymax": 36.0});
        assert_eq!(found[0], json!([dog, cat]));
        let dog = json!({"label": "dog", "score": 0.875, "xmin": 24.0, "ymin": 28.0, "xmax": 40.0, "ymax": 36.0});
        assert_eq!(found[1][0], dog);
        let best = outputs(&engine, &images[1..], json!({"score_threshold": "0.7"}));
        assert_eq!(best, [json!([dog])]);
    }
}

#[test]
fn an_embedder_returns_the_mean_of_the_tokens() {
    needs_onnx_runtime!();
    let tokenizer = std::fs::read_to_string(crate::model("tokenizer.json")).unwrap();
    let embed = |backend: &str, description: &str, texts: &[&str]| {
        let folder = folder("encoder.onnx", &[("engine.json", description), ("tokenizer.json", &tokenizer)]);
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_string()).collect();
        let vectors = outputs(&ready(&folder, backend), &texts, json!({}));
        let number = |value: &serde_json::Value| (value.as_f64().unwrap() * 1e4).round() / 1e4;
        vectors.iter().map(|vector| [number(&vector[0]), number(&vector[1])]).collect::<Vec<_>>()
    };
    for backend in BACKENDS {
        let task = r#"{"task": "Text Embedding"}"#;
        // Texts of several lengths share a call, padded: what pads them is not in the mean.
        assert_eq!(embed(backend, task, &["a a b", "c", "a a a a"]), [[0.6727, 0.7399], [0.0, 1.0], [0.6, 0.8]]);
        let first = r#"{"task": "Text Embedding", "text": {"pooling": "cls", "normalize": false, "max_tokens": 2}}"#;
        assert_eq!(embed(backend, first, &["a b"]), [[3.0, 4.0]]);
    }
}
