//! The guide's code in other languages than Rust, which its doc tests skip.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
    process::{Command, Stdio},
};

#[test]
fn its_python_is_python() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chariot-engine/src/docs/guide");
    let mut programs = 0;
    for page in fs::read_dir(guide).expect("the guide is there") {
        let page = page.expect("a page").path();
        let text = fs::read_to_string(&page).expect("text");
        for rest in text.split("```python\n").skip(1) {
            let (program, _) = rest.split_once("```").expect("its end");
            programs += 1;
            let mut python = Command::new("python3");
            python.args(["-c", "import ast, sys; ast.parse(sys.stdin.read())"]).stdin(Stdio::piped());
            let mut python = match python.spawn() {
                Err(error) if error.kind() == ErrorKind::NotFound => return println!("skipped: there is no python3"),
                started => started.expect("python3 starts"),
            };
            python.stdin.take().expect("a pipe").write_all(program.as_bytes()).expect("it reads");
            assert!(python.wait().expect("it ends").success(), "{}: {program}", page.display());
        }
    }
    assert!(programs > 0);
}
