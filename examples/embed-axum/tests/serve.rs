//! The service as a real process: its own routes and the engine's side by side, and an end that both come to.

use e2e::{Process, Signal};
use serde_json::json;

#[test]
fn the_service_and_the_engine_live_side_by_side_and_end_together() {
    // Whoever embeds an engine decides what it reads: these variables would be faults.
    let env = [("CHARIOT_ENGINE_PORT", "many"), ("CHARIOT_ENGINE_DEVICE", "cuda")];
    let process = Process::start_with(env!("CARGO_BIN_EXE_embed-axum"), &["127.0.0.1:0"], &env);

    let own = process.get("/");
    assert_eq!((own.status, own.text.as_str()), (200, "a service of its own\n"));
    assert_eq!(process.get("/ready").status, 404, "the engine's routes are under its prefix only");

    assert_eq!(process.get("/model/ready").ok(), json!({"name": "words", "status": "ready", "ready": true}));
    assert_eq!(process.get("/model/v2/health/live").ok(), json!({"live": true}));
    assert_eq!(process.get("/model/v2/models/words").ok()["name"], "words");
    let body = json!({"inputs": [{"name": "a", "data": ["three short words"]}, {"name": "b", "data": ["one"]}]});
    for route in ["/model/infer", "/model/v2/models/words/infer"] {
        assert_eq!(process.post(route, &body).values(), [3, 1], "{route}");
    }
    let text = process.post("/model/infer", &json!({"inputs": [{"name": "a", "data": [5]}]})).error(400);
    assert!(text.contains("'a'"), "{text}");
    assert!(process.get("/model/none").error(404).contains("no such route"));

    process.signal(Signal::Terminate);
    assert_eq!(process.wait(), Some(0));
    assert_eq!(process.all_lines().last().map(String::as_str), Some("stopped"));
    assert_eq!(process.all_errors(), [""; 0]);
}
