//! Health checks of load balancers: those that run here, and replayed requests of the others. `main`
//! runs the table.

use e2e::{Process, Signal, until};

use crate::{
    cell::Cell,
    engines::{self, Requests},
    programs,
    proxies::{self, HAPROXY, Proxy, VARNISH},
    table::Row,
};

/// The columns of the table: the states of an engine.
pub(crate) const SCENARIOS: [&str; 3] = ["while the model loads", "ready", "draining"];

/// A request that is sent as its sender documents it.
struct Replayed {
    name: &'static str,
    request: &'static str,
    /// The statuses in each state.
    expected: [u16; 3],
}

const ALWAYS: [u16; 3] = [200; 3];

const REPLAYED: [Replayed; 6] = [
    Replayed {
        name: "GKE Ingress, `GET /`",
        request: "GET / HTTP/1.1\r\nHost: 10.0.0.7\r\nUser-Agent: GoogleHC/1.0\r\nConnection: Keep-alive\r\n\r\n",
        expected: ALWAYS,
    },
    Replayed {
        name: "AWS ALB, `GET /`",
        request: "GET / HTTP/1.1\r\nHost: 10.0.0.7:8080\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\
                  Accept-Encoding: gzip, compressed\r\n\r\n",
        expected: ALWAYS,
    },
    Replayed {
        name: "Azure Application Gateway, `GET /`",
        request: "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        expected: ALWAYS,
    },
    Replayed { name: "HAProxy, `OPTIONS /` of HTTP/1.0", request: "OPTIONS / HTTP/1.0\r\n\r\n", expected: [204; 3] },
    Replayed {
        name: "Kubernetes, liveness",
        request: "GET /v2/health/live HTTP/1.1\r\nHost: 10.0.0.7:8080\r\nUser-Agent: kube-probe/1.31\r\nAccept: */*\r\n\
                  Connection: close\r\n\r\n",
        expected: ALWAYS,
    },
    Replayed {
        name: "Kubernetes, readiness",
        request: "GET /ready HTTP/1.1\r\nHost: 10.0.0.7:8080\r\nUser-Agent: kube-probe/1.31\r\nAccept: */*\r\n\
                  Connection: close\r\n\r\n",
        expected: [503, 200, 503],
    },
];

/// Returns the rows of the table.
pub(crate) fn rows() -> Vec<Row> {
    let replayed = REPLAYED.iter().map(|check| Row {
        name: check.name.into(),
        version: Ok("replayed".into()),
        run: Box::new(|| states(|_| (), |engine, (), state| replay(engine, check, state))),
    });
    let real = [
        (HAPROXY, "HAProxy, `option httpchk`", haproxy_is_up as fn(u16) -> bool),
        (VARNISH, "Varnish, `.probe`", varnish_is_up as fn(u16) -> bool),
    ];
    let real = real.into_iter().map(|(proxy, name, is_up)| Row {
        name: name.into(),
        version: proxy.version().and_then(|version| programs::find("curl").map(|_| version)),
        run: Box::new(move || watched(&proxy, is_up)),
    });
    replayed.chain(real).collect()
}

/// Asks for each state of an engine. `prepare` is called once the engine listens.
fn states<T>(prepare: impl FnOnce(&Process) -> T, mut ask: impl FnMut(&Process, &T, usize) -> Cell) -> Vec<Cell> {
    let requests = Requests::new();
    let gate = requests.gate();
    let path = gate.0.to_str().expect("a path in UTF-8");
    let engine = engines::launch(&[("CHARIOT_ENGINE_DRAIN_DELAY", "60s"), ("COMPATIBILITY_GATE", path)]);
    engine.address();
    let prepared = prepare(&engine);
    let loading = ask(&engine, &prepared, 0);
    gate.open();
    engine.wait_until_ready();
    let ready = ask(&engine, &prepared, 1);
    engine.signal(Signal::Terminate);
    until("the engine drains", || (engine.get("/ready").status == 503).then_some(()));
    vec![loading, ready, ask(&engine, &prepared, 2)]
}

fn replay(engine: &Process, check: &Replayed, state: usize) -> Cell {
    Cell::showing(|| {
        let mut connection = engine.connect();
        connection.write(check.request).expect("a request");
        let status = connection.answer().expect("a response").status;
        assert_eq!(status, check.expected[state]);
        status.to_string()
    })
}

/// Asks a proxy for the health that it sees.
fn watched(proxy: &Proxy, is_up: fn(u16) -> bool) -> Vec<Cell> {
    let requests = Requests::new();
    let start = |engine: &Process| proxy.start(engine.address(), [engine.address(); 2], requests.folder());
    states(start, |_, running, _| {
        Cell::showing(|| {
            until("a check passes", || is_up(running.health()).then_some(()));
            "up".into()
        })
    })
}

/// Returns `true` if the last check of HAProxy has passed.
fn haproxy_is_up(port: u16) -> bool {
    let page = proxies::page(port, "/;csv");
    page.lines().any(|line| line.starts_with("checked,checked,") && line.split(',').any(|cell| cell == "L7OK"))
}

/// Returns `true` if the last checks of Varnish have passed.
fn varnish_is_up(port: u16) -> bool {
    proxies::page(port, "/").starts_with("HTTP/1.1 200 ")
}
