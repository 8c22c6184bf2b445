//! The parts of requests and responses other than tensors: ids, headers, optional members, metadata documents.

use std::collections::HashSet;

use chariot_engine::prelude::*;
use serde_json::json;

use crate::{
    scripted::{Scripted, echo},
    support::{Server, text},
};

fn echoes() -> Server {
    Server::start(Engine::builder().instance("echo", Scripted::blocking(echo)))
}

/// A request of one text with an id, given as JSON.
fn with_id(id: &str) -> String {
    text("a").replacen('{', &format!("{{\"id\": {id}, "), 1)
}

#[test]
fn the_id_of_a_response_is_from_the_body_or_the_header_or_new() {
    let server = echoes();
    let id = |headers: &[&str], body: &str| {
        let answer = server.ask("POST", "/infer", headers, body).ok();
        answer["id"].as_str().expect("an id").to_string()
    };
    let header = ["X-Request-ID: of-header"];
    assert_eq!(id(&header, &with_id(r#""of-body""#)), "of-body");
    assert_eq!(id(&[], &with_id(r#""\u00e9 \"x\"""#)), "\u{e9} \"x\"");
    for body in [text("a"), with_id("null"), with_id(r#""""#)] {
        assert_eq!(id(&header, &body), "of-header");
        let fresh: HashSet<_> = (0..5).map(|_| id(&[], &body)).collect();
        assert_eq!(fresh.len(), 5, "{fresh:?}");
    }
}

#[test]
fn a_valid_request_id_is_echoed_on_every_response() {
    let server = echoes();
    let longest = "x".repeat(128);
    for id in ["a", "!~{}", &longest] {
        let header = format!("x-request-id: {id}");
        for (method, path, body, status) in [
            ("GET", "/ready", "", 200),
            ("POST", "/infer", &*text("a"), 200),
            ("POST", "/infer", "{", 400),
            ("GET", "/nowhere", "", 404),
            ("GET", "/infer", "", 405),
        ] {
            let answer = server.ask(method, path, &[&header], body);
            assert_eq!((answer.status, answer.header("x-request-id")), (status, Some(id)), "{method} {path}");
        }
    }
    for id in ["", "two words", "caf\u{e9}", &"x".repeat(129)] {
        let answer = server.ask("POST", "/infer", &[&format!("X-Request-ID: {id}")], text("a"));
        assert_eq!(answer.header("x-request-id"), None, "'{id}'");
        assert_ne!(answer.ok()["id"], *id);
    }
    assert_eq!(server.get("/ready").header("x-request-id"), None);
}

#[test]
fn every_content_type_is_accepted() {
    let server = echoes();
    let types =
        ["application/json", "application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"];
    assert_eq!(server.infer(text("a")).values(), ["a"]);
    for content_type in types {
        let headers = format!("Content-Type: {content_type}");
        let answer = server.ask("POST", "/infer", &[&headers, "Accept: */*"], text("a"));
        assert_eq!(answer.values(), ["a"], "{content_type}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[test]
fn an_unsupported_content_coding_is_a_415_that_names_the_supported_ones() {
    let server = echoes();
    for coding in ["br", "compress", "x-secret", "gzip, br"] {
        let answer = server.ask("POST", "/infer", &[&format!("Content-Encoding: {coding}")], text("a"));
        assert!(answer.error(415).contains("Content-Encoding"), "{coding}");
        assert!(answer.header("accept-encoding").is_some_and(|known| !known.contains("br")), "{coding}");
    }
    assert_eq!(server.ask("POST", "/infer", &["Content-Encoding: Identity"], text("a")).values(), ["a"]);
}

#[test]
fn members_can_be_absent_null_unknown_and_in_any_order() {
    let server = echoes();
    for input in [
        r#"{"data": ["a"]}"#,
        r#"{"data": "a"}"#,
        r#"{"name": null, "datatype": null, "shape": null, "data": ["a"], "parameters": null}"#,
        r#"{"parameters": {}, "data": ["a"], "shape": [480, 640, 3], "datatype": "BYTES", "name": ""}"#,
        r#"{"data": ["a"], "parameters": {"action": null, "score_threshold": null, "metadata": null}}"#,
        r#"{"data": ["a"], "parameters": {"action": "anything", "score_threshold": "0.25", "unknown": [{}]}}"#,
        r#"{"data": ["\u0061"], "unknown": {"deep": [[[]]]}}"#,
    ] {
        for rest in
            ["", r#", "id": null, "parameters": null, "outputs": null, "model_name": "x""#, r#", "outputs": []"#]
        {
            let body = format!(r#"{{"inputs": [{input}]{rest}}}"#);
            let answer = server.infer(&body).ok();
            let output = json!({"name": "", "datatype": "BYTES", "shape": [1], "data": ["a"]});
            assert_eq!(answer["outputs"], json!([output]), "{body}");
            let members: Vec<_> = answer.as_object().unwrap().keys().cloned().collect();
            assert_eq!(members.len(), 4, "nothing is null, nothing is added: {members:?}");
        }
    }
}

#[test]
fn metadata_of_an_input_is_returned_byte_for_byte() {
    let server = echoes();
    for metadata in [
        r#""{\"k\": 1}""#,
        r#""\u00e9\/""#,
        r#"{"b":1,  "a":[1.0,1e2,1.10]}"#,
        "[ ]",
        "0",
        "-0.0",
        "false",
        r#""""#,
        "123456789012345678901234567890",
    ] {
        let body = format!(
            r#"{{"inputs": [{{"name": "a", "data": ["x"], "parameters": {{"other": 1, "metadata": {metadata} }}}},
                            {{"name": "b", "data": ["y"]}}]}}"#
        );
        let answer = server.infer(&body);
        let first = format!(
            r#"{{"name":"a","datatype":"BYTES","shape":[1],"data":["x"],"parameters":{{"metadata":{metadata}}}}}"#
        );
        let second = r#"{"name":"b","datatype":"BYTES","shape":[1],"data":["y"]}"#;
        assert!(answer.text.ends_with(&format!(r#""outputs":[{first},{second}]}}"#)), "{}", answer.text);
    }
}

/// A model with declared input and output tensors.
struct Signed;

#[derive(TensorInput)]
struct Features {
    /// Four numbers per row
    #[tensor(shape = [n, 4])]
    features: Vec<f32>,
    /// One name per row
    #[tensor(shape = [n], name = "row name")]
    names: Vec<String>,
}

#[derive(TensorOutput)]
struct Longest {
    /// The longest name
    #[tensor(shape = [1])]
    longest: Vec<String>,
    /// The sum of every row
    #[tensor(shape = [n])]
    sums: Vec<f64>,
}

impl Model for Signed {
    type Settings = ();
    type Input = Features;
    type Output = Longest;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Signed)
    }

    async fn infer(&self, batch: Batch<Features>) -> Result<Vec<Longest>> {
        batch.try_map(|item| {
            let longest = item.names.iter().max_by_key(|name| name.len()).context("a row")?.clone();
            let sums = item.features.chunks(4).map(|row| row.iter().map(|value| f64::from(*value)).sum()).collect();
            Ok(Longest { longest: vec![longest], sums })
        })
    }
}

/// A model that returns its tensors unchanged.
struct Anything;

impl Model for Anything {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Anything)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|item| Ok(item.into_value()))
    }
}

#[test]
fn the_metadata_of_a_model_lists_its_declared_tensors() {
    let server = Server::start(Engine::builder().model::<Signed>("signed").version("2"));
    let inputs =
        r#"[{"name":"features","datatype":"FP32","shape":[-1,4]},{"name":"row name","datatype":"BYTES","shape":[-1]}]"#;
    let outputs =
        r#"[{"name":"longest","datatype":"BYTES","shape":[1]},{"name":"sums","datatype":"FP64","shape":[-1]}]"#;
    let expected = format!(
        r#"{{"name":"signed","versions":["2"],"platform":"chariot-engine","inputs":{inputs},"outputs":{outputs}}}"#
    );
    assert_eq!(server.get("/v2/models/signed").text, expected);

    let server = Server::start(Engine::builder().model::<Anything>("any"));
    let expected = r#"{"name":"any","versions":["1"],"platform":"chariot-engine","inputs":[],"outputs":[]}"#;
    assert_eq!(server.get("/v2/models/any").text, expected, "empty only for a model that accepts any tensor");
}

#[test]
fn named_outputs_are_selected_and_ordered_by_the_request() {
    let server = Server::start(Engine::builder().model::<Signed>("signed"));
    let ask = |outputs: &str| {
        let body = format!(
            r#"{{"inputs": [{{"name": "row name", "datatype": "BYTES", "shape": [2], "data": ["abc", "d"]}},
                 {{"name": "features", "data": [[1, 2, 3, 4], [0.5, 0, 0, 0]], "shape": [2, 4], "datatype": "FP32"}}]
                 {outputs}}}"#
        );
        let answer = server.infer(body);
        let (_, outputs) = answer.text.split_once(r#""outputs":"#).unwrap_or_else(|| panic!("{}", answer.text));
        outputs.strip_suffix('}').expect("outputs come last").to_string()
    };
    let longest = r#"{"name":"longest","datatype":"BYTES","shape":[1],"data":["abc"]}"#;
    let sums = r#"{"name":"sums","datatype":"FP64","shape":[2],"data":[10.0,0.5]}"#;
    for (outputs, expected) in [
        ("", format!("[{longest},{sums}]")),
        (r#", "outputs": null"#, format!("[{longest},{sums}]")),
        (r#", "outputs": []"#, format!("[{longest},{sums}]")),
        (r#", "outputs": [{"name": "sums"}]"#, format!("[{sums}]")),
        (r#", "outputs": [{"name": "sums", "parameters": null}, {"name": "longest"}]"#, format!("[{sums},{longest}]")),
    ] {
        assert_eq!(ask(outputs), expected, "{outputs}");
    }
}
