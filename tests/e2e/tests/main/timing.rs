//! `Server-Timing`: the times of the stages of a request, for callers that ask for them.

use chariot_engine::{prelude::*, settings::ByteSize};
use e2e::Answer;

use crate::{
    scripted::{Scripted, echo},
    support::{Server, text},
};

const ASKS: &str = "X-Server-Timing: 1";

fn started() -> Server {
    let model = Scripted::blocking(|batch| {
        if batch.iter().any(|text| text.as_str() == "fail") {
            return Err("on command".into());
        }
        echo(batch)
    });
    Server::start(Engine::builder().instance("echo", model).configure(|settings| settings.max_body = ByteSize::kib(1)))
}

/// The names and the times in the header of a response.
fn times(answer: &Answer) -> Vec<(String, f64)> {
    let header = answer.header("server-timing").expect("Server-Timing");
    let entry = |entry: &str| {
        let (name, time) = entry.split_once(";dur=").expect("a time");
        (name.to_owned(), time.parse().expect("a number of milliseconds"))
    };
    header.split(", ").map(entry).collect()
}

#[test]
fn a_caller_gets_the_times_that_it_asks_for() {
    let server = started();
    let ask = |body: String| server.ask("POST", "/infer", &[ASKS], body);
    for (body, status) in [(text("a"), 200), ("{".to_string(), 400), (text("fail"), 500)] {
        let answer = ask(body);
        assert_eq!(answer.status, status);
        let times = times(&answer);
        let names: Vec<&str> = times.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["read", "decode", "queue", "infer", "encode", "total"]);
        assert!(times.iter().all(|(_, time)| *time >= 0.0), "{times:?}");
        let of = |name: &str| times.iter().find(|(of, _)| of == name).map(|(_, time)| *time);
        assert_eq!(of("infer") > Some(0.0), status != 400, "{times:?}");
        assert_eq!(of("encode") > Some(0.0), status == 200, "{times:?}");
        assert!(of("total") > Some(0.0), "{times:?}");
    }
}

#[test]
fn nobody_else_does() {
    let server = started();
    for headers in [&[][..], &["X-Server-Timing: 0"], &["X-Server-Timing: yes"]] {
        assert_eq!(server.ask("POST", "/infer", headers, text("a")).header("server-timing"), None);
    }
    // Nothing is known of a request that is not admitted.
    assert_eq!(server.ask("POST", "/infer", &[ASKS], "x".repeat(2000)).header("server-timing"), None);
    assert_eq!(server.ask("GET", "/ready", &[ASKS], "").header("server-timing"), None);
}
