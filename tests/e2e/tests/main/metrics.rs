//! The page of `GET /metrics`: the metrics of the runtime and of an author.

use std::{collections::BTreeMap, sync::Arc};

use chariot_engine::{
    prelude::*,
    telemetry::metrics::{Counter, METRICS},
};
use e2e::until;

use crate::{
    scripted::{Scripted, echo},
    support::{Gate, Server, text, texts},
};

/// Reads the page into samples by name and labels.
fn scrape(server: &Server) -> BTreeMap<String, f64> {
    let answer = server.get("/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
    let samples = answer.text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').map(|(name, value)| (name.to_string(), value.parse().unwrap())).unwrap())
        .collect()
}

#[track_caller]
fn value(samples: &BTreeMap<String, f64>, name: &str) -> f64 {
    *samples.get(name).unwrap_or_else(|| panic!("{name} in {samples:#?}"))
}

/// A model that obeys its texts: `panic`, `fail`, or `hold`, which waits at the gate.
fn commanded(gate: &Arc<Gate>) -> Scripted {
    let gate = gate.clone();
    Scripted::blocking(move |batch| {
        match batch.iter().next().map(|text| text.to_string()).unwrap_or_default().as_str() {
            "panic" => panic!("on command"),
            "fail" => return Err("on command".into()),
            "hold" => gate.pass("hold"),
            _ => {}
        }
        echo(batch)
    })
}

fn started(gate: &Arc<Gate>) -> Server {
    Server::start(Engine::builder().instance("counted", commanded(gate)).configure(|settings| {
        settings.workers = Some(1);
        settings.queue_size = 1;
    }))
}

#[test]
fn every_request_is_counted_once_by_its_outcome() {
    let gate = Arc::new(Gate::default());
    let server = started(&gate);
    for (body, status) in [
        (text("a"), 200),
        (texts([("a", "a"), ("b", "b")]), 200),
        (text("fail"), 500),
        (text("panic"), 500),
        ("{".into(), 400),
    ] {
        assert_eq!(server.infer(body).status, status);
    }
    let samples = scrape(&server);
    let of = |name: &str| value(&samples, name);
    for (status, count) in [(200, 2.0), (500, 2.0), (400, 1.0)] {
        assert_eq!(of(&format!("chariot_requests_total{{model=\"counted\",status=\"{status}\"}}")), count, "{status}");
    }
    assert_eq!(of("chariot_panics_total{model=\"counted\"}"), 1.0);
    assert_eq!(of("chariot_rejections_total{model=\"counted\",reason=\"invalid\"}"), 1.0);
    assert_eq!(of("chariot_batch_items_count{model=\"counted\"}"), 4.0);
    assert_eq!(of("chariot_batch_items_sum{model=\"counted\"}"), 5.0);
    for (stage, count) in
        [("read", 5.0), ("decode", 5.0), ("queue", 4.0), ("infer", 4.0), ("encode", 2.0), ("total", 5.0)]
    {
        let name = format!("chariot_stage_seconds_count{{model=\"counted\",stage=\"{stage}\"}}");
        assert_eq!(of(&name), count, "{stage}");
    }
    assert_eq!(of("chariot_state{model=\"counted\",state=\"ready\"}"), 1.0);
    assert_eq!(of("chariot_state{model=\"counted\",state=\"starting\"}"), 0.0);
}

#[test]
fn requests_in_flight_are_visible() {
    let gate = Arc::new(Gate::default());
    let server = started(&gate);
    let mut running = server.admitted(&text("hold"));
    gate.wait_for(1);
    let queued = server.admitted(&text("queued"));
    until("one request runs and one is queued", || {
        let samples = scrape(&server);
        let now = |name: &str| value(&samples, &format!("chariot_{name}{{model=\"counted\"}}"));
        let seen = [now("in_flight_requests"), now("queued_requests"), now("running_calls")];
        (seen == [2.0, 1.0, 1.0] && now("in_flight_bytes") > 0.0).then_some(())
    });
    assert_eq!(server.infer(text("too much")).status, 503);
    drop(queued);
    until("the queued request is gone", || {
        let samples = scrape(&server);
        let gone = value(&samples, "chariot_cancellations_total{model=\"counted\"}") == 1.0;
        (gone && value(&samples, "chariot_in_flight_requests{model=\"counted\"}") == 1.0).then_some(())
    });
    let late = server.ask("POST", "/infer", &["X-Request-Timeout: 10ms"], text("late"));
    assert_eq!(late.status, 504);
    gate.open();
    assert_eq!(running.answer().unwrap().status, 200);
    let samples = scrape(&server);
    assert_eq!(value(&samples, "chariot_rejections_total{model=\"counted\",reason=\"queue_full\"}"), 1.0);
    assert_eq!(value(&samples, "chariot_deadline_misses_total{model=\"counted\"}"), 1.0);
    for name in ["in_flight_requests", "queued_requests", "in_flight_bytes"] {
        assert_eq!(value(&samples, &format!("chariot_{name}{{model=\"counted\"}}")), 0.0, "{name}");
    }
}

#[test]
fn the_page_has_exactly_the_documented_metrics() {
    let server = started(&Arc::default());
    server.infer(text("a"));
    let page = server.get("/metrics").text;
    let types: BTreeMap<&str, &str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let expected: BTreeMap<&str, &str> = METRICS
        .iter()
        .map(|metric| (metric.name.trim_end_matches("_total").trim_end_matches("_info"), metric.kind))
        .collect();
    assert_eq!(types, expected);
    for metric in METRICS {
        let samples = page.lines().filter(|line| line.starts_with(metric.name));
        for sample in samples {
            for label in metric.labels {
                assert!(sample.contains(&format!("{label}=\"")), "{sample} lacks the label {label}");
            }
        }
    }
}

#[test]
fn an_author_can_add_a_counter() {
    struct Counting(Counter);
    impl Model for Counting {
        type Settings = ();
        type Input = Text;
        type Output = Json<usize>;

        async fn load(ctx: &LoadContext) -> Result<Self> {
            Ok(Counting(ctx.counter("words_total", "Number of words read")?))
        }

        async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
            batch.try_map(|text| {
                let words = text.as_str().split(' ').count();
                self.0.add(words as f64);
                Ok(Json(words))
            })
        }
    }
    let server = Server::start(Engine::builder().model::<Counting>("counting"));
    server.infer(text("one two three"));
    assert_eq!(value(&scrape(&server), "words_total{model=\"counting\"}"), 3.0);
}

#[test]
fn an_operator_can_disable_metrics() {
    let model = Scripted::blocking(echo);
    let server =
        Server::start(Engine::builder().instance("quiet", model).configure(|settings| settings.metrics = false));
    assert_eq!(server.get("/metrics").status, 404);
}
