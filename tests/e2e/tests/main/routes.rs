//! Every route, by path, method and version of HTTP, with and without a base URL.

use chariot_engine::{prelude::*, settings::Environment};
use e2e::{Answer, Messages};
use http::{Method, Request, Version};
use http_body_util::{BodyExt, Full};
use serde_json::json;

use crate::{
    scripted::{Scripted, echo},
    support::{Gate, Server, http2, text},
};

const ID: &str = "2ABCdefGHIjklMNOpqrSTUvwxYZ";

fn echoes() -> chariot_engine::EngineBuilder {
    Engine::builder().instance("echo", Scripted::blocking(echo)).version("1.0")
}

/// An engine on the platform, with the id of the model in its base URL.
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

/// The GET routes without a base URL, and their exact bodies.
const GETS: [(&str, &str); 10] = [
    ("/", SERVER),
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
fn every_route_returns_its_exact_body() {
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
fn head_responds_like_get_without_a_body() {
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
    let rejected = ask("/infer");
    assert_eq!((rejected.status().as_u16(), &rejected.headers()["allow"]), (405, &"POST, OPTIONS".parse().unwrap()));
}

#[test]
fn a_wrong_method_is_a_405_that_names_the_allowed_ones() {
    let server = Server::start(echoes());
    let mut messages = Messages::new();
    for (paths, methods, allow) in [
        (&GETS.map(|(path, _)| path)[..], &["POST", "PUT", "DELETE", "PATCH", "TRACE"][..], "GET, HEAD, OPTIONS"),
        (&POSTS[..], &["GET", "PUT", "DELETE", "PATCH", "TRACE"], "POST, OPTIONS"),
    ] {
        let expected = server.ask(methods[1], paths[0], &[], "").error(405);
        for path in paths {
            for method in methods {
                let answer = server.ask(method, path, &[], "");
                assert_eq!(answer.error(405), expected, "{method} {path}");
                assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
            }
        }
        messages.add(allow, expected);
    }
    insta::assert_snapshot!("wrong_method", messages);
}

/// Sends OPTIONS, and returns the status and the methods of the response, which has no body.
#[track_caller]
fn options(server: &Server, path: &str) -> (u16, Option<String>) {
    let mut connection = server.connect();
    connection.write(format!("OPTIONS {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")).unwrap();
    let answer = connection.answer().unwrap();
    if answer.status == 204 {
        connection.closed().expect("no body");
    }
    (answer.status, answer.header("allow").map(str::to_string))
}

#[test]
fn options_names_the_methods_of_a_route() {
    let server = on_the_platform("/base");
    let allows = |methods: &str| (204, Some(methods.to_string()));
    for base in ["", "/base"] {
        for (path, _) in GETS {
            assert_eq!(options(&server, &format!("{base}{path}")), allows("GET, HEAD, OPTIONS"), "{base}{path}");
        }
        for path in POSTS {
            assert_eq!(options(&server, &format!("{base}{path}")), allows("POST, OPTIONS"), "{base}{path}");
        }
    }
    for path in ["/metrics", "/openapi.json"] {
        assert_eq!(options(&server, path), allows("GET, HEAD, OPTIONS"));
    }
    assert_eq!(options(&server, "*"), allows("GET, HEAD, POST, OPTIONS"));
    for path in ["/nowhere", "/v2/models/other", "/v2/models/echo/generate_stream", "/*"] {
        assert_eq!(options(&server, path), (404, None), "{path}");
    }
    assert_eq!(server.get("*").status, 404);
    // A route that the operator has switched off is none.
    let server = Server::start(echoes().configure(|settings| settings.metrics = false));
    for method in ["GET", "OPTIONS", "POST"] {
        assert_eq!(server.ask(method, "/metrics", &[], "").status, 404, "{method}");
    }
}

#[test]
fn the_root_is_served_while_the_model_loads() {
    static GATE: Gate = Gate::new();
    struct Slow;
    impl Model for Slow {
        type Settings = ();
        type Input = Text;
        type Output = Json<String>;

        async fn load(_: &LoadContext) -> Result<Self> {
            GATE.pass("load");
            Ok(Slow)
        }

        async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
            echo(batch)
        }
    }
    let server = Server::begin(Engine::builder().model::<Slow>("slow").setting("CHARIOT_ENGINE_BASE_URL", "/base"));
    GATE.wait_for(1);
    for path in ["/", "/base", "/base/"] {
        let root = server.get(path);
        assert_eq!((root.ok()["name"].as_str(), root.header("cache-control")), (Some("slow"), Some("no-store")));
    }
    assert_eq!(server.get("/ready").status, 503);
    GATE.open();
    server.block_on(server.engine.ready()).expect("the model is loaded");
}

#[test]
fn no_cache_stores_the_state_of_a_moment() {
    let server = Server::start(echoes());
    let stores =
        |method: &str, path: &str| server.ask(method, path, &[], "").header("cache-control").map(str::to_string);
    let others = ["/metrics", "/openapi.json", "/infer", "/nowhere", "/v2/models/other", "/v2/models/echo/versions/2"];
    for path in GETS.map(|(path, _)| path).into_iter().chain(others) {
        assert_eq!(stores("GET", path).as_deref(), Some("no-store"), "{path}");
    }
    assert_eq!(stores("PUT", "/ready").as_deref(), Some("no-store"));
    server.engine.drain();
    assert_eq!((server.get("/ready").status, stores("GET", "/ready").as_deref()), (503, Some("no-store")));
}

#[test]
fn an_unknown_path_is_a_404() {
    let server = Server::start(echoes());
    let unknown = server.get("/nowhere").error(404);
    let mut messages = Messages::new();
    messages.add("/nowhere", &unknown);
    for path in [
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
        for method in ["GET", "POST", "OPTIONS"] {
            let answer = server.ask(method, path, &[], "");
            assert_eq!(answer.error(404), unknown, "{path}");
        }
    }
    for (path, name) in [
        ("/v2/models/Echo", "Echo"),
        ("/v2/models/other/infer", "other"),
        ("/v2/models/m-2ABC/ready", "m-2ABC"),
        ("/v2/models/echo/versions/2", "2"),
        ("/v2/models/echo/versions/2/infer", "2"),
    ] {
        let error = server.get(path).error(404);
        assert!(error.contains(&format!("'{name}'")), "{path}: {error}");
        messages.add(path, error);
    }
    insta::assert_snapshot!("not_found", messages);
}

#[test]
fn a_model_is_known_by_its_name_on_the_platform() {
    let server = Server::start(echoes());
    for id in [ID, &ID.to_ascii_lowercase(), "000000000000000000000000000"] {
        is_json(&server.get(&format!("/v2/models/m-{id}/ready")), 200, READY);
    }
    // An engine that knows its id responds to that id only.
    let server = on_the_platform("");
    for id in [ID, &ID.to_ascii_lowercase(), &ID.to_ascii_uppercase()] {
        is_json(&server.get(&format!("/v2/models/m-{id}")), 200, MODEL);
        is_json(&server.get(&format!("/v2/models/M-{id}")), 200, MODEL);
    }
    assert_eq!(server.get("/v2/models/m-000000000000000000000000000").status, 404);
}

#[test]
fn every_route_is_served_with_and_without_the_base_url() {
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
    for path in [format!("/engines/m-{lower}x"), format!("/Engines/m-{lower}/ready"), "/engines/m-x/ready".into()] {
        assert_eq!(server.get(&path).status, 404, "{path}");
    }

    // A base URL that is itself a path under `/v2` has no `/v2` below it.
    let server = on_the_platform("/v2/models/m-{model_id}");
    for prefix in [format!("/v2/models/m-{lower}"), String::new()] {
        is_json(&server.get(&format!("{prefix}/ready")), 200, READY);
        assert_eq!(server.ask("POST", &format!("{prefix}/infer"), &[], text("a")).values(), ["a"]);
    }
    assert_eq!(server.get(&format!("/v2/models/m-{lower}/v2/health/live")).status, 404);
    is_json(&server.get(&format!("/v2/models/m-{lower}/")), 200, MODEL);
}

#[test]
fn every_name_and_version_that_is_accepted_is_reached_by_a_client() {
    let client = reqwest::blocking::Client::builder().no_proxy().build().unwrap();
    let longest = "n".repeat(128);
    let too_long = "n".repeat(129);
    let mut accepted = 0;
    for odd in [
        "",
        ".",
        "..",
        "...",
        "a/b",
        "a b",
        " ",
        "a\tb",
        "a%2Fb",
        "%2e%2e",
        "a?b",
        "a#b",
        "a\\b",
        "a;b",
        "ä",
        "a:b",
        "-",
        "_",
        ".a",
        "infer",
        "versions",
        "v2",
        "1.0.0-rc.1+build",
        &longest,
        &too_long,
    ] {
        let builder = |name: &str| Engine::builder().instance(name, Scripted::<1, 32>::blocking(echo));
        for (name, version) in [(odd, "1"), ("echo", odd)] {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            if runtime.block_on(async { builder(name).version(version).start() }).is_err() {
                continue;
            }
            accepted += 1;
            let server = Server::start(builder(name).version(version));
            for path in [format!("/v2/models/{name}/infer"), format!("/v2/models/{name}/versions/{version}/infer")] {
                let url = format!("http://{}{path}", server.address);
                let answer = client.post(url).body(text("a")).send().unwrap();
                assert_eq!(answer.status().as_u16(), 200, "{path}");
            }
        }
    }
    // As a name and as a version; one of them only as a version.
    assert_eq!(accepted, 2 * 8 + 1);
}

#[test]
fn http_2_is_served_without_tls_and_without_an_upgrade() {
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
        // Several requests at once on one connection.
        let words = ["a", "b", "c", "d"];
        let answers = futures_util::future::join_all(words.map(|word| ask(Method::POST, "/infer", text(word)))).await;
        for ((head, body), word) in answers.into_iter().zip(words) {
            assert_eq!(head.status, 200);
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["outputs"][0]["data"], json!([word]));
        }
        let (head, text) = ask(Method::GET, "/infer", String::new()).await;
        assert_eq!((head.status.as_u16(), &head.headers["allow"]), (405, &"POST, OPTIONS".parse().unwrap()));
        assert!(text.starts_with(r#"{"error":"#), "{text}");
        let (head, text) = ask(Method::OPTIONS, "/infer", String::new()).await;
        assert_eq!(
            (head.status.as_u16(), &head.headers["allow"], &*text),
            (204, &"POST, OPTIONS".parse().unwrap(), "")
        );
    });
}
