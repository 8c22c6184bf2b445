//! The service as a real process: its own route beside those of the engines, independent readiness, and a common
//! shutdown.

use e2e::{Connection, Process, Signal, until};
use serde_json::{Value, json};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model");

fn service(model_dir: &str) -> Process {
    // An embedded engine does not read the environment: these variables would be invalid.
    let env = [("CHARIOT_ENGINE_PORT", "many"), ("CHARIOT_ENGINE_DEVICE", "cuda")];
    Process::start_with(env!("CARGO_BIN_EXE_embed-axum"), &["127.0.0.1:0", model_dir], &env)
}

/// Waits until the readiness of an engine has this status, and returns the response.
fn wait_until(process: &Process, engine: &str, status: &str) -> Value {
    until(&format!("{engine} is {status}"), || {
        Some(process.get(&format!("/{engine}/ready")).json()).filter(|answer| answer["status"] == status)
    })
}

fn texts() -> Value {
    json!({"inputs": [{"name": "a", "data": ["three short words"]}, {"name": "b", "data": ["one"]}]})
}

#[test]
fn the_service_and_its_engines_run_side_by_side_and_stop_together() {
    let process = service(MODEL);
    let own = process.get("/");
    assert_eq!((own.status, own.text.as_str()), (200, "hello from the service\n"));
    assert_eq!(process.get("/ready").status, 404, "the engines' routes are under their prefixes only");

    for (engine, expected) in [("words", [3, 1]), ("listed", [2, 0])] {
        let ready = wait_until(&process, engine, "ready");
        assert_eq!(ready, json!({"name": engine, "status": "ready", "ready": true}));
        assert_eq!(process.get(&format!("/{engine}/v2/health/live")).ok(), json!({"live": true}));
        assert_eq!(process.get(&format!("/{engine}/v2/models/{engine}")).ok()["name"], engine);
        for route in [format!("/{engine}/infer"), format!("/{engine}/v2/models/{engine}/infer")] {
            assert_eq!(process.post(&route, &texts()).values(), expected, "{route}");
        }
        let bad = json!({"inputs": [{"name": "a", "data": [5]}]});
        let text = process.post(&format!("/{engine}/infer"), &bad).error(400);
        assert!(text.contains("'a'"), "{text}");
        process.get(&format!("/{engine}/none")).error(404);
    }
    assert_eq!(process.get("/words/v2/models/listed").status, 404, "an engine does not serve the model of the other");

    process.signal(Signal::Terminate);
    assert_eq!(process.wait(), Some(0));
    assert_eq!(process.all_lines().last().map(String::as_str), Some("stopped"));
    assert_eq!(process.all_errors(), [""; 0]);
}

#[test]
fn a_failed_load_affects_neither_the_other_engine_nor_the_service() {
    let process = service("/no/such/directory");
    let failed = wait_until(&process, "listed", "failed");
    assert_eq!(failed["ready"], false);
    assert_eq!(process.get("/listed/ready").status, 503);
    process.post("/listed/infer", &texts()).error(503);
    wait_until(&process, "words", "ready");
    assert_eq!(process.post("/words/infer", &texts()).values(), [3, 1]);
    assert_eq!(process.get("/").status, 200);
    process.signal(Signal::Terminate);
    assert_eq!(process.wait(), Some(0));
}

#[test]
fn a_request_in_flight_on_sigterm_is_answered_after_the_port_has_closed() {
    let process = service(MODEL);
    for engine in ["words", "listed"] {
        wait_until(&process, engine, "ready");
    }
    let body = texts().to_string();
    let mut busy = ["/words/infer", "/listed/infer"].map(|route| {
        let mut connection = process.connect();
        assert_eq!(connection.post_head(route, &[], body.len()).unwrap(), None);
        connection
    });
    process.signal(Signal::Terminate);
    until("the port is closed", || Connection::open(process.address()).is_err().then_some(()));
    for (connection, expected) in busy.iter_mut().zip([[3, 1], [2, 0]]) {
        connection.write(&body).unwrap();
        assert_eq!(connection.answer().unwrap().values(), expected);
    }
    assert_eq!(process.wait(), Some(0));
}
