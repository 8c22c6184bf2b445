//! The `rust-version` that the workspace promises, against what its dependencies ask for.

use std::process::Command;

use serde_json::Value;

/// Dependencies of an optional feature that needs a newer Rust, as the documentation of the feature says.
const NEWER: [(&str, &str); 2] = [("ort", "1.92"), ("ort-sys", "1.92")];

#[test]
fn no_dependency_requires_a_newer_rust_than_the_workspace_promises() {
    // Dependencies for other platforms may not be downloaded, so only those of this one are read.
    let host = output("rustc", &["--print", "host-tuple"]);
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let metadata = output(&cargo, &["metadata", "--locked", "--format-version", "1", "--filter-platform", host.trim()]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");

    let ours = packages.iter().find(|package| package["name"] == "chariot-engine").expect("the SDK is a member");
    let promised = ours["rust_version"].as_str().expect("the SDK has a rust-version");
    let mut newer = Vec::new();
    for package in packages {
        let name = package["name"].as_str().expect("a package has a name");
        let allowed = NEWER.iter().find(|(newer, _)| *newer == name).map_or(promised, |(_, rust)| *rust);
        if let Some(required) = package["rust_version"].as_str()
            && version(required) > version(allowed)
        {
            newer.push(format!("{} {} requires Rust {required}", package["name"], package["version"]));
        }
    }
    assert!(newer.is_empty(), "Cargo.toml promises Rust {promised}:\n{}\n", newer.join("\n"));
}

/// The parts of a version such as `1.91` or `1.91.0`.
fn version(text: &str) -> [u32; 3] {
    let mut parts = text.split('.').map(|part| part.parse().expect("a number"));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[track_caller]
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
