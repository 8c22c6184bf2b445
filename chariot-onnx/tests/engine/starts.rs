//! Files that fail the start of an engine with a sentence that says what to do, and the command line.

use std::path::Path;

use crate::{BACKENDS, ONNX, add_property, begin, folder, library, model, needs_onnx_runtime};

/// Returns the reason why an engine does not start.
#[track_caller]
fn refusal(folder: &tempfile::TempDir, backend: &str) -> String {
    let process = begin(&folder.path().join("model.onnx"), backend, &[]);
    assert_eq!(process.wait(), Some(1));
    let log = process.whole_log();
    let failed =
        log.iter().filter_map(|line| line["message"].as_str()).find(|text| text.contains("model failed to load"));
    failed.unwrap_or_else(|| panic!("no reason in {log:?}")).to_owned()
}

#[test]
fn a_file_that_cannot_run_fails_the_start() {
    needs_onnx_runtime!();
    for backend in BACKENDS {
        for (file, expected) in
            [("unknown-operator.onnx", "Frobnicate"), ("zipmap.onnx", "zipmap"), ("hostile/short.onnx", "'w'")]
        {
            let why = refusal(&folder(file, &[]), backend);
            assert!(why.contains(expected), "{backend} {file}: {why}");
        }
        let whole = std::fs::read(model("detector-64.onnx")).unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            let folder = folder("linear.onnx", &[]);
            std::fs::write(folder.path().join("model.onnx"), &whole[..length]).unwrap();
            let why = refusal(&folder, backend);
            assert!(why.contains("'model.onnx'"), "{backend} {length}: {why}");
        }
    }
}

#[test]
fn a_description_that_does_not_fit_the_file_fails_the_start() {
    needs_onnx_runtime!();
    let detect = r#"{"task": "Object Detection", "labels": ["one", "two"]}"#;
    for (file, description, expected) in [
        ("boxes.onnx", detect, "2 labels"),
        ("boxes.onnx", r#"{"task": "Object Detection"}"#, "class_labels.json"),
        ("boxes.onnx", r#"{"task": "Object Detection", "labels": []}"#, "labels: expected at least one"),
        ("boxes.onnx", r#"{"task": "Object Detection", "iou": 1}"#, "unknown field `iou`"),
        (
            "boxes.onnx",
            r#"{"task": "Object Detection", "boxes": {"iou": 2}}"#,
            "boxes.iou: expected a number from 0 to 1",
        ),
        ("boxes.onnx", r#"{"task": "Speech"}"#, "unknown variant `Speech`"),
        (
            "boxes.onnx",
            r#"{"task": "Object Detection", "tiles": {"overlap": 1}}"#,
            "engine.json: tiles.overlap: expected a number from 0 to less than 1, got 1",
        ),
        (
            "boxes.onnx",
            r#"{"task": "Object Detection", "tiles": {"overlap": -0.5}}"#,
            "engine.json: tiles.overlap: expected a number from 0 to less than 1, got -0.5",
        ),
        (
            "boxes.onnx",
            r#"{"task": "Object Detection", "labels": ["a", "b", "c"], "tiles": {"size": 63}}"#,
            "engine.json: tiles.size: expected at least 64, the longer side of the model's images, got 63",
        ),
        ("boxes.onnx", r#"{"task": "Object Detection", "tiles": {"step": 9}}"#, "unknown field `step`"),
        (
            "classifier.onnx",
            r#"{"task": "Image Classification", "labels": ["a", "b", "c"], "tiles": {}}"#,
            "engine.json: tiles: expected none without the task Object Detection, got some",
        ),
        ("boxes.onnx", r#"{"task": "Object Detection", "labels": ["a"], "image": {"width": 9}}"#, "image.width of 64"),
        ("linear.onnx", detect, "images of shape"),
        ("two-inputs.onnx", detect, "expected one input"),
        ("classifier.onnx", r#"{"task": "Image Classification", "labels": ["a"]}"#, "as many labels as the model has"),
        ("linear.onnx", r#"{"task": "Text Embedding"}"#, "input_ids"),
        (
            "softmax.onnx",
            r#"{"task": "Image Classification", "labels": ["a", "b", "c"], "scores": "softmax"}"#,
            r#"engine.json: scores: expected "none", because the model's output is that of Softmax"#,
        ),
        ("linear.onnx", r#"{"max_shapes": {"y": [8, 4]}}"#, "one of the inputs 'x', got 'y'"),
        (
            "boxes.onnx",
            r#"{"task": "Object Detection", "max_shapes": {"images": [1, 3, 64, 64]}}"#,
            "max_shapes: expected",
        ),
        ("encoder.onnx", r#"{"task": "Text Embedding"}"#, "tokenizer.json"),
    ] {
        let why = refusal(&folder(file, &[("engine.json", description)]), "tract");
        assert!(why.contains(expected), "{file} {description}: {why}");
    }
}

#[test]
fn the_model_is_the_only_file_of_its_directory() {
    needs_onnx_runtime!();
    let folder = tempfile::tempdir().unwrap();
    let start = |dir: &Path| {
        let dir = dir.display().to_string();
        e2e::Process::start(ONNX, &[("CHARIOT_ENGINE_MODEL_DIR", &dir), ("ORT_DYLIB_PATH", &library())])
    };
    let reason = |process: e2e::Process| {
        assert_eq!(process.wait(), Some(1));
        process.all_lines().join("\n")
    };
    assert!(reason(start(folder.path())).contains("'*.onnx'"));
    std::fs::copy(model("linear.onnx"), folder.path().join("first.onnx")).unwrap();
    let process = start(folder.path());
    process.wait_until_ready();
    assert_eq!(process.get("/v2/models/onnx").ok()["inputs"][0]["datatype"], "FP32");
    std::fs::copy(model("linear.onnx"), folder.path().join("second.onnx")).unwrap();
    assert!(reason(start(folder.path())).contains("ONNX_FILE"));
}

#[test]
fn without_a_library_tract_runs_the_model_unless_the_library_is_named() {
    needs_onnx_runtime!();
    let folder = folder("linear.onnx", &[]);
    let path = folder.path().join("model.onnx").display().to_string();
    let process = e2e::Process::start_with(ONNX, &["--model", &path], &[]);
    process.wait_until_ready();
    process.wait_for_log("tract runs the model");
    let named = [("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so")];
    let process = e2e::Process::start_with(ONNX, &["--model", &path], &named);
    assert_eq!(process.wait(), Some(1));
    assert!(process.all_lines().join("\n").contains("/nowhere/libonnxruntime.so"));
}

#[test]
fn the_help_has_all_that_boxes_on_a_picture_need() {
    needs_onnx_runtime!();
    let help = e2e::Process::start_with(ONNX, &["--help"], &[]);
    assert_eq!(help.wait(), Some(0));
    let text = help.all_lines().join("\n");
    let description = text.lines().find(|line| line.contains(r#"{"task": "Object Detection""#)).expect(&text).trim();
    let folder = folder("boxes.onnx", &[("engine.json", &description.replace(r#""dog""#, r#""dog", "bird""#))]);
    let picture = folder.path().join("picture.png");
    image::RgbImage::new(64, 64).save(&picture).unwrap();
    let picture = picture.display().to_string();
    let infer = begin(&folder.path().join("model.onnx"), "tract", &["infer", &picture]);
    assert_eq!(infer.wait(), Some(0), "{:?}", infer.all_errors());
    assert!(infer.all_lines().join("\n").contains(r#""label":"dog""#));
}

#[test]
fn a_picture_for_named_tensors_is_refused_with_a_note_about_tasks() {
    needs_onnx_runtime!();
    let folder = folder("boxes.onnx", &[("picture.png", "")]);
    let picture = folder.path().join("picture.png").display().to_string();
    let infer = begin(&folder.path().join("model.onnx"), "tract", &["infer", &picture]);
    assert_eq!(infer.wait(), Some(1));
    let errors = infer.all_errors().join("\n");
    assert!(errors.contains("named tensors") && errors.contains("engine.json"), "{errors}");
    let missing = folder.path().join("none").display().to_string();
    let infer = e2e::Process::start_with(ONNX, &["infer", &picture], &[("CHARIOT_ENGINE_MODEL_DIR", &missing)]);
    assert_eq!(infer.wait(), Some(1));
    let errors = infer.all_errors().join("\n");
    assert!(errors.contains("--model FILE") && !errors.contains("engine.json"), "{errors}");
}

#[test]
fn a_model_without_a_file_is_a_fault_of_the_command_line() {
    let process = e2e::Process::start_with(ONNX, &["check", "--model"], &[]);
    assert_eq!(process.wait(), Some(2));
    let errors = process.all_errors().join("\n");
    assert!(errors.contains("--model: expected the path of an ONNX file, got nothing"), "{errors}");
}

#[test]
fn the_archive_of_a_task_is_made_of_any_directory() {
    let description = r#"{"task": "Object Detection", "labels": ["a", "b", "c"]}"#;
    let folder = folder("boxes.onnx", &[("engine.json", description)]);
    let target = tempfile::tempdir().unwrap();
    let archive = target.path().join("model.zip").display().to_string();
    let directory = folder.path().display().to_string();
    let pack = e2e::Process::start_with(ONNX, &["pack", &archive, "--model-dir", &directory], &[]);
    assert_eq!(pack.wait(), Some(0), "{:?}", pack.all_errors());
    assert!(pack.all_lines().join("\n").contains("engine.json"));
}

#[test]
fn the_help_of_a_command_has_the_model_of_this_program() {
    for arguments in [&["infer", "--help"][..], &["help", "infer"], &["serve", "-h"]] {
        let help = e2e::Process::start_with(ONNX, arguments, &[]);
        assert_eq!(help.wait(), Some(0));
        let text = help.all_lines().join("\n");
        assert!(text.contains("--model <FILE>") && !text.contains("--model <NAME>"), "{arguments:?}: {text}");
    }
}

/// Returns what a command prints about the file of labels, and all that it prints.
fn about_labels(folder: &tempfile::TempDir, command: &str) -> (bool, String) {
    let process = begin(&folder.path().join("model.onnx"), "tract", &[command]);
    assert_eq!(process.wait(), Some(0), "{:?} {:?}", process.all_lines(), process.all_errors());
    let text = [process.all_lines(), process.all_errors()].concat().join("\n");
    (text.contains("class_labels.json"), text)
}

#[test]
fn commands_find_labels_wherever_the_engine_does() {
    needs_onnx_runtime!();
    let named = |names: &str, description: &str| {
        let folder = folder("boxes.onnx", &[("engine.json", description)]);
        add_property(&folder, "names", names);
        folder
    };
    let task = r#"{"task": "Object Detection"}"#;
    for folder in [
        folder("boxes.onnx", &[("engine.json", r#"{"task": "Object Detection", "labels": ["a", "b", "c"]}"#)]),
        named("{0: 'a', 1: 'b', 2: 'c'}", task),
    ] {
        let (warns, text) = about_labels(&folder, "check");
        assert!(!warns && text.contains("3 classes"), "{text}");
        let (warns, text) = about_labels(&folder, "describe");
        assert!(!warns, "{text}");
    }
    // Without any, everybody says so.
    let (warns, _) = about_labels(&folder("boxes.onnx", &[("engine.json", task)]), "describe");
    assert!(warns);
    let why = refusal(&named("{0: 'a', 2: 'b'}", task), "tract");
    assert!(why.contains("the property 'names' of the ONNX file: byte 9: expected the ID 1, got '2'"), "{why}");
}

#[test]
fn commands_take_the_model_too() {
    needs_onnx_runtime!();
    let folder = folder(
        "boxes.onnx",
        &[("engine.json", r#"{"task": "Object Detection"}"#), ("class_labels.json", r#"["a", "b", "c"]"#)],
    );
    let path = folder.path().join("model.onnx");
    let check = begin(&path, "tract", &["check"]);
    assert_eq!(check.wait(), Some(0), "{:?} {:?}", check.all_lines(), check.all_errors());
    let describe = begin(&path, "tract", &["describe"]);
    assert_eq!(describe.wait(), Some(0));
    // Only detectors leave out results below a threshold.
    assert!(describe.all_lines().join("\n").contains("CHARIOT_ENGINE_SCORE_THRESHOLD"));
}
