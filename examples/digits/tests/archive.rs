//! The engine with the model directory of the platform: the archive that `pack` makes, unpacked by other programs,
//! read-only, at the path of a setting or at the default path of the platform.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use e2e::{Messages, Process, base64};
use platform::{UNTAR, UNZIP, unpack};
use serde_json::{Value, json};
use tempfile::TempDir;

const DIGITS: &str = env!("CARGO_BIN_EXE_digits");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model");

/// A temporary directory that is read-only until it is dropped.
struct ReadOnly(TempDir);

impl ReadOnly {
    /// Packs a model with the engine, and unpacks it with a program. Returns `None` if the machine lacks the program.
    fn unpacked_by(program: &[&str], name: &str, model: &Path, top_folder: Option<&str>) -> Option<Self> {
        let (packed, directory) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let archive = packed.path().join(name);
        let mut command = Command::new(DIGITS);
        // A test of a missing file packs without it.
        command.args(["pack", "--no-load"]).arg(&archive).arg("--model-dir").arg(model);
        let output = command.args(top_folder.iter().flat_map(|name| ["--top-folder", name])).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        if !unpack(program, &archive, directory.path()) {
            return None;
        }
        permit(directory.path(), 0o555, 0o444);
        Some(ReadOnly(directory))
    }

    /// Packs and unpacks a model.
    fn unpacked(model: &Path, top_folder: Option<&str>) -> Self {
        Self::unpacked_by(UNTAR[0], "model.tar.gz", model, top_folder).expect("every system has tar")
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        permit(self.0.path(), 0o755, 0o644);
    }
}

/// Sets the permissions of a directory and its contents.
fn permit(directory: &Path, folders: u32, files: u32) {
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for path in entries(directory) {
        if path.is_dir() { permit(&path, folders, files) } else { set(&path, files) }
    }
    set(directory, folders);
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// Copies the model without one of its files.
fn model_without(missing: &str) -> TempDir {
    let model = tempfile::tempdir().unwrap();
    for path in entries(MODEL.as_ref()).iter().filter(|path| !path.ends_with(missing)) {
        fs::copy(path, model.path().join(path.file_name().unwrap())).unwrap();
    }
    model
}

/// Returns the classes that the engine assigns to all samples, and their labels.
fn classify(process: &Process) -> (Vec<Value>, Vec<String>) {
    let samples = entries(Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").as_ref());
    assert_eq!(samples.len(), 20);
    let data: Vec<_> = samples.iter().map(|path| base64(fs::read(path).unwrap())).collect();
    let labels = samples.iter().map(|path| path.file_name().unwrap().to_str().unwrap()[..1].to_string()).collect();
    let answer = process.infer(&json!({"inputs": [{"name": "digits", "data": data}]})).ok();
    (answer["outputs"][0]["data"].as_array().unwrap().clone(), labels)
}

#[test]
fn the_unpacked_archive_is_served_with_and_without_a_top_folder() {
    let programs = [("model.zip", UNZIP), ("model.tar.gz", UNTAR)];
    for (name, program) in programs.into_iter().flat_map(|(name, programs)| programs.map(|program| (name, program))) {
        for (top_folder, entry) in [(None, "class_labels.json"), (Some("digits-1.0"), "digits-1.0")] {
            let directory = ReadOnly::unpacked_by(program, name, MODEL.as_ref(), top_folder);
            let Some(directory) = directory else { continue };
            assert!(entries(directory.0.path())[0].ends_with(entry));
            let process = Process::ready(DIGITS, &[("CHARIOT_ENGINE_MODEL_DIR", directory.path())]);
            let (answers, labels) = classify(&process);
            assert_eq!(answers, labels, "{program:?} {top_folder:?}");
        }
    }
}

#[test]
fn a_missing_file_ends_the_engine_with_one_message_that_names_it() {
    let (labels, weights) = ("class_labels.json", "model.safetensors");
    let mut messages = Messages::new();
    for (missing, present) in [(labels, weights), (weights, labels)] {
        for (top_folder, prefix) in [(None, ""), (Some("digits-1.0"), "digits-1.0/")] {
            let directory = ReadOnly::unpacked(model_without(missing).path(), top_folder);
            let process = Process::start(DIGITS, &[("CHARIOT_ENGINE_MODEL_DIR", directory.path())]);
            assert_eq!(process.wait(), Some(1));
            let log = process.whole_log();
            let errors: Vec<_> = log.iter().filter(|line| line["level"] == "ERROR").collect();
            let [error] = &errors[..] else { panic!("expected one error, got {log:#?}") };
            let message = error["message"].as_str().unwrap();
            for part in [missing, directory.path(), &format!("{prefix}{present}")] {
                assert!(message.contains(&format!("'{part}'")), "{part}: {message}");
            }
            messages.add(format!("no {prefix}{missing}"), message.replace(directory.path(), "DIRECTORY"));
            assert_eq!(process.all_errors(), [""; 0]);
        }
    }
    insta::assert_snapshot!("missing_file", messages);
}

/// Runs `"$@"` with the folder `$0` mounted read-only at the path of the platform, visible to this process only.
#[cfg(target_os = "linux")]
const MOUNTED: &str = r#"
model=$0
mount -t tmpfs tmpfs /mnt && mkdir /mnt/models && mount --bind "$model" /mnt/models &&
mount -o remount,bind,ro /mnt/models && ! touch /mnt/models/written 2>/dev/null && exec "$@"
"#;

/// Returns the flag of `unshare` that gives a process its own mounts, with its own rights or in a user namespace;
/// `None` if neither works, or if the mount would hide the model or the engine because they are under `/mnt`.
#[cfg(target_os = "linux")]
fn mount_flag(model: &str, engine: &str) -> Option<&'static str> {
    let works = |flag: &&str| {
        let probe = Command::new("unshare").args([flag, "sh", "-c", MOUNTED, model, "test", "-x", engine]).output();
        probe.is_ok_and(|probe| probe.status.success())
    };
    ["-m", "-rm"].into_iter().find(works)
}

#[cfg(target_os = "linux")]
#[test]
fn a_model_at_the_path_of_the_platform_is_found_without_a_setting() {
    // Different labels distinguish this model from the one beside the engine, which also exists.
    let model = model_without("class_labels.json");
    let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    fs::write(model.path().join("class_labels.json"), json!(names).to_string()).unwrap();
    let directory = ReadOnly::unpacked(model.path(), None);
    let Some(flag) = mount_flag(directory.path(), DIGITS) else {
        // Written directly to standard error, because the harness hides the output of a test that passes.
        let why = "this process cannot mount a directory at /mnt/models (requires unshare and mount)";
        return writeln!(io::stderr(), "skipped: {why}").unwrap();
    };
    let process = Process::start_with("unshare", &[flag, "sh", "-c", MOUNTED, directory.path(), DIGITS], &[]);
    process.wait_until_ready();
    let (answers, labels) = classify(&process);
    let expected: Vec<_> = labels.iter().map(|label| names[label.parse::<usize>().unwrap()]).collect();
    assert_eq!(answers, expected);
}
