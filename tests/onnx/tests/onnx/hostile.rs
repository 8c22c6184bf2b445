//! Files that are broken, or that claim what they may not: each is an error, and none ends the process.

use std::fs;

use chariot_engine::onnx::{Onnx, OnnxInput};

use super::{for_each_backend, needs_onnx_runtime, options, path, refusal};

#[test]
fn files_that_claim_too_much_are_refused() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        let mut messages = String::new();
        for name in ["huge-raw", "overflow", "negative", "short", "deep"] {
            messages += &format!("{name} → {}\n", refusal(&path(&format!("hostile/{name}")), backend));
        }
        insta::assert_snapshot!("claims", messages);
        // Here the backend finds it out, in words of its own.
        for name in ["huge-floats", "huge-empty"] {
            let message = refusal(&path(&format!("hostile/{name}")), backend);
            assert!(message.starts_with(&format!("'{name}.onnx': ")), "{message}");
        }
    });
}

#[test]
fn a_model_that_computes_too_much_is_an_error() {
    needs_onnx_runtime!();
    for_each_backend(|backend| {
        let ran = Onnx::open(&path("hostile/huge-fill"), &options(backend)).and_then(|onnx| {
            let input = OnnxInput::new(&[1], &[1_f32]);
            onnx.session()?.run_with(&[("x", input)])
        });
        assert!(ran.is_err(), "{backend}");
    });
}

#[test]
fn external_data_stays_in_the_folder_of_the_model() {
    needs_onnx_runtime!();
    let mut messages = Vec::new();
    for_each_backend(|backend| {
        let mut text = String::new();
        for name in [
            "parent",
            "far-away",
            "absolute",
            "missing",
            "too-short",
            "another-length",
            "no-number",
            "no-location",
            "folder",
            "twice",
            "elsewhere",
        ] {
            text += &format!("{name} → {}\n", refusal(&path(&format!("external/{name}")), backend));
        }
        messages.push(text);
    });
    assert_eq!(messages[0], messages[1]);
    insta::assert_snapshot!("external", messages[0]);
}

#[cfg(unix)]
#[test]
fn a_link_leads_to_external_data_only_within_the_folder() {
    needs_onnx_runtime!();
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let (models, file) = (folder.path().join("models"), path("external/inside"));
    let weights = file.with_file_name("weights.bin");
    fs::create_dir_all(models.join("data")).unwrap();
    fs::copy(&file, models.join("model.onnx")).unwrap();
    for_each_backend(|backend| {
        fs::copy(&weights, models.join("data/weights.bin")).unwrap();
        symlink("data/weights.bin", models.join("weights.bin")).unwrap();
        Onnx::open(&models.join("model.onnx"), &options(backend)).unwrap();
        fs::remove_file(models.join("weights.bin")).unwrap();

        fs::copy(&weights, folder.path().join("weights.bin")).unwrap();
        symlink("../weights.bin", models.join("weights.bin")).unwrap();
        let message = refusal(&models.join("model.onnx"), backend);
        assert!(message.contains("expected a file in the folder of the model"), "{message}");
        fs::remove_file(models.join("weights.bin")).unwrap();
    });
}

#[test]
fn a_part_of_a_file_is_refused() {
    needs_onnx_runtime!();
    let folder = tempfile::tempdir().unwrap();
    let (whole, part) = (fs::read(path("linear")).unwrap(), folder.path().join("part.onnx"));
    for_each_backend(|backend| {
        for length in 0..whole.len() {
            fs::write(&part, &whole[..length]).unwrap();
            // What follows the graph says which operators are meant.
            let message = refusal(&part, backend);
            assert!(message.starts_with("'part.onnx': "), "{message}");
        }
    });
}

#[test]
fn other_files_are_refused() {
    needs_onnx_runtime!();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.onnx");
    for_each_backend(|backend| {
        let mut messages = format!("none → {}\n", refusal(&folder.path().join("none.onnx"), backend));
        messages +=
            &format!("folder → {}\n", refusal(folder.path(), backend).replace(&name_of(folder.path()), "FOLDER"));
        for (name, contents) in [("empty", &b""[..]), ("text", b"weights: 7\n"), ("zip", b"PK\x03\x04\x14\0\0\0")] {
            fs::write(&file, contents).unwrap();
            messages += &format!("{name} → {}\n", refusal(&file, backend));
        }
        insta::assert_snapshot!("others", messages);
    });
}

fn name_of(path: &std::path::Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn no_change_of_a_byte_ends_the_process() {
    needs_onnx_runtime!();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("changed.onnx");
    for_each_backend(|backend| {
        let (numbers, ids, flag) = ([0.5_f32; 4], [1_i64; 4], [true]);
        let models = [
            ("linear", vec![("x", OnnxInput::new(&[1, 4], &numbers))]),
            ("if", vec![("x", OnnxInput::new(&[2, 2], &numbers)), ("flag", OnnxInput::new(&[], &flag))]),
            (
                "two-inputs",
                vec![("ids", OnnxInput::new(&[2, 2], &ids)), ("scale", OnnxInput::new(&[2], &numbers[..2]))],
            ),
            ("gather", vec![("ids", OnnxInput::new(&[4], &ids))]),
        ];
        for (name, inputs) in models {
            let whole = fs::read(path(name)).unwrap();
            for at in 0..whole.len() {
                for change in [0x01, 0xff] {
                    let mut changed = whole.clone();
                    changed[at] ^= change;
                    fs::write(&file, &changed).unwrap();
                    // It may open and run, or not.
                    let _ = Onnx::open(&file, &options(backend)).and_then(|onnx| onnx.session()?.run_with(&inputs));
                }
            }
        }
    });
}
