//! The guide's code in other languages than Rust, which its doc tests skip.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
    process::{Command, Stdio},
};

#[test]
fn its_python_is_python() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chariot-engine/src/docs/guide/migrating.md");
    let text = fs::read_to_string(page).expect("the page is there");
    let (_, rest) = text.split_once("```python\n").expect("a program");
    let (program, _) = rest.split_once("```").expect("its end");

    let mut python = Command::new("python3");
    python.args(["-c", "import ast, sys; ast.parse(sys.stdin.read())"]).stdin(Stdio::piped());
    let mut python = match python.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => return println!("skipped: there is no python3"),
        started => started.expect("python3 starts"),
    };
    python.stdin.take().expect("a pipe").write_all(program.as_bytes()).expect("it reads");
    assert!(python.wait().expect("it ends").success());
}
