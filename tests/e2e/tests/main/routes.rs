//! Every route, by its path, its method and its version of HTTP, beside a base URL and under it.

use chariot_engine::{prelude::*, settings::Environment};
use e2e::Answer;
use http::{Method, Request, Version};
use http_body_util::{BodyExt, Full};
use serde_json::json;

use crate::{
    scripted::{Scripted, echo},
    support::{Server, http2, text},
};

const ID: &str = "2ABCdefGHIjklMNOpqrSTUvwxYZ";

fn echoes() -> chariot_engine::EngineBuilder {
    Engine::builder().instance("echo", Scripted::blocking(echo)).version("1.0")
}

/// An engine of the platform: a base URL with the model's id in it.
fn on_the_platform(base_url: &str) -> Server {
    let environment = Environment::from_iter([("CHARIOT_MODEL_ID", ID), ("CHARIOT_ENGINE_BASE_URL", base_url)]);
    Server::start(echoes().environment(environment))
}

const SERVER: &str = r#"{"name":"echo","version":"1.0","extensions":["binary_tensor_data"]}"#;
const LIVE: &str = r#"{"live":true}"#;
const SERVER_READY: &str = r#"{"ready":true,"live":true}"#;
const READY: &str = r#"{"name":"echo","status":"ready","ready":true}"#;
const MODELS: &str = r#"{"models":["echo"]}"#;
const MODEL: &str = r#"{"name":"echo","versions":["1.0"],"platform":"chariot-engine","inputs":[{"name":"text","datatype":"BYTES","shape":[-1]}],"outputs":[{"name":"text","datatype":"BYTES","shape":[-1]}]}"#;

/// The routes of GET beside any base URL, and their bodies to the byte.
const GETS: [(&str, &str); 9] = [
    ("/ready", READY),
    ("/v2", SERVER),
    ("/v2/health/live", LIVE),
    ("/v2/health/ready", SERVER_READY),
    ("/v2/models", MODELS),
    ("/v2/models/echo", MODEL),
    ("/v2/models/echo/ready", READY),
    ("/v2/models/echo/versions/1.0", MODEL),
    ("/v2/models/echo/versions/1.0/ready", READY),
];

const POSTS: [&str; 3] = ["/infer", "/v2/models/echo/infer", "/v2/models/echo/versions/1.0/infer"];

#[track_caller]
fn is_json(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, &*answer.text), (status, body));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[test]
fn every_route_answers_to_the_byte() {
    let server = Server::start(echoes());
    for (path, body) in GETS {
        is_json(&server.get(path), 200, body);
        for variant in [format!("{path}/"), path.replace('/', "//"), format!("{path}?verbose=1")] {
            is_json(&server.get(&variant), 200, body);
        }
    }
    let body = text("a").replacen('{', r#"{"id": "7", "#, 1);
    for path in POSTS {
        let answer = server.ask("POST", path, &[], &body);
        let output = r#"{"name":"text","datatype":"BYTES","shape":[1],"data":["a"]}"#;
        is_json(
            &answer,
            200,
            &format!(r#"{{"model_name":"echo","model_version":"1.0","id":"7","outputs":[{output}]}}"#),
        );
        assert_eq!(server.ask("POST", &format!("{path}/"), &[], &body).status, 200, "{path}");
    }
}

#[test]
fn head_answers_like_get_without_a_body() {
    let server = Server::start(echoes());
    let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
    let ask = |path: &str| client.head(format!("http://{}{path}", server.address)).send().unwrap();
    for (path, body) in GETS {
        let answer = ask(path);
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"application/json".parse().unwrap())
        );
        assert_eq!(answer.headers()["content-length"], body.len().to_string(), "{path}");
        assert_eq!(answer.text().unwrap(), "", "{path}");
    }
    assert_eq!(ask("/nowhere").status().as_u16(), 404);
    let refused = ask("/infer");
    assert_eq!((refused.status().as_u16(), &refused.headers()["allow"]), (405, &"POST".parse().unwrap()));
}

#[test]
fn a_wrong_method_is_a_405_that_says_the_right_one() {
    let server = Server::start(echoes());
    for (paths, methods, allow) in [
        (&GETS.map(|(path, _)| path)[..], &["POST", "PUT", "DELETE", "PATCH", "OPTIONS"][..], "GET, HEAD"),
        (&POSTS[..], &["GET", "PUT", "DELETE", "PATCH", "OPTIONS"], "POST"),
    ] {
        for path in paths {
            for method in methods {
                let answer = server.ask(method, path, &[], "");
                assert!(answer.error(405).starts_with("method not allowed"), "{method} {path}");
                assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
            }
        }
    }
}

#[test]
fn what_is_no_route_is_a_404() {
    let server = Server::start(echoes());
    for path in [
        "/",
        "/readyz",
        "/Ready",
        "/ready/x",
        "/infer/x",
        "/v2x",
        "/v1/models",
        "/v2/health",
        "/v2/health/lives",
        "/v2/modelsX",
        "/v2/models/echo/infers",
        "/v2/models/echo/versions",
        "/v2/models/echo/versions/1.0/x",
        "/base/ready",
        "/%72eady",
        "/../ready",
    ] {
        for method in ["GET", "POST"] {
            let answer = server.ask(method, path, &[], "");
            assert!(answer.error(404).starts_with("route not found"), "{path}");
        }
    }
    for (path, expected) in [
        ("/v2/models/Echo", "model 'Echo' not found"),
        ("/v2/models/other/infer", "model 'other' not found"),
        ("/v2/models/m-2ABC/ready", "model 'm-2ABC' not found"),
        ("/v2/models/echo/versions/2", "version '2' of model 'echo' not found"),
        ("/v2/models/echo/versions/2/infer", "version '2' of model 'echo' not found"),
    ] {
        let error = server.get(path).error(404);
        assert!(error.contains(expected), "{path}: {error}");
    }
}

#[test]
fn the_platforms_name_of_a_model_is_known() {
    let server = Server::start(echoes());
    for id in [ID, &ID.to_ascii_lowercase(), "000000000000000000000000000"] {
        is_json(&server.get(&format!("/v2/models/m-{id}/ready")), 200, READY);
    }
    // With an id of its own, an engine answers to that only.
    let server = on_the_platform("");
    for id in [ID, &ID.to_ascii_lowercase(), &ID.to_ascii_uppercase()] {
        is_json(&server.get(&format!("/v2/models/m-{id}")), 200, MODEL);
        is_json(&server.get(&format!("/v2/models/M-{id}")), 200, MODEL);
    }
    assert_eq!(server.get("/v2/models/m-000000000000000000000000000").status, 404);
}

#[test]
fn everything_is_served_under_the_base_url_and_beside_it() {
    let server = on_the_platform("engines//m-{model_id}/");
    let lower = ID.to_ascii_lowercase();
    for base in
        [format!("/engines/m-{lower}"), format!("/engines/m-{ID}"), format!("//engines/m-{lower}/"), String::new()]
    {
        for (path, body) in GETS {
            is_json(&server.get(&format!("{base}{path}")), 200, body);
        }
        for path in POSTS {
            assert_eq!(server.ask("POST", &format!("{base}{path}"), &[], text("a")).values(), ["a"], "{base}{path}");
        }
        assert_eq!(server.ask("GET", &format!("{base}/infer"), &[], "").status, 405);
    }
    for path in [format!("/engines/m-{lower}"), format!("/Engines/m-{lower}/ready"), "/engines/m-x/ready".into()] {
        assert_eq!(server.get(&path).status, 404, "{path}");
    }

    // A base URL that is a path of the tree itself has no tree under it.
    let server = on_the_platform("/v2/models/m-{model_id}");
    for prefix in [format!("/v2/models/m-{lower}"), String::new()] {
        is_json(&server.get(&format!("{prefix}/ready")), 200, READY);
        assert_eq!(server.ask("POST", &format!("{prefix}/infer"), &[], text("a")).values(), ["a"]);
    }
    assert_eq!(server.get(&format!("/v2/models/m-{lower}/v2/health/live")).status, 404);
}

#[test]
fn http_2_is_spoken_without_tls_and_without_an_upgrade() {
    let server = Server::start(echoes());
    let address = server.address;
    server.block_on(async move {
        let client = http2(address).await;
        let ask = async |method: Method, path: &str, body: String| {
            let uri = format!("http://{address}{path}");
            let request = Request::builder().method(method).uri(uri).body(Full::from(body)).unwrap();
            let answer = client.clone().send_request(request).await.unwrap();
            assert_eq!(answer.version(), Version::HTTP_2);
            let (head, body) = answer.into_parts();
            (head, String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap())
        };
        for (path, body) in GETS {
            let (head, text) = ask(Method::GET, path, String::new()).await;
            assert_eq!((head.status.as_u16(), &*text), (200, body), "{path}");
            let (head, text) = ask(Method::HEAD, path, String::new()).await;
            assert_eq!((head.status.as_u16(), &*text), (200, ""), "{path}");
        }
        // Several at once, on one connection.
        let words = ["a", "b", "c", "d"];
        let answers = futures_util::future::join_all(words.map(|word| ask(Method::POST, "/infer", text(word)))).await;
        for ((head, body), word) in answers.into_iter().zip(words) {
            assert_eq!(head.status, 200);
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["outputs"][0]["data"], json!([word]));
        }
        let (head, text) = ask(Method::GET, "/infer", String::new()).await;
        assert_eq!((head.status.as_u16(), &head.headers["allow"]), (405, &"POST".parse().unwrap()));
        assert!(text.starts_with(r#"{"error":"#), "{text}");
    });
}
