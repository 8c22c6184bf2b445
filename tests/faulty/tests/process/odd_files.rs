//! Paths that lead to no regular file: a start or a command never waits for one, and says what it is.

use std::{fs, os::unix::fs::symlink, os::unix::net::UnixListener, path::Path, process::Command};

use e2e::{Messages, Process};
use tempfile::TempDir;

use super::FAULTY;

/// Returns a directory with one entry of each kind.
fn odd_files() -> (TempDir, UnixListener) {
    let dir = TempDir::new().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    let made = Command::new("mkfifo").arg(path("pipe")).status().expect("mkfifo");
    assert!(made.success());
    fs::create_dir(path("folder")).expect("a folder");
    symlink("nothing", path("dangling")).expect("a link");
    symlink("/dev/zero", path("device")).expect("a link");
    let socket = UnixListener::bind(path("socket")).expect("a socket");
    (dir, socket)
}

fn shown(text: &str, dir: &Path) -> String {
    text.replace(dir.to_str().expect("a path"), "<dir>")
}

#[test]
fn a_setting_is_read_from_a_regular_file_only() {
    let (dir, _socket) = odd_files();
    let mut all = Messages::new();
    for name in ["pipe", "folder", "dangling", "device", "socket", "missing"] {
        let path = dir.path().join(name);
        let process = Process::start(FAULTY, &[("FAULTY_LOAD_FILE", path.to_str().expect("a path"))]);
        assert_eq!(process.wait(), Some(78), "{name}");
        let log = process.whole_log();
        let line = log.iter().find(|line| line["level"] == "ERROR").and_then(|line| line["message"].as_str());
        all.add(name, shown(line.expect("a line"), dir.path()));
    }
    insta::assert_snapshot!("odd_settings", all);
}

#[test]
fn a_check_of_odd_files_ends_and_names_them() {
    let (dir, _socket) = odd_files();
    let env = [("CHARIOT_ENGINE_MODEL_DIR", dir.path().to_str().expect("a path"))];
    for arguments in [&["check"][..], &["pack", "archive.zip", "--no-load"], &["describe"]] {
        let process = Process::start_with(FAULTY, arguments, &env);
        let code = if arguments == ["describe"] { 0 } else { 1 };
        assert_eq!(process.wait(), Some(code), "{:#?}", process.all_lines());
        if arguments == ["check"] {
            let lines = process.all_lines();
            let lines: Vec<_> = lines.iter().filter(|line| line.starts_with("fail")).map(String::as_str).collect();
            insta::assert_snapshot!("odd_model_files", shown(&lines.join("\n"), dir.path()));
        }
    }
}
