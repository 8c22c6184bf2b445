//! `pack`: the archive of a model directory, its reproducibility, and what it refuses.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Output},
    time::{Duration, UNIX_EPOCH},
};

use e2e::Messages;
use platform::{UNTAR, unpack};
use tempfile::TempDir;

const DIGITS: &str = env!("CARGO_BIN_EXE_digits");

/// A directory with a folder `model` of three files, one of them in a folder, and room for archives.
fn scratch() -> TempDir {
    let scratch = tempfile::tempdir().unwrap();
    write_model(&scratch.path().join("model"));
    scratch
}

fn write_model(model: &Path) {
    fs::create_dir_all(model.join("tokens")).unwrap();
    for (name, text) in [("weights.bin", "ww"), ("class_labels.json", r#"["a", "b"]"#), ("tokens/list.txt", "a b")] {
        fs::write(model.join(name), text).unwrap();
    }
}

/// Runs `pack` in a directory, for its folder `model` unless the arguments name another one. Its files are not a model
/// that the engine loads.
fn pack(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(DIGITS);
    command.args(["pack", "--no-load"]).args(arguments).current_dir(directory).env("CHARIOT_ENGINE_MODEL_DIR", "model");
    command.output().unwrap()
}

/// Runs `pack`, which must succeed, and returns its text on standard error.
#[track_caller]
fn packed(directory: &Path, arguments: &[&str]) -> String {
    let output = pack(directory, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    errors
}

/// Returns the names of all files below a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![directory.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.symlink_metadata().unwrap().is_dir() {
                true => folders.push(path),
                false => names.push(path.strip_prefix(directory).unwrap().to_str().unwrap().to_string()),
            }
        }
    }
    names.sort();
    names
}

/// Packs the model of a directory with these options, and returns the names of the unpacked files.
fn names_of(directory: &Path, options: &[&str]) -> Vec<String> {
    packed(directory, &[&["packed.tar.gz", "--force"], options].concat());
    let unpacked = tempfile::tempdir().unwrap();
    assert!(unpack(UNTAR[0], &directory.join("packed.tar.gz"), unpacked.path()));
    names(unpacked.path())
}

#[test]
fn the_same_files_make_the_same_bytes_wherever_and_whenever_they_were_written() {
    for archive in ["model.zip", "model.tar.gz"] {
        let [first, second] = [(); 2].map(|()| scratch());
        let weights = second.path().join("model/weights.bin");
        let long_ago = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        File::options().append(true).open(&weights).unwrap().set_modified(long_ago).unwrap();
        let mut mode = fs::metadata(&weights).unwrap().permissions();
        mode.set_readonly(true);
        fs::set_permissions(&weights, mode).unwrap();
        let bytes = [&first, &second].map(|scratch| {
            packed(scratch.path(), &[archive]);
            fs::read(scratch.path().join(archive)).unwrap()
        });
        assert_eq!(bytes[0], bytes[1], "{archive}");
    }
}

#[test]
fn the_line_names_the_archive_and_its_files() {
    let scratch = scratch();
    let output = pack(scratch.path(), &[]);
    let line = String::from_utf8(output.stdout).unwrap();
    insta::assert_snapshot!(line, @"'model.zip' contains 15 B: class_labels.json, tokens/list.txt, weights.bin");
    assert_eq!(names(scratch.path()).iter().filter(|name| name.contains("model.zip")).count(), 1);
}

#[test]
fn an_archive_is_replaced_on_request_only() {
    let scratch = scratch();
    let archive = scratch.path().join("model.zip");
    fs::write(&archive, "of another model").unwrap();
    assert_eq!(pack(scratch.path(), &["model.zip"]).status.code(), Some(1));
    assert_eq!(fs::read(&archive).unwrap(), b"of another model");
    packed(scratch.path(), &["model.zip", "--force"]);
    assert!(fs::read(&archive).unwrap().starts_with(b"PK"));
    // A pack that fails leaves what was there.
    fs::write(scratch.path().join("model/weights.bin"), "version https://git-lfs.github.com/spec/v1\n").unwrap();
    assert_eq!(pack(scratch.path(), &["model.zip", "--force"]).status.code(), Some(1));
    assert!(fs::read(&archive).unwrap().starts_with(b"PK"));
}

#[test]
fn hidden_files_are_left_out_and_missing_labels_are_told() {
    let scratch = scratch();
    let model = scratch.path().join("model");
    for folder in [".cache", "__MACOSX", "tokens/.git"] {
        fs::create_dir_all(model.join(folder)).unwrap();
        fs::write(model.join(folder).join("file"), "").unwrap();
    }
    fs::write(model.join(".DS_Store"), "").unwrap();
    let note = packed(scratch.path(), &["model.zip"]);
    assert!(note.starts_with("note: ") && note.contains(".DS_Store") && note.contains("tokens/.git"), "{note}");
    assert_eq!(names_of(scratch.path(), &[]), ["class_labels.json", "tokens/list.txt", "weights.bin"]);

    fs::remove_file(model.join("class_labels.json")).unwrap();
    let warning = packed(scratch.path(), &["model.zip", "--force"]);
    assert!(warning.contains("warning: 'class_labels.json'"), "{warning}");
}

#[test]
fn files_go_into_the_top_folder_if_one_is_given() {
    let scratch = scratch();
    let expected = ["pets/class_labels.json", "pets/tokens/list.txt", "pets/weights.bin"];
    assert_eq!(names_of(scratch.path(), &["--top-folder", "pets"]), expected);
}

/// Changes a model.
type Change = fn(&Path);

#[test]
fn what_the_platform_or_the_engine_would_trip_over_is_refused_and_leaves_nothing() {
    let mut messages = Messages::new();
    let unchanged: Change = |_| {};
    let cases: [(&str, &[&str], Change); 14] = [
        ("no directory", &["--model-dir", "none"], unchanged),
        ("a file for a directory", &["--model-dir", "model/weights.bin"], unchanged),
        ("no files", &[], |model| {
            fs::remove_dir_all(model).unwrap();
            fs::create_dir(model).unwrap();
        }),
        ("another ending", &["model.tgz"], unchanged),
        ("within the model", &["model/model.zip"], unchanged),
        ("within the model, by a detour", &["model/tokens/../model.zip"], unchanged),
        ("a folder that is not there", &["no/model.zip"], unchanged),
        ("a path as the top folder", &["--top-folder", "a/b"], unchanged),
        ("the top folder of all", &["--top-folder", ".."], unchanged),
        ("a folder within the top folder", &["--top-folder", "pets"], |model| {
            fs::remove_file(model.join("weights.bin")).unwrap();
            fs::remove_file(model.join("class_labels.json")).unwrap();
        }),
        ("a Git LFS pointer", &[], |model| {
            fs::write(model.join("weights.bin"), "version https://git-lfs.github.com/spec/v1\n").unwrap();
        }),
        ("an archive in the place of the files", &[], |model| {
            fs::remove_dir_all(model).unwrap();
            fs::create_dir(model).unwrap();
            fs::write(model.join("model.zip"), "PK").unwrap();
        }),
        ("names that no archive holds", &[], |model| {
            fs::write(model.join("a\\b"), "").unwrap();
            fs::write(model.join("tokens/a\nb"), "").unwrap();
        }),
        ("a link to nowhere", &[], |model| std::os::unix::fs::symlink("nowhere", model.join("link")).unwrap()),
    ];
    for (case, arguments, change) in cases {
        let scratch = scratch();
        let model = scratch.path().join("model");
        change(&model);
        let before = names(scratch.path());
        let output = pack(scratch.path(), arguments);
        assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b""[..]), "{case}: {output:?}");
        assert_eq!(names(scratch.path()), before, "{case}");
        let errors = String::from_utf8(output.stderr).unwrap();
        let mut lines: Vec<&str> = errors.lines().collect();
        lines.sort_unstable();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("error: ")), "{case}: {errors}");
        // The directory can be under a link.
        let real = scratch.path().canonicalize().unwrap();
        let text = lines.join("\n").replace(real.to_str().unwrap(), "SCRATCH");
        messages.add(case, text.replace(scratch.path().to_str().unwrap(), "SCRATCH"));
    }
    insta::assert_snapshot!("refused", messages);
}

#[test]
fn a_link_is_packed_as_the_file_that_it_leads_to_and_not_out_of_the_directory_without_a_word() {
    let link = |to: &str, at: &Path| std::os::unix::fs::symlink(to, at).unwrap();
    let scratch = scratch();
    let model = scratch.path().join("model");
    link("tokens/list.txt", &model.join("within"));
    let with_link = ["class_labels.json", "tokens/list.txt", "weights.bin", "within"];
    assert_eq!(names_of(scratch.path(), &[]), with_link);

    let mut messages = Messages::new();
    fs::write(scratch.path().join("secret"), "sesame").unwrap();
    for (case, to) in [
        ("a relative link", "../secret".to_string()),
        ("an absolute link", scratch.path().join("secret").to_str().unwrap().to_string()),
    ] {
        link(&to, &model.join("outside"));
        let output = pack(scratch.path(), &["outside.zip"]);
        assert_eq!(output.status.code(), Some(1), "{case}");
        messages.add(case, String::from_utf8(output.stderr).unwrap().trim());
        let followed = names_of(scratch.path(), &["--follow-links"]);
        assert!(followed.contains(&"outside".to_string()), "{followed:?}");
        fs::remove_file(model.join("outside")).unwrap();
    }
    // A link to a folder could form a cycle.
    link(".", &model.join("again"));
    let output = pack(scratch.path(), &["folder.zip", "--follow-links"]);
    assert_eq!(output.status.code(), Some(1));
    messages.add("a link to a folder", String::from_utf8(output.stderr).unwrap().trim());
    insta::assert_snapshot!("links", messages);
}

#[test]
fn a_model_that_does_not_load_is_not_packed() {
    let mut messages = Messages::new();
    let scratch = tempfile::tempdir().unwrap();
    let model = scratch.path().join("model");
    fs::create_dir(&model).unwrap();
    let shipped = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/model"));
    let load = |top_k: &str| {
        let mut command = Command::new(DIGITS);
        command.args(["pack", "--model-dir", "model"]).current_dir(scratch.path());
        // Overridden by the option.
        command.env("CHARIOT_ENGINE_MODEL_DIR", "/no/such/directory").env("TOP_K", top_k).output().unwrap()
    };
    fs::copy(shipped.join("class_labels.json"), model.join("class_labels.json")).unwrap();
    for (case, code, top_k) in [("no weights", 1, "3"), ("a setting", 78, "11")] {
        let output = load(top_k);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{case}: {error}");
        assert!(!scratch.path().join("model.zip").exists());
        messages.add(case, error.trim().replace(scratch.path().canonicalize().unwrap().to_str().unwrap(), "SCRATCH"));
    }
    fs::copy(shipped.join("model.safetensors"), model.join("model.safetensors")).unwrap();
    let output = load("3");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    insta::assert_snapshot!("not_loaded", messages);
}
