//! Web pages of other origins: preflights, and the headers by which a browser decides whether a page may read a response.

use bytes::Bytes;
use chariot_engine::{EngineBuilder, prelude::*, settings::ByteSize};
use e2e::Answer;
use http::{Request, Version};
use http_body_util::Full;

use crate::{
    scripted::{Scripted, echo},
    support::{Server, http2, text},
};

const PAGE: &str = "Origin: https://app.example.org";
const OTHER: &str = "Origin: https://evil.example.org";

fn shared(origins: &str) -> EngineBuilder {
    let model = Scripted::blocking(echo);
    Engine::builder().instance("echo", model).setting("CHARIOT_ENGINE_CORS_ORIGINS", origins)
}

fn listed() -> EngineBuilder {
    shared("https://App.example.org:443, http://localhost:3000")
}

/// The headers of a response by which a browser decides.
fn of_cors(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.iter().map(|(name, _)| name.as_str());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

#[track_caller]
fn is_readable(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example.org"), "{answer:?}");
    assert_eq!(answer.header("vary"), Some("Origin"), "{answer:?}");
    let exposed = answer.header("access-control-expose-headers").expect("names of headers");
    for name in ["X-Request-ID", "Retry-After", "Server-Timing", "Inference-Header-Content-Length"] {
        assert!(exposed.contains(name), "{exposed}");
    }
}

#[test]
fn a_preflight_of_a_listed_origin_is_allowed() {
    let server = Server::start(listed());
    for path in ["/infer", "/v2/models/echo/infer", "/ready", "/nowhere"] {
        let asks =
            [PAGE, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type"];
        let answer = server.ask("OPTIONS", path, &asks, "");
        assert_eq!((answer.status, &*answer.text), (204, ""), "{path}");
        for (name, value) in [
            ("access-control-allow-origin", "https://app.example.org"),
            ("access-control-allow-methods", "GET, HEAD, POST"),
            ("access-control-allow-headers", "authorization,content-type"),
            ("access-control-max-age", "7200"),
            ("vary", "Origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
    }
    // What is not a list of names is not repeated.
    let asks = [PAGE, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: a b"];
    assert_eq!(server.ask("OPTIONS", "/infer", &asks, "").header("access-control-allow-headers"), None);
}

#[test]
fn another_origin_gets_nothing() {
    let server = Server::start(listed());
    for origin in [OTHER, "Origin: null", "Origin: https://app.example.org.evil.org", "Origin: http://app.example.org"]
    {
        let preflight = server.ask("OPTIONS", "/infer", &[origin, "Access-Control-Request-Method: POST"], "");
        assert_eq!((preflight.status, of_cors(&preflight)), (204, vec![]), "{origin}");
        let answer = server.ask("POST", "/infer", &[origin], text("a"));
        assert_eq!((answer.status, of_cors(&answer)), (200, vec![]), "{origin}");
        // A cache must not give this response to a page that may read it.
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    let plain = server.infer(text("a"));
    assert_eq!((of_cors(&plain), plain.header("vary")), (vec![], Some("Origin")));
}

#[test]
fn plain_options_are_no_preflight() {
    let server = Server::start(listed());
    for headers in [&[][..], &[PAGE], &["Access-Control-Request-Method: POST"]] {
        let answer = server.ask("OPTIONS", "/infer", headers, "");
        assert_eq!((answer.status, answer.header("allow")), (204, Some("POST, OPTIONS")));
        assert_eq!(answer.header("access-control-allow-methods"), None);
    }
}

#[test]
fn a_page_reads_every_response() {
    let server = Server::start(listed().configure(|settings| settings.max_body = ByteSize::kib(1)));
    is_readable(&server.ask("POST", "/infer", &[PAGE], text("a")));
    is_readable(&server.ask("GET", "/ready", &[PAGE], ""));
    for (method, path, headers, body, status) in [
        ("POST", "/infer", &[PAGE][..], "{".to_string(), 400),
        ("GET", "/nowhere", &[PAGE], String::new(), 404),
        ("PUT", "/infer", &[PAGE], String::new(), 405),
        ("POST", "/infer", &[PAGE], "x".repeat(2000), 413),
        ("POST", "/infer", &[PAGE, "Content-Encoding: br"], text("a"), 415),
        // Refused before any route is looked for.
        ("GET", "/ready", &[PAGE, "Host: another"], String::new(), 400),
    ] {
        let answer = server.ask(method, path, headers, body);
        assert_eq!(answer.status, status, "{method} {path}");
        is_readable(&answer);
    }
    server.block_on(server.engine.shutdown());
    let answer = server.ask("POST", "/infer", &[PAGE], text("a"));
    assert!(answer.status == 503 && answer.header("retry-after").is_some());
    is_readable(&answer);
}

#[test]
fn any_origin_can_be_allowed() {
    let server = Server::start(shared("*"));
    let answer = server.ask("POST", "/infer", &[OTHER], text("a"));
    assert_eq!((answer.header("access-control-allow-origin"), answer.header("vary")), (Some("*"), None));
    let preflight = server.ask("OPTIONS", "/infer", &[OTHER, "Access-Control-Request-Method: POST"], "");
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, Some("*")));
    assert_eq!(of_cors(&server.infer(text("a"))), Vec::<&str>::new());
}

#[test]
fn without_the_setting_there_are_no_such_headers() {
    let server = Server::start(Engine::builder().instance("echo", Scripted::blocking(echo)));
    let preflight = server.ask("OPTIONS", "/infer", &[PAGE, "Access-Control-Request-Method: POST"], "");
    assert_eq!(
        (preflight.status, preflight.header("allow"), of_cors(&preflight)),
        (204, Some("POST, OPTIONS"), vec![])
    );
    let answer = server.ask("POST", "/infer", &[PAGE], text("a"));
    assert_eq!((of_cors(&answer), answer.header("vary")), (vec![], None));
}

#[test]
fn a_preflight_needs_no_token_and_a_page_reads_that_one_is_missing() {
    let server = Server::start(listed().setting("CHARIOT_ENGINE_TOKEN", "sesame"));
    let preflight = server.ask(
        "OPTIONS",
        "/infer",
        &[PAGE, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"],
        "",
    );
    assert_eq!((preflight.status, preflight.header("access-control-allow-headers")), (204, Some("authorization")));
    let refused = server.ask("POST", "/infer", &[PAGE], text("a"));
    assert_eq!(refused.status, 401);
    is_readable(&refused);
    let answer = server.ask("POST", "/infer", &[PAGE, "Authorization: Bearer sesame"], text("a"));
    assert_eq!(answer.status, 200);
    is_readable(&answer);
}

#[test]
fn the_responses_of_a_fallback_are_shared_unless_it_has_rules_of_its_own() {
    let own = axum::Router::new().route("/own", axum::routing::put(async || "own")).route(
        "/ruled",
        axum::routing::get(async || ([("access-control-allow-origin", "https://ruled.org")], "ruled")),
    );
    let server = Server::start(listed().fallback(own));
    let preflight = server.ask("OPTIONS", "/own", &[PAGE, "Access-Control-Request-Method: PUT"], "");
    let methods = preflight.header("access-control-allow-methods");
    assert_eq!((preflight.status, methods), (204, Some("GET, HEAD, POST, PUT, PATCH, DELETE")));
    is_readable(&server.ask("PUT", "/own", &[PAGE], ""));
    let ruled = server.ask("GET", "/ruled", &[PAGE], "");
    assert_eq!(of_cors(&ruled), ["access-control-allow-origin"]);
    assert_eq!(ruled.header("access-control-allow-origin"), Some("https://ruled.org"));
}

#[test]
fn http_2_has_the_same_headers() {
    let server = Server::start(listed());
    server.block_on(async {
        let mut client = http2(server.address).await;
        let request = Request::post(format!("http://{}/infer", server.address))
            .version(Version::HTTP_2)
            .header("origin", "https://app.example.org")
            .body(Full::<Bytes>::from(text("a")))
            .unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example.org");
    });
}
