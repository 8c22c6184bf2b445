//! The messages of the compiler about an author's mistakes: the programs in `fail`, each with its messages beside it.
//!
//! After a deliberate change, `TRYBUILD=overwrite cargo test -p ui` writes the messages anew. Read them as a newcomer
//! would.

use std::process::Command;

#[test]
fn every_mistake_is_told_on_its_tokens_with_what_to_do() {
    // Another compiler may word its own part of a message differently.
    let (pinned, version) = (pinned(), compiler());
    assert!(
        version.starts_with(&format!("rustc {pinned} ")),
        "the messages in tests/ui/fail are those of rustc {pinned} (rust-toolchain.toml), and this is {version}; \
         run `cargo test` without a toolchain override, or install the pinned one: `rustup toolchain install {pinned}`"
    );
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}

/// The version that rust-toolchain.toml pins.
fn pinned() -> &'static str {
    let text = include_str!("../../../../rust-toolchain.toml");
    let line = text.lines().find_map(|line| line.strip_prefix("channel = \"")).expect("a line with the channel");
    line.trim_end_matches('"')
}

fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("the compiler that built this test runs");
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}
