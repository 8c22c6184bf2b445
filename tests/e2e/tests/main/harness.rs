//! The test harness for authors: a test fills the queue, advances the clock, disconnects a caller and fails a device,
//! without sockets and without sleeping.

use std::time::Duration;

use chariot_engine::{
    device::DeviceFault,
    prelude::*,
    testing::{Control, Gpus, TestEngine, controlled},
};

use crate::{
    scripted::{Scripted, echo},
    support::{text, texts},
};

/// An engine with one worker that holds its calls, on a clock that the test advances.
fn held(configure: impl Fn(&mut chariot_engine::settings::EngineSettings) + Send + 'static) -> (TestEngine, Control) {
    let (model, control) = controlled(Scripted::blocking(echo));
    control.hold();
    let builder = Engine::builder().instance("held", model).configure(move |settings| {
        settings.workers = Some(1);
        configure(settings);
    });
    (TestEngine::start_with_clock(builder).unwrap(), control)
}

#[test]
fn a_deadline_passes_when_the_test_advances_the_clock() {
    let (engine, control) = held(|settings| settings.timeout = Some(Duration::from_secs(3600)));
    let runs = engine.ask(text("a"));
    control.wait_for_calls(1);
    let waits = engine.ask(text("b"));
    engine.wait_until(|now| now.queued == 1);
    engine.advance(Duration::from_secs(3599));
    assert_eq!((engine.now().requests, engine.now().queued), (2, 1), "not yet");
    engine.advance(Duration::from_secs(1));
    assert_eq!([runs.answer().status, waits.answer().status], [504, 504]);
    // The blocking call keeps its permit; the queued request is gone.
    engine.wait_until(|now| (now.requests, now.queued, now.running) == (1, 0, 1));
    control.release();
    engine.wait_until(|now| now.requests == 0 && now.bytes == 0);
    assert_eq!(control.calls(), [1], "an expired request never reaches the model");
}

#[test]
fn a_caller_that_disconnects_releases_its_permit_and_its_bytes_at_once() {
    let (engine, control) = held(|settings| settings.queue_size = 1);
    let runs = engine.ask(text("a"));
    control.wait_for_calls(1);
    engine.wait_until(|now| now.running == 1);
    let alone = engine.now().bytes;
    let waits = engine.ask(text(&"b".repeat(10_000)));
    engine.wait_until(|now| now.queued == 1);
    assert_eq!(engine.infer(text("c")).status, 503);
    waits.hang_up();
    engine.wait_until(|now| now.requests == 1 && now.bytes == alone);
    control.release();
    assert_eq!(runs.answer().status, 200);
}

#[test]
fn a_batch_waits_for_its_delay_and_no_longer() {
    let (engine, control) = held(|settings| settings.batch_delay = Some(Duration::from_secs(60)));
    control.release();
    assert_eq!(engine.infer(texts([("a", "a"), ("b", "b")])).status, 200);
    assert_eq!(control.calls(), [2], "nothing else is on its way, so the batch does not wait");
}

#[test]
fn a_device_fails_on_command() {
    let (model, control) = controlled(Scripted::blocking(echo));
    let builder = Engine::builder().instance("fails", model).inventory(Gpus(2));
    let engine = TestEngine::start(builder.setting("CHARIOT_ENGINE_DEVICE", "cuda")).unwrap();
    control.fail(DeviceFault::OutOfMemory);
    assert_eq!(engine.infer(text("a")).status, 503);
    assert_eq!(engine.infer(text("a")).status, 200);
    control.fail(DeviceFault::Lost);
    assert_eq!(engine.infer(text("a")).status, 503);
    assert_eq!(engine.get("/ready").json()["status"], "failed");
}
