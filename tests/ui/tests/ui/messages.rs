//! The compiler's messages for mistakes of authors: the programs in `fail`, each with its messages beside it.
//!
//! After an intended change, `TRYBUILD=overwrite cargo test -p ui` updates them; read them as a newcomer would.

use std::process::Command;

/// The compiler that wrote the messages. Another version can word its own part differently.
const PINNED: &str = "rustc 1.95.";

#[test]
fn every_mistake_has_a_message_on_its_tokens() {
    let version = compiler();
    if !version.starts_with(PINNED) {
        eprintln!("skipped: the messages are those of {PINNED}x, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}

fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("the compiler that built this test runs");
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}
