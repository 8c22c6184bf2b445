//! The search for ONNX Runtime's library, in processes of their own, because each loads it once.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use super::{library_path, needs_onnx_runtime, path};

fn open_onnx(program: &Path, variable: Option<&Path>) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(["onnx-runtime".as_ref(), path("linear").as_os_str()]).env_remove("ORT_DYLIB_PATH");
    if let Some(variable) = variable {
        command.env("ORT_DYLIB_PATH", variable);
    }
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    assert!(status.code().is_some(), "{status}: {}", String::from_utf8_lossy(&stderr));
    (status.success(), String::from_utf8(stdout).expect("UTF-8"))
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_open-onnx");

#[test]
fn the_library_is_found_by_the_variable_or_beside_the_program() {
    needs_onnx_runtime!();
    let (done, text) = open_onnx(PROGRAM.as_ref(), Some(&library_path()));
    assert!(done, "{text}");
    for name in ["libonnxruntime.so", "libonnxruntime.so.1.32.0"] {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::copy(PROGRAM, &program).unwrap();
        fs::copy(library_path(), folder.path().join(name)).unwrap();
        let (done, text) = open_onnx(&program, None);
        assert!(done, "{text}");
        assert_eq!(text, "opened 1 inputs by onnx-runtime\n");
    }
}

#[test]
fn a_library_that_is_missing_or_wrong_is_an_error_in_plain_words() {
    needs_onnx_runtime!();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    fs::copy(PROGRAM, &program).unwrap();
    let written = |name: &str, contents: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, contents).unwrap();
        path
    };
    let (text_file, empty) = (written("text", b"not a library"), written("empty", b""));
    let missing = folder.path().join("none.so");
    let folders = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib"];
    let libm = folders.iter().map(|folder| Path::new(folder).join("libm.so.6")).find(|path| path.is_file());
    let other = written("libm.so", &fs::read(libm.expect("a library of the system")).unwrap());
    let mut messages = String::new();
    for (case, variable) in [
        ("nowhere", None),
        ("no such file", Some(missing.as_path())),
        ("a folder", Some(folder.path())),
        ("a text", Some(&text_file)),
        ("an empty file", Some(&empty)),
        ("another library", Some(&other)),
    ] {
        let (done, text) = open_onnx(&program, variable);
        assert!(!done, "{case}: {text}");
        messages += &format!("{case} → {}", text.replace(&*folder.path().to_string_lossy(), "FOLDER"));
    }
    insta::assert_snapshot!("library", messages);
}
