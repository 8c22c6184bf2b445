//! The engines behind the page. Tests start them with the page on, and share those that they leave as they are.

use std::{path::PathBuf, sync::Arc};

use e2e::{Process, Shared};

/// Returns the path of a file of an example.
pub(crate) fn example(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(path)
        .canonicalize()
        .expect("a file of an example")
}

/// Starts the engine of this package with the page, and with these variables.
pub(crate) fn start(env: &[(&str, &str)]) -> Process {
    let on = [("CHARIOT_ENGINE_PAGE", "true"), ("CHARIOT_ENGINE_DRAIN_DELAY", "0s")];
    let env: Vec<(&str, &str)> = on.into_iter().chain(env.iter().copied()).collect();
    Process::start(env!("CARGO_BIN_EXE_page"), &env)
}

/// Returns the engine of this package.
pub(crate) fn page() -> Arc<Process> {
    static SHARED: Shared = Shared::new();
    SHARED.get(|| {
        let process = start(&[]);
        process.wait_until_ready();
        process
    })
}

/// Starts the example `digits`, with scores.
pub(crate) fn digits() -> Process {
    of_example(env!("CARGO_BIN_EXE_page-digits"), "digits", &[("CHARIOT_ENGINE_OUTPUT_LAYOUT", "objects")])
}

/// Starts the example `iris`.
pub(crate) fn iris() -> Process {
    of_example(env!("CARGO_BIN_EXE_page-iris"), "iris", &[])
}

fn of_example(exe: &str, name: &str, env: &[(&str, &str)]) -> Process {
    let model = example(&format!("{name}/model"));
    let model = model.to_str().expect("a path in UTF-8");
    let on =
        [("CHARIOT_ENGINE_PAGE", "true"), ("CHARIOT_ENGINE_MODEL_DIR", model), ("CHARIOT_ENGINE_MODEL_NAME", name)];
    let env: Vec<(&str, &str)> = on.into_iter().chain(env.iter().copied()).collect();
    Process::ready(exe, &env)
}
