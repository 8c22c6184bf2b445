//! Process-wide state belongs to the program that embeds an engine: the engine installs none.

use std::{
    collections::BTreeMap,
    env,
    panic::{set_hook, take_hook},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use chariot_engine::prelude::*;
use http::Request;
use http_body_util::Full;
use tower_service::Service;

use crate::{scripted::Scripted, support::text};

/// Marks the child process that runs the test alone.
const ALONE: &str = "CHARIOT_ENGINE_TEST_ALONE";

/// Returns the signal masks of this process: the signals that it handles and ignores.
#[cfg(target_os = "linux")]
fn caught_signals() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().filter(|line| line.starts_with("SigCgt:") || line.starts_with("SigIgn:")).collect()
}

#[cfg(not(target_os = "linux"))]
fn caught_signals() -> String {
    String::new()
}

/// Runs again in a child process, because other tests would disturb what it observes. The environment of the child
/// holds invalid settings, which would fail an engine that reads it.
#[test]
fn an_engine_installs_nothing_global_and_reads_no_environment() {
    if env::var_os(ALONE).is_some() {
        return observe();
    }
    let this = "globals::an_engine_installs_nothing_global_and_reads_no_environment";
    let mut alone = Command::new(env::current_exe().unwrap());
    alone.args(["--exact", this]).env(ALONE, "yes").env_remove("RAYON_NUM_THREADS");
    for name in ["PORT", "DEVICE", "WORKERS", "BASE_URL", "MODEL_NAME", "GRACE"] {
        alone.env(format!("CHARIOT_ENGINE_{name}"), "?");
    }
    let output = alone.env("CHARIOT_INFERENCE_PROTOCOL", "?").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::main(flavor = "current_thread")]
async fn observe() {
    let environment = || env::vars_os().collect::<BTreeMap<_, _>>();
    let before = (environment(), caught_signals());
    let hooked = Arc::new(AtomicBool::new(false));
    let previous = take_hook();
    let called = hooked.clone();
    set_hook(Box::new(move |panic| {
        called.store(true, Ordering::SeqCst);
        previous(panic);
    }));

    let model = Scripted::blocking(|batch| {
        assert!(batch.iter().all(|item| item.as_str() != "panic"), "on command");
        batch.try_map(|text| Ok(Json(text.to_string())))
    });
    let engine = Engine::builder().instance("quiet", model).start().unwrap();
    engine.ready().await.unwrap();
    for (item, status) in [("a", 200), ("panic", 500), ("b", 200)] {
        let request = Request::post("/infer").body(Full::<Bytes>::from(text(item))).unwrap();
        assert_eq!(engine.service().call(request).await.unwrap().status(), status);
    }
    engine.drain();
    engine.shutdown().await;

    assert!(hooked.load(Ordering::SeqCst), "a panic of a model reaches the hook of the embedder");
    assert!(!tracing::dispatcher::has_been_set(), "no subscriber is installed");
    assert_eq!((environment(), caught_signals()), before, "no variable and no signal handler is set");
}
