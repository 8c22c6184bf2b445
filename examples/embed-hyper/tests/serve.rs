//! The service as a real process: its own route beside those of the engine under a base URL, and SIGTERM during a
//! request.

use e2e::{Connection, Process, Signal, until};
use serde_json::json;

fn service() -> Process {
    // An embedded engine does not read the environment: these variables would be invalid.
    let env = [("CHARIOT_ENGINE_PORT", "many"), ("CHARIOT_ENGINE_DEVICE", "cuda")];
    let process = Process::start_with(env!("CARGO_BIN_EXE_embed-hyper"), &["127.0.0.1:0"], &env);
    process.wait_until_ready();
    process
}

#[test]
fn the_engine_is_under_its_base_url_beside_a_route_of_the_service() {
    let process = service();
    assert_eq!(process.get("/").text, "hello from the service\n");
    assert_eq!(process.get("/models/words/ready").ok()["ready"], true);
    let body = json!({"inputs": [{"name": "a", "data": ["three short words"]}, {"name": "b", "data": ["one"]}]});
    for route in ["/models/words/infer", "/models/words/v2/models/words/infer"] {
        assert_eq!(process.post(route, &body).values(), [3, 1], "{route}");
    }
    let text = process.post("/models/words/infer", &json!({"inputs": [{"name": "a", "data": [5]}]})).error(400);
    assert!(text.contains("'a'"), "{text}");
    process.get("/models/none").error(404);
}

#[test]
fn a_request_in_flight_on_sigterm_is_answered_after_the_port_has_closed() {
    let process = service();
    let body = json!({"inputs": [{"name": "a", "data": ["three short words"]}]}).to_string();
    let (mut idle, mut unused, mut busy) = (process.connect(), process.connect(), process.connect());
    assert_eq!(idle.post("/models/words/infer", &body).unwrap().values(), [3]);
    assert_eq!(busy.post_head("/models/words/infer", &[], body.len()).unwrap(), None);

    process.signal(Signal::Terminate);
    let ready =
        until("the engine drains", || Some(process.get("/models/words/ready")).filter(|ready| ready.status == 503));
    assert_eq!(ready.json()["status"], "draining");
    assert_eq!(process.post_text("/models/words/infer", &body).values(), [3], "a draining engine serves requests");
    until("the port is closed", || Connection::open(process.address()).is_err().then_some(()));
    busy.write(&body).unwrap();
    assert_eq!(busy.answer().unwrap().values(), [3]);
    for connection in [&mut idle, &mut unused, &mut busy] {
        connection.closed().expect("the connection is closed");
    }
    assert_eq!(process.wait(), Some(0));
    assert_eq!(process.all_lines().last().map(String::as_str), Some("stopped"));
    assert_eq!(process.all_errors(), [""; 0]);
}
