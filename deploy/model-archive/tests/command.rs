//! The archives of the binary: their contents, their reproducibility, and the errors.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    process::{Command, Output},
};

use zip::ZipArchive;

fn model_archive(arguments: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_model-archive")).args(arguments).output().unwrap()
}

/// Runs the binary, which must fail, and returns its error.
fn rejected(arguments: &[&Path]) -> String {
    let output = model_archive(arguments);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// Writes a model of three files, one of them in a folder.
fn model(directory: &Path) {
    fs::create_dir_all(directory.join("tokens")).unwrap();
    for (name, text) in [("weights.bin", "ww"), ("class_labels.json", "[]"), ("tokens/list.txt", "a b")] {
        fs::write(directory.join(name), text).unwrap();
    }
}

/// Returns the names and texts of the files of an archive, in order.
fn files(archive: &Path) -> Vec<(String, String)> {
    let mut archive = ZipArchive::new(File::open(archive).unwrap()).unwrap();
    let mut file = |index| {
        let mut file = archive.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        (file.name().unwrap().to_string(), text)
    };
    (0..3).map(&mut file).collect()
}

#[test]
fn the_same_files_make_the_same_bytes_wherever_and_whenever_they_were_written() {
    let scratch = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| scratch.path().join(name));
    let [one, two] = ["one.zip", "two.zip"].map(|name| scratch.path().join(name));
    model(&first);
    model(&second);
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    File::options().append(true).open(second.join("weights.bin")).unwrap().set_modified(long_ago).unwrap();
    for (model, archive) in [(&first, &one), (&second, &two)] {
        assert!(model_archive(&[model, archive]).status.success());
    }
    assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
    let expected = [("class_labels.json", "[]"), ("tokens/list.txt", "a b"), ("weights.bin", "ww")];
    assert_eq!(files(&one), expected.map(|(name, text)| (name.to_string(), text.to_string())));
}

#[test]
fn the_files_are_in_the_top_folder_if_one_is_given() {
    let scratch = tempfile::tempdir().unwrap();
    let (directory, archive) = (scratch.path().join("model"), scratch.path().join("model.zip"));
    model(&directory);
    assert!(model_archive(&[&directory, &archive, "--top-folder".as_ref(), "pets".as_ref()]).status.success());
    let names: Vec<_> = files(&archive).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["pets/class_labels.json", "pets/tokens/list.txt", "pets/weights.bin"]);
    for path in ["a/b", "..", ""] {
        let text = rejected(&[&directory, &archive, "--top-folder".as_ref(), path.as_ref()]);
        assert!(text.contains("expected the name of a folder"), "{text}");
    }
}

#[test]
fn an_invalid_argument_is_named_and_leaves_no_archive() {
    let scratch = tempfile::tempdir().unwrap();
    let at = |name| scratch.path().join(name);
    fs::create_dir(at("empty")).unwrap();
    model(&at("model"));
    for (model, archive, text) in [
        ("none", "model.zip", "none'"),
        ("empty", "model.zip", "empty'"),
        ("model", "model/model.zip", "model.zip'"),
        ("model", "no/model.zip", "no/model.zip'"),
    ] {
        let error = rejected(&[&at(model), &at(archive)]);
        assert!(error.contains(text), "{error}");
        assert!(!at(archive).exists());
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_is_followed_and_a_link_to_a_folder_is_rejected() {
    let scratch = tempfile::tempdir().unwrap();
    let (directory, archive) = (scratch.path().join("model"), scratch.path().join("model.zip"));
    model(&directory);
    fs::rename(directory.join("weights.bin"), scratch.path().join("blob")).unwrap();
    std::os::unix::fs::symlink("../blob", directory.join("weights.bin")).unwrap();
    assert!(model_archive(&[&directory, &archive]).status.success());
    assert_eq!(files(&archive)[2], ("weights.bin".to_string(), "ww".to_string()));

    std::os::unix::fs::symlink(".", directory.join("again")).unwrap();
    let text = rejected(&[&directory, &archive]);
    assert!(text.contains("again'") && text.contains("expected a file or a folder"), "{text}");
}
