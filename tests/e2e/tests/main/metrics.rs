//! The page of `GET /metrics`: the metrics of the runtime and of an author.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Write},
    process::{Command, Stdio},
    sync::Arc,
};

use chariot_engine::{
    prelude::*,
    telemetry::metrics::{Counter, Gauge, Histogram, METRICS},
};
use e2e::{DEADLINE, until};

use crate::{
    scripted::{Scripted, echo, speaks},
    support::{Gate, Server, text, texts},
};

/// The content type of the text format, which every scraper reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The content type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Reads the page into samples by name and labels.
fn scrape(server: &Server) -> BTreeMap<String, f64> {
    let answer = server.get("/metrics");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some(TEXT));
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
fn the_total_of_a_stream_ends_with_the_stream() {
    let gate = Arc::new(Gate::default());
    let waits = gate.clone();
    let server = Server::start(speaks(move |text| {
        text.emit("first")?;
        waits.pass("the model");
        Ok("done".into())
    }));
    let answered = |server: &Server| value(&scrape(server), "chariot_requests_total{model=\"speaks\",status=\"200\"}");
    let totals = |server: &Server| {
        let samples = scrape(server);
        samples.get("chariot_stage_seconds_count{model=\"speaks\",stage=\"total\"}").copied().unwrap_or_default()
    };
    let client = reqwest::blocking::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
    let begin = || {
        let url = format!("http://{}/infer", server.address);
        client.post(url).header("accept", "text/event-stream").body(text("a")).send().unwrap()
    };
    let read = begin();
    assert_eq!((answered(&server), totals(&server)), (1.0, 0.0));
    gate.open();
    assert!(read.text().unwrap().contains("done"));
    until("the stream has a total", || (totals(&server) == 1.0).then_some(()));
    // One that its caller leaves has a total too.
    gate.close();
    drop(begin());
    until("the stream that was left has a total", || (totals(&server) == 2.0).then_some(()));
    gate.open();
    assert_eq!(answered(&server), 2.0);
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
    // The last bytes are released once hyper has written them.
    until("nothing is in flight", || {
        let samples = scrape(&server);
        let names = ["in_flight_requests", "queued_requests", "in_flight_bytes"];
        let is_none = |name| value(&samples, &format!("chariot_{name}{{model=\"counted\"}}")) == 0.0;
        names.into_iter().all(is_none).then_some(())
    });
}

#[test]
fn the_page_has_exactly_the_documented_metrics() {
    let server = started(&Arc::default());
    server.infer(text("a"));
    let page = server.get("/metrics").text;
    let types: BTreeMap<&str, &str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let expected: BTreeMap<&str, &str> =
        METRICS.iter().map(|metric| (metric.name, if metric.kind == "info" { "gauge" } else { metric.kind })).collect();
    assert_eq!(types, expected);
    let open = server.ask("GET", "/metrics", &["Accept: application/openmetrics-text"], "").text;
    for metric in METRICS {
        let family = metric.name.trim_end_matches("_total").trim_end_matches("_info");
        let line = format!("# TYPE {family} {}", metric.kind);
        assert!(open.lines().any(|of| of == line), "{line}: {open}");
    }
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
fn the_format_is_the_one_that_the_scraper_asks_for() {
    let server = started(&Arc::default());
    let ask = |accept: &str| server.ask("GET", "/metrics", &[&format!("Accept: {accept}")], "");
    let open = ask("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2");
    assert_eq!((open.header("content-type"), open.header("cache-control")), (Some(OPEN_METRICS), Some("no-store")));
    assert!(open.text.ends_with("# EOF\n"), "{}", open.text);
    for accept in ["*/*", "text/plain", "application/openmetrics-text;q=0.1, text/plain", "application/json"] {
        let text = ask(accept);
        assert_eq!((text.header("content-type"), text.header("cache-control")), (Some(TEXT), Some("no-store")));
        assert!(!text.text.contains("# EOF") && !text.text.contains("# TYPE chariot_build "), "{}", text.text);
    }
}

/// Asserts that Prometheus' own tool accepts the page and has nothing to say about it.
#[track_caller]
fn check_by_promtool(server: &Server) {
    let checked = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|mut promtool| {
            promtool.stdin.take().expect("a pipe").write_all(server.get("/metrics").text.as_bytes())?;
            promtool.wait_with_output()
        });
    match checked {
        Err(error) if error.kind() == ErrorKind::NotFound => println!("skipped: promtool not found"),
        checked => {
            let checked = checked.expect("the output of promtool");
            let told = [checked.stdout, checked.stderr].map(|told| String::from_utf8_lossy(&told).into_owned());
            assert!(checked.status.success() && told.iter().all(|told| told.trim().is_empty()), "{told:#?}");
        }
    }
}

#[test]
fn promtool_accepts_the_page_of_a_new_engine() {
    check_by_promtool(&started(&Arc::default()));
}

#[test]
fn promtool_accepts_the_page_with_metrics_of_every_kind() {
    struct Counting(Counter, Gauge, Histogram);
    impl Model for Counting {
        type Settings = ();
        type Input = Text;
        type Output = Json<String>;

        async fn load(ctx: &LoadContext) -> Result<Self> {
            // Never set, so without a value other than its first.
            ctx.gauge("words_in_cache", "Words in the cache")?;
            Ok(Counting(
                ctx.counter("words_total", "Words read, \"quoted\" or not,\nby \\ anyone")?,
                ctx.gauge("temperature_celsius", "Temperature; # is not a comment")?,
                ctx.histogram("word_letters", "Letters of a word", &[0.5, 1.0, 1e9])?,
            ))
        }

        async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
            self.0.add(0.5);
            self.1.set(f64::NAN);
            [0.0, 0.75, 1e12].iter().for_each(|value| self.2.observe(*value));
            echo(batch)
        }
    }
    let names = ["first", "second"];
    let two = names.into_iter().fold(Engine::builder(), |builder, name| builder.model::<Counting>(name));
    let server = Server::start(two);
    check_by_promtool(&server);
    for name in names {
        assert_eq!(server.ask("POST", &format!("/v2/models/{name}/infer"), &[], text("a")).status, 200);
    }
    assert_eq!(server.infer("{").status, 404, "no default model");
    assert_eq!(value(&scrape(&server), "words_total{model=\"second\"}"), 0.5);
    check_by_promtool(&server);
}

#[test]
fn an_operator_can_disable_metrics() {
    let model = Scripted::blocking(echo);
    let server =
        Server::start(Engine::builder().instance("quiet", model).configure(|settings| settings.metrics = false));
    assert_eq!(server.get("/metrics").status, 404);
}
