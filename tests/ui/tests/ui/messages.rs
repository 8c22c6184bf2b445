//! What the compiler says of an author's mistakes: the programs in `fail`, each with its messages beside it.
//!
//! After a change that is meant, `TRYBUILD=overwrite cargo test -p ui` writes them anew; read them as a newcomer would.

use std::process::Command;

/// The compiler that wrote the messages. Another one may word its own part differently.
const PINNED: &str = "rustc 1.95.";

#[test]
fn every_mistake_is_told_on_its_tokens_with_what_to_do() {
    let version = compiler();
    if !version.starts_with(PINNED) {
        eprintln!("skipped: the messages are those of {PINNED}x, this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}

fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("the compiler that built this test runs");
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}
