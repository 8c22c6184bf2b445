//! What belongs to a whole process belongs to whoever embeds an engine: an engine installs none of it.

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

/// Says to the process of a test that it is the one.
const ALONE: &str = "CHARIOT_ENGINE_TEST_ALONE";

/// The signals for which this process has a handler, as the system has them: a mask.
#[cfg(target_os = "linux")]
fn caught_signals() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().filter(|line| line.starts_with("SigCgt:") || line.starts_with("SigIgn:")).collect()
}

#[cfg(not(target_os = "linux"))]
fn caught_signals() -> String {
    String::new()
}

/// Other tests would disturb what this one looks at, so it runs once more in a process of its own, whose environment is
/// full of faults for an engine that reads it.
#[test]
fn an_engine_installs_nothing_that_is_global_and_reads_no_environment() {
    if env::var_os(ALONE).is_some() {
        return look();
    }
    let this = "globals::an_engine_installs_nothing_that_is_global_and_reads_no_environment";
    let mut alone = Command::new(env::current_exe().unwrap());
    alone.args(["--exact", this]).env(ALONE, "yes").env_remove("RAYON_NUM_THREADS");
    for name in ["PORT", "DEVICE", "WORKERS", "BASE_URL", "MODEL_NAME", "GRACE"] {
        alone.env(format!("CHARIOT_ENGINE_{name}"), "?");
    }
    let output = alone.env("CHARIOT_INFERENCE_PROTOCOL", "?").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::main(flavor = "current_thread")]
async fn look() {
    let environment = || env::vars_os().collect::<BTreeMap<_, _>>();
    let before = (environment(), caught_signals());
    let hooked = Arc::new(AtomicBool::new(false));
    let theirs = take_hook();
    let called = hooked.clone();
    set_hook(Box::new(move |panic| {
        called.store(true, Ordering::SeqCst);
        theirs(panic);
    }));

    let model = Scripted::blocking(|batch| {
        assert!(batch.iter().all(|item| item.as_str() != "panic"), "as the test wants it");
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

    assert!(hooked.load(Ordering::SeqCst), "a panic of a model comes to the hook of the embedder");
    assert!(!tracing::dispatcher::has_been_set(), "the embedder alone decides where logs go");
    assert_eq!((environment(), caught_signals()), before, "no variable and no handler of a signal is set");
}
