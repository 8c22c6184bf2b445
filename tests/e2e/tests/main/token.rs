//! The bearer token: who needs it, what the others get, and that nothing of their bodies is read.

use chariot_engine::{EngineBuilder, prelude::*, settings::Environment};
use e2e::{Answer, Messages, OpenApi};
use http::{Request, Version};
use http_body_util::{BodyExt, Full};

use crate::{
    scripted::{Scripted, echo},
    support::{Server, http2, text},
};

const AUTHORIZED: &str = "Authorization: Bearer sesame";

fn guarded() -> EngineBuilder {
    let environment = Environment::from_iter([
        ("CHARIOT_ENGINE_TOKEN", "sesame"),
        ("CHARIOT_ENGINE_BASE_URL", "/base"),
        ("CHARIOT_ENGINE_LOG_LEVEL", "trace"),
    ]);
    Engine::builder().instance("echo", Scripted::blocking(echo)).environment(environment)
}

#[track_caller]
fn is_refused(answer: &Answer) -> String {
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    answer.error(401)
}

#[test]
fn all_but_health_checks_and_the_root_need_the_token() {
    let server = Server::start(guarded());
    let base = ["", "/base"];
    for (method, path, body) in [
        ("POST", "/infer", text("a")),
        ("POST", "/v2/models/echo/infer", text("a")),
        ("GET", "/v2", String::new()),
        ("GET", "/v2/models", String::new()),
        ("GET", "/v2/models/echo", String::new()),
        ("GET", "/openapi.json", String::new()),
        ("POST", "/v2/repository/index", String::new()),
    ] {
        for base in base {
            let path = &format!("{base}{path}");
            is_refused(&server.ask(method, path, &[], &body));
            assert_eq!(server.ask(method, path, &[AUTHORIZED], &body).status, 200, "{path}");
        }
    }
    is_refused(&server.get("/metrics"));
    assert_eq!(server.ask("GET", "/metrics", &[AUTHORIZED], "").status, 200);
    for path in ["/", "/ready", "/v2/health/live", "/v2/health/ready", "/v2/models/echo/ready"] {
        for base in base {
            let path = &format!("{base}{path}");
            assert_eq!(server.get(path).status, 200, "{path}");
            assert_eq!(server.ask("GET", path, &["Authorization: Bearer other"], "").status, 200, "{path}");
        }
    }
    // Without the token nobody learns which paths and models there are.
    for (method, path) in [
        ("GET", "/nowhere"),
        ("GET", "/v2/models/other/ready"),
        ("OPTIONS", "/infer"),
        ("OPTIONS", "*"),
        ("PUT", "/v2"),
    ] {
        is_refused(&server.ask(method, path, &[], ""));
        assert_ne!(server.ask(method, path, &[AUTHORIZED], "").status, 401, "{method} {path}");
    }
}

#[test]
fn a_missing_and_a_wrong_token_differ_only_in_words() {
    let server = Server::start(guarded());
    let mut messages = Messages::new();
    for headers in [
        &[][..],
        &["Authorization: Bearer other"],
        &["Authorization: Bearer"],
        &["Authorization: Basic c2VzYW1l"],
        &[AUTHORIZED, AUTHORIZED],
    ] {
        let answer = server.ask("POST", "/infer", headers, text("a"));
        messages.add(headers.join(", "), is_refused(&answer));
    }
    insta::assert_snapshot!("unauthorized", messages);
    for authorized in ["authorization: bearer sesame", "AUTHORIZATION: BEARER  sesame "] {
        assert_eq!(server.ask("POST", "/infer", &[authorized], text("a")).values(), ["a"]);
    }
    let page = server.ask("GET", "/metrics", &[AUTHORIZED], "").text;
    assert!(page.contains("chariot_rejections_total{model=\"echo\",reason=\"unauthorized\"} 5"), "{page}");
    assert!(page.contains("chariot_requests_total{model=\"echo\",status=\"401\"} 5"), "{page}");
    assert!(!page.contains("sesame"));
}

#[test]
fn nothing_of_the_body_is_asked_for() {
    let server = Server::start(guarded());
    let mut connection = server.connect();
    let refused = connection.post_head("/infer", &["X-Request-ID: 7"], 1 << 20).unwrap().expect("no 100 Continue");
    assert_eq!(refused.header("x-request-id"), Some("7"));
    is_refused(&refused);
    // A connection goes on after a refusal.
    let mut connection = server.connect();
    is_refused(&connection.post("/infer", &text("a")).unwrap());
    is_refused(&connection.post("/infer", &text("b")).unwrap());
}

#[test]
fn http_2_needs_the_token_too() {
    let server = Server::start(guarded());
    server.block_on(async {
        let mut client = http2(server.address).await;
        for (authorization, status) in [(None, 401), (Some("Bearer other"), 401), (Some("Bearer sesame"), 200)] {
            let mut request = Request::post(format!("http://{}/infer", server.address)).version(Version::HTTP_2);
            if let Some(value) = authorization {
                request = request.header("authorization", value);
            }
            let response = client.send_request(request.body(Full::from(text("a"))).unwrap()).await.unwrap();
            assert_eq!(response.status(), status, "{authorization:?}");
            response.into_body().collect().await.unwrap();
        }
    });
}

#[test]
fn a_fallback_is_behind_the_token() {
    let own = axum::Router::new().route("/own", axum::routing::get(async || "own"));
    let server = Server::start(guarded().fallback(own));
    is_refused(&server.get("/own"));
    is_refused(&server.get("/nowhere"));
    assert_eq!(server.ask("GET", "/own", &[AUTHORIZED], "").text, "own");
}

#[test]
fn the_document_of_the_engine_says_what_needs_the_token() {
    let server = Server::start(guarded());
    let document = OpenApi::from_answer(&server.ask("GET", "/openapi.json", &[AUTHORIZED], ""));
    document.check_routes(|method, path, body| server.ask(method, path, &[AUTHORIZED], body));
    document.check_answer(&server.infer(text("a")));
    let json = document.json();
    assert_eq!(json["components"]["securitySchemes"]["Token"]["scheme"], "bearer");
    assert_eq!(json["security"][0]["Token"], serde_json::json!([]));
    for (path, is_open) in
        [("/ready", true), ("/v2/health/live", true), ("/v2/models/echo/ready", true), ("/v2", false)]
    {
        let operation = &json["paths"][path]["get"];
        assert_eq!(operation["security"].is_array(), is_open, "{path}");
        assert_eq!(operation["responses"]["401"].is_object(), !is_open, "{path}");
    }
}

#[test]
fn the_settings_of_an_engine_do_not_show_the_token() {
    let server = Server::start(guarded());
    let settings = format!("{:?}", server.engine.settings());
    assert!(settings.contains("token: Some(Secret(***))") && !settings.contains("sesame"), "{settings}");
}
