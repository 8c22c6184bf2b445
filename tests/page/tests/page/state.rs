//! The state that the page shows beside the document and the metrics: over sockets, and in a browser.

use e2e::{Process, base64, until};
use serde_json::{Value, json};

use crate::{
    browser::in_browser,
    engines::start,
    sockets::{ask, header},
};

const STATE: &str = "/page/state.json";

/// Returns the state of an engine.
fn state(engine: &Process) -> Value {
    engine.get(STATE).json()
}

/// Returns a setting.
fn setting<'a>(state: &'a Value, name: &str) -> &'a Value {
    let settings = state["settings"].as_array().expect("a list");
    settings.iter().find(|setting| setting["name"] == name).unwrap_or_else(|| panic!("no setting {name}"))
}

#[test]
fn settings_are_listed_with_their_sources() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "sesame\n").unwrap();
    let token = token.to_str().unwrap();
    let engine = start(&[("CHARIOT_ENGINE_TOKEN_FILE", token), ("CHARIOT_ENGINE_BOXES_WORKERS", "1")]);
    engine.wait_until_ready();
    let refused = ask(&engine, "GET", STATE, &[]);
    assert_eq!(refused.status(), 401, "the token is asked for");
    let response = ask(&engine, "GET", STATE, &[("authorization", "Bearer sesame")]);
    assert_eq!(header(&response, "cache-control"), Some("no-store"));
    let text = response.text().unwrap();
    assert!(!text.contains("sesame"), "{text}");
    let state: Value = serde_json::from_str(&text).unwrap();
    let is = |name: &str, value: Value, source: &str, origin: &str| {
        let setting = setting(&state, name);
        assert_eq!(
            (&setting["value"], &setting["source"], &setting["origin"]),
            (&value, &source.into(), &origin.into())
        );
    };
    is("CHARIOT_ENGINE_PAGE", "true".into(), "environment", "CHARIOT_ENGINE_PAGE");
    is("CHARIOT_ENGINE_TOKEN", "***".into(), "file", &format!("CHARIOT_ENGINE_TOKEN_FILE ({token})"));
    is("CHARIOT_ENGINE_BOXES_WORKERS", "1".into(), "environment", "CHARIOT_ENGINE_BOXES_WORKERS");
    is("CHARIOT_ENGINE_PORT", "0".into(), "environment", "CHARIOT_ENGINE_PORT");
    is("CHARIOT_ENGINE_METRICS", "true".into(), "default", "the default");
    is("CHARIOT_ENGINE_TIMEOUT", Value::Null, "unset", "not set");
    is("SPEAKER_PAGE_GATE", Value::Null, "unset", "not set");
}

#[test]
fn the_state_is_served_where_the_page_is() {
    let off = start(&[("CHARIOT_ENGINE_PAGE", "false")]);
    assert_eq!(off.get(STATE).status, 404);
    let engine = start(&[("CHARIOT_ENGINE_BASE_URL", "/base"), ("CHARIOT_ENGINE_CORS_ORIGINS", "*")]);
    for path in [STATE, "/base/page/state.json"] {
        assert_eq!(engine.get(path).status, 200, "{path}");
        // A page of another origin may read other responses, and not this one.
        let refused = ask(&engine, "GET", path, &[("origin", "http://elsewhere.example")]);
        assert_eq!(refused.status(), 403, "{path}");
        assert_eq!(ask(&engine, "POST", path, &[]).status(), 405, "{path}");
    }
    assert_eq!(engine.get("/page").status, 404);
    // A page that nobody has set is on under cargo.
    let under_cargo = Process::ready(env!("CARGO_BIN_EXE_page"), &[("CARGO", "/usr/bin/cargo")]);
    assert_eq!(setting(&state(&under_cargo), "CHARIOT_ENGINE_PAGE")["source"], "computed");
}

#[test]
fn the_last_errors_are_kept_without_their_payload() {
    let engine = start(&[]);
    engine.wait_until_ready();
    assert_eq!(state(&engine)["errors"], json!([]));
    let payload = base64("this is no picture");
    let body = json!({ "inputs": [{ "name": "a", "data": [payload] }] }).to_string();
    let request = reqwest::blocking::Client::new()
        .post(format!("http://{}/v2/models/boxes/infer", engine.address()))
        .header("x-request-id", "mine");
    assert_eq!(request.body(body).send().unwrap().status(), 400);
    let known = state(&engine);
    let error = &known["errors"][0];
    assert_eq!(
        (&error["request"], &error["model"], &error["route"], &error["status"]),
        (&json!("mine"), &json!("boxes"), &json!("infer"), &json!(400))
    );
    assert!(error["reason"].as_str().is_some_and(|reason| reason.contains("input 'a'")), "{error}");
    assert!(error["total_ms"].as_f64().is_some_and(|ms| ms > 0.0) && error["at_ms"].as_u64() > Some(0), "{error}");
    assert!(!known.to_string().contains(&payload) && !known.to_string().contains("this is no picture"));
    // What asks only is left out, what succeeds too, and the last fifty are kept.
    engine.get("/nowhere");
    let good = json!({ "inputs": [{ "data": ["a"] }] });
    assert_eq!(engine.post("/v2/models/letters/infer", &good).status, 200);
    for count in 0..60 {
        assert_eq!(engine.post(&format!("/nowhere/{count}"), &json!({})).status, 404);
    }
    let errors = state(&engine)["errors"].as_array().expect("a list").clone();
    assert_eq!(errors.len(), 50);
    assert_eq!((&errors[0]["route"], &errors[0]["request"]), (&json!("POST /nowhere/59"), &Value::Null));
    assert_eq!(errors[49]["route"], "POST /nowhere/10");
}

#[test]
fn the_monitor_shows_errors_and_settings() {
    in_browser(|browser| {
        let engine = start(&[("CHARIOT_ENGINE_QUEUE_SIZE", "7"), ("CHARIOT_ENGINE_REQUEST_LOG", "errors")]);
        engine.wait_until_ready();
        browser.open(&engine, "/#monitor");
        browser.wait_for_text(".errors", "None since the start");
        browser.wait_for_text(".settings", "CHARIOT_ENGINE_QUEUE_SIZE");
        assert!(!browser.text(".settings").contains("CHARIOT_ENGINE_MAX_BODY"), "only what is set");
        browser.click(".engine-state .segments button:nth-child(2)");
        browser.wait_for_text(".settings", "CHARIOT_ENGINE_MAX_BODY");
        let row = browser.value(
            "[...document.querySelectorAll('.settings tr')].find((one) => one.textContent.includes('QUEUE_SIZE')).innerText",
        );
        assert!(
            row.as_str().is_some_and(|row| row.contains('7') && row.ends_with("CHARIOT_ENGINE_QUEUE_SIZE")),
            "{row}"
        );
        // An error of the first view is found by its request.
        browser.click("#tab-try");
        browser.replace(".texts textarea", "<none>");
        browser.run();
        let told = browser.text(".fault .hint");
        let id = told.split("Request ").nth(1).expect("the request").trim_end_matches('.').to_owned();
        browser.click("#tab-monitor");
        browser.wait_for_text(".errors", &id);
        let row = browser.text(".errors tbody tr");
        assert!(row.contains("400") && row.contains("cannot say <none>") && row.contains("speaker"), "{row}");
        engine.wait_for_line("the same request in the log", |line| {
            line["fields"]["request"] == id || line["request"] == id
        });
        // What a reader has opened stays as more errors come.
        engine.post("/infer", &json!({}));
        until("the second error is there", || {
            (browser.value("document.querySelectorAll('.errors tbody tr').length") == 2).then_some(())
        });
        assert!(browser.text(".settings").contains("CHARIOT_ENGINE_MAX_BODY"));
        browser.value("document.querySelector('.engine-state').scrollIntoView()");
        browser.screenshot("monitor-state");
        assert!(browser.errors().iter().all(|error| error.contains("400")));
    });
}
