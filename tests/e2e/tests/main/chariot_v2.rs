//! `chariot-v2` over a socket, beside `chariot-v2-kserve` on the same routes: JSON, JSON Lines and raw items, their
//! responses byte for byte, errors that name the line, and the settings that choose a protocol and an encoding.

use std::io::Cursor;

use chariot_engine::{EngineBuilder, prelude::*};
use e2e::{Answer, Messages};

use crate::support::Server;

/// A model that returns each text with its action and its score threshold.
struct Described;

impl Model for Described {
    type Settings = ();
    type Input = Text;
    type Output = Json<(String, String, f32)>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Described)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().actions(["tell", "fail"])
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<(String, String, f32)>>> {
        batch.try_map(|text| match text.0.as_str() {
            "reject" => reject!("expected another text, got 'reject'"),
            _ if text.action() == "fail" => Err("on command".into()),
            _ => Ok(Json((text.to_string(), text.action().to_string(), text.score_threshold()))),
        })
    }
}

fn described() -> EngineBuilder {
    Engine::builder().model::<Described>("described")
}

/// A model that returns the width and height of images.
struct Sizes;

impl Model for Sizes {
    type Settings = ();
    type Input = Image;
    type Output = Json<[u32; 2]>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Sizes)
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Json<[u32; 2]>>> {
        batch.try_map(|image| Ok(Json([image.width(), image.height()])))
    }
}

/// A model that sums lists of numbers.
struct Sums;

impl Model for Sums {
    type Settings = ();
    type Input = Json<Vec<i64>>;
    type Output = Json<i64>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Sums)
    }

    async fn infer(&self, batch: Batch<Json<Vec<i64>>>) -> Result<Vec<Json<i64>>> {
        batch.try_map(|item| Ok(Json(item.0.iter().sum())))
    }
}

/// A model that returns its tensors unchanged.
struct Same;

impl Model for Same {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Same)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|item| Ok(item.into_value()))
    }
}

const JSON: &str = "Content-Type: application/json";
const LINES: &str = "Content-Type: application/jsonl";
const BYTES: &str = "Content-Type: application/octet-stream";
const TEXT: &str = "Content-Type: text/plain; charset=utf-8";
const PNG: &str = "Content-Type: image/png";

fn post(server: &Server, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
    server.ask("POST", "/infer", headers, body)
}

/// Checks the media type and the whole body of a success.
#[track_caller]
fn answers(answer: &Answer, content_type: &str, body: &str) {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{answer:?}");
    assert_eq!(answer.text, body);
    assert_eq!(answer.header("inference-header-content-length"), None);
}

/// Checks that the response is a success of one JSON document.
#[track_caller]
fn is_one(answer: &Answer, body: &str) {
    answers(answer, "application/json", body);
}

#[test]
fn every_route_answers_one_item_with_one_output() {
    let server = Server::start(described().version("3").setting("CHARIOT_ENGINE_BASE_URL", "/base"));
    let expected = r#"{"output":["hé","tell",0.5]}"#;
    for path in ["/infer", "/base/infer", "/v2/models/described/infer", "/v2/models/described/versions/3/infer"] {
        for headers in [&[][..], &[JSON], &["Content-Type: application/x-www-form-urlencoded"]] {
            is_one(&server.ask("POST", path, headers, r#"{"input":"hé"}"#), expected);
        }
        // The same route serves the other protocol.
        let kserve = server.ask("POST", path, &[JSON], r#"{"id":"7","inputs":[{"name":"a","data":["hé"]}]}"#);
        let outputs = r#"[{"name":"a","datatype":"BYTES","shape":[1],"data":[["hé","tell",0.5]]}]"#;
        is_one(&kserve, &format!(r#"{{"model_name":"described","model_version":"3","id":"7","outputs":{outputs}}}"#));
    }
    let unused = r#"{"unknown":[{}],"id":null,"parameters":null,"outputs":null,"input":"h\u00e9"}"#;
    is_one(&post(&server, &[], unused), expected);
}

#[test]
fn parameters_and_metadata_belong_to_the_item() {
    let server = Server::start(described());
    let body = r#"{"parameters":{"score_threshold":"0.25","action":"tell","metadata":"{\"a\": \"b\"}"},"input":"x"}"#;
    is_one(&post(&server, &[JSON], body), r#"{"output":["x","tell",0.25],"parameters":{"metadata":"{\"a\": \"b\"}"}}"#);
    // Metadata of any form is returned byte for byte.
    let body = "{\"input\":\"x\",\"parameters\":{\"metadata\":{\"b\": [1.50,\n 2e0]}}}";
    let expected = "{\"output\":[\"x\",\"tell\",0.5],\"parameters\":{\"metadata\":{\"b\": [1.50,\n 2e0]}}}";
    is_one(&post(&server, &[JSON], body), expected);
    let none = r#"{"input":"x","parameters":{"metadata":null}}"#;
    is_one(&post(&server, &[JSON], none), r#"{"output":["x","tell",0.5]}"#);
}

#[test]
fn lines_are_answered_with_lines_that_all_end_in_a_newline() {
    let server = Server::start(described());
    let a = r#"{"output":["a","tell",0.5]}"#;
    let b = r#"{"output":["b","tell",0.75],"parameters":{"metadata":{"k": 1}}}"#;
    let second = r#"{"input":"b","parameters":{"score_threshold":0.75,"metadata":{"k": 1}}}"#;
    let expected = format!("{a}\n{b}\n{a}\n");
    for body in [
        format!("{{\"input\":\"a\"}}\n{second}\n{{\"input\":\"a\"}}"),
        format!("{{\"input\":\"a\"}}\n{second}\n{{\"input\":\"a\"}}\n"),
        format!("\n{{\"input\":\"a\"}}\r\n\r\n{second}\n \t\n{{\"input\":\"a\"}}\r\n\n"),
    ] {
        answers(&post(&server, &[LINES], body), "application/jsonl", &expected);
    }
    // A single result is one JSON document, also in response to lines.
    is_one(&post(&server, &[LINES], "{\"input\":\"a\"}\n"), a);
    // More items than fit into one call of the model.
    let many = post(&server, &[LINES], "{\"input\":\"a\"}\n".repeat(100));
    answers(&many, "application/jsonl", &format!("{a}\n").repeat(100));
}

#[test]
fn one_bad_line_is_a_400_for_all_lines_that_names_it() {
    let server = Server::start(described());
    let mut messages = Messages::new();
    for (line, location, position) in [
        ("7", "line 3: ", "line 3, column 1"),
        ("{\"input\":7}", "line 3: input: ", "line 3, column 10"),
        ("{\"text\":\"a\"}", "line 3: input: ", ""),
        ("{\"input\":\"a\"", "line 3: ", "line 3, column 13"),
        (
            "{\"input\":\"a\",\"parameters\":{\"score_threshold\":[]}}",
            "line 3: parameters.score_threshold: ",
            "line 3, column 46",
        ),
        // Rejected while the item is decoded, and by the model.
        ("{\"input\":\"a\",\"parameters\":{\"action\":\"sing\"}}", "line 3: parameters.action: ", ""),
        ("{\"input\":\"reject\"}", "line 3: ", ""),
    ] {
        let body = format!("{{\"input\":\"a\"}}\n\n{line}\n{{\"input\":\"b\"}}\n");
        let error = post(&server, &[LINES], body).error(400);
        assert!(error.starts_with(location) && error.contains(position), "{line}: {error}");
        messages.add(line, error);
    }
    let sing = "{\"input\":\"a\",\"parameters\":{\"action\":\"sing\"}}\n";
    let two = post(&server, &[LINES], format!("{sing}{{\"input\":\"a\"}}\n{sing}")).error(400);
    assert!(two.starts_with("line 1: parameters.action: ") && two.contains("; line 3: parameters.action: "), "{two}");
    messages.add("lines 1 and 3", two);
    let empty = ["", "\n \r\n"].map(|empty| post(&server, &[LINES], empty).error(400));
    assert_eq!(empty[0], empty[1]);
    messages.add("no line", &empty[0]);
    insta::assert_snapshot!("lines", messages);
    let failed = post(&server, &[LINES], "{\"input\":\"a\",\"parameters\":{\"action\":\"fail\"}}\n{\"input\":\"b\"}\n");
    assert!(!failed.error(500).contains("on command"), "{failed:?}");
}

#[test]
fn an_error_of_a_single_item_names_the_input_or_the_member() {
    let server = Server::start(described());
    let mut messages = Messages::new();
    for (body, location, position) in [
        ("", "", ""),
        ("[]", "", "line 1, column 1"),
        ("hello", "", "line 1, column 1"),
        ("{}", "inputs: ", ""),
        ("{\"input\":{}}", "input: ", "line 1, column 10"),
        ("{\"input\":\"a\",\"inputs\":[{\"data\":[\"a\"]}]}", "input: ", ""),
        ("{\"input\":\"a\",\"parameters\":7}", "parameters: ", "line 1, column 27"),
        ("{\"input\":\"a\",\"parameters\":{\"action\":\"sing\"}}", "input: parameters.action: ", ""),
        ("{\"input\":\"reject\"}", "input: ", ""),
    ] {
        let errors = [&[][..], &[JSON]].map(|headers| post(&server, headers, body).error(400));
        assert_eq!(errors[0], errors[1]);
        assert!(errors[0].starts_with(location) && errors[0].contains(position), "{body}: {}", errors[0]);
        messages.add(body, &errors[0]);
    }
    insta::assert_snapshot!("single_item", messages);
}

#[test]
fn only_the_id_of_the_header_is_echoed() {
    let server = Server::start(described());
    let answer = post(&server, &[JSON, "X-Request-ID: mine"], r#"{"id":"body","input":"a"}"#);
    is_one(&answer, r#"{"output":["a","tell",0.5]}"#);
    assert_eq!(answer.header("x-request-id"), Some("mine"));
    let answer = post(&server, &[JSON], r#"{"id":"body","input":"a"}"#);
    assert_eq!(answer.header("x-request-id"), None);
}

#[test]
fn a_raw_item_is_the_body_and_its_parameters_are_a_header() {
    let server = Server::start(described());
    let plain = r#"{"output":["{\"input\":\"a\"}","tell",0.5]}"#;
    for headers in [
        &[BYTES][..],
        &["Content-Type: audio/wav"],
        &["Content-Type: video/mp4"],
        // With the header of parameters, any body is a raw item.
        &[JSON, "Chariot-Inference-Parameters: {}"],
        &["chariot-inference-parameters: null"],
    ] {
        is_one(&post(&server, headers, r#"{"input":"a"}"#), plain);
    }
    // The header of binary tensors and the media type of lines take precedence.
    let binary = post(&server, &[BYTES, "Inference-Header-Content-Length: 0"], "a");
    assert_eq!(binary.header("content-type"), Some("application/octet-stream"));
    is_one(
        &post(&server, &[LINES, "Chariot-Inference-Parameters: {}"], r#"{"input":"a"}"#),
        r#"{"output":["a","tell",0.5]}"#,
    );

    let parameters = r#"Chariot-Inference-Parameters: {"score_threshold": 0.25, "metadata": {"k": 1}}"#;
    let expected = r#"{"output":["hé","tell",0.25],"parameters":{"metadata":{"k": 1}}}"#;
    is_one(&post(&server, &[TEXT, parameters], "hé"), expected);
    let header = |value: &str| format!("Chariot-Inference-Parameters: {value}");
    let empty = header("{}");
    let mut messages = Messages::new();
    for (case, location, answer) in [
        ("[1]", "Chariot-Inference-Parameters: ", post(&server, &[BYTES, &header("[1]")], "a")),
        (
            "{\"action\": 1}",
            "Chariot-Inference-Parameters: action: ",
            post(&server, &[BYTES, &header("{\"action\": 1}")], "a"),
        ),
        (
            "{\"action\": \"sing\"}",
            "input: parameters.action: ",
            post(&server, &[BYTES, &header("{\"action\": \"sing\"}")], "a"),
        ),
        ("two headers", "Chariot-Inference-Parameters: ", post(&server, &[&empty, &empty], "a")),
        ("an empty body", "", post(&server, &[BYTES], "")),
        ("not UTF-8", "input: ", post(&server, &[BYTES], b"\xff")),
    ] {
        let error = answer.error(400);
        assert!(error.starts_with(location), "{case}: {error}");
        messages.add(case, error);
    }
    insta::assert_snapshot!("raw_item", messages);
}

#[test]
fn under_another_media_type_json_is_a_document_and_everything_else_an_item() {
    let server = Server::start(described());
    is_one(&post(&server, &[TEXT], " {\"input\": \"a\"}"), r#"{"output":["a","tell",0.5]}"#);
    let error = post(&server, &[TEXT], "{a}").error(400);
    assert!(error.contains("line 1, column 2"), "{error}");
    is_one(&post(&server, &[TEXT], "\u{feff}hi"), r#"{"output":["hi","tell",0.5]}"#);
    is_one(&post(&server, &[TEXT], "7"), r#"{"output":["7","tell",0.5]}"#);
    assert_eq!(post(&server, &[TEXT], r#"{"inputs":[{"name":"a","data":["b"]}]}"#).values()[0][0], "b");
    let error = post(&server, &[TEXT], "{}").error(400);
    assert!(error.starts_with("inputs: "), "{error}");
    // Where items are JSON, plain text is not an item.
    let sums = Server::start(Engine::builder().model::<Sums>("sums"));
    is_one(&post(&sums, &[TEXT], r#"{"input":"[1,2]"}"#), r#"{"output":3}"#);
    let error = post(&sums, &[TEXT], "[1,2]").error(400);
    assert!(error.contains("line 1, column 1"), "{error}");
    is_one(&post(&sums, &[BYTES], "[1,2]"), r#"{"output":3}"#);
}

#[test]
fn a_raw_image_is_the_bytes_of_its_file() {
    let png = |width: u32, height: u32| {
        let mut file = Cursor::new(Vec::new());
        image::GrayImage::new(width, height).write_to(&mut file, image::ImageFormat::Png).unwrap();
        file.into_inner()
    };
    let server = Server::start(Engine::builder().model::<Sizes>("sizes"));
    for headers in [&[PNG][..], &[BYTES], &["Chariot-Inference-Parameters: {}"], &["Content-Type: x/y"]] {
        is_one(&post(&server, headers, png(3, 2)), r#"{"output":[3,2]}"#);
    }
    let line = |width| format!("{{\"input\":\"{}\"}}\n", e2e::base64(png(width, 1)));
    let lines = post(&server, &[LINES], [line(1), line(2)].concat());
    answers(&lines, "application/jsonl", "{\"output\":[1,1]}\n{\"output\":[2,1]}\n");
    let raw = post(&server, &[PNG], "not an image").error(400);
    assert!(raw.starts_with("input: "), "{raw}");
    let second = post(&server, &[LINES], format!("{}{{\"input\":\"AAAA\"}}\n", line(1))).error(400);
    assert!(second.starts_with("line 2: "), "{second}");
    insta::assert_snapshot!("raw_image", format!("{raw}\n{second}"));
}

#[test]
fn a_tensor_engine_names_the_protocol_that_it_accepts() {
    let server = Server::start(Engine::builder().model::<Same>("same"));
    let errors = [
        (&[][..], r#"{"input":"a"}"#),
        (&[LINES], r#"{"input":"a"}"#),
        (&[BYTES], "a"),
        (&["Chariot-Inference-Parameters: {}"], "a"),
    ]
    .map(|(headers, body)| post(&server, headers, body).error(400));
    assert!(errors.iter().all(|error| *error == errors[0] && error.contains("chariot-v2-kserve")), "{errors:?}");
    insta::assert_snapshot!("tensors_only", errors[0]);
    let error = post(&server, &[TEXT], "hello").error(400);
    assert!(error.contains("line 1, column 1"), "{error}");
    let body = r#"{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[1]}]}"#;
    assert_eq!(post(&server, &[TEXT], body).ok()["outputs"][0]["data"][0], 1);
    let raw = post(&server, &["Inference-Header-Content-Length: 0", BYTES], "a");
    assert_eq!(raw.status, 200, "{raw:?}");
}

#[test]
fn the_platform_can_restrict_an_engine_to_one_protocol() {
    let only = |name| Server::start(described().setting("CHARIOT_INFERENCE_PROTOCOL", name));
    let kserve = r#"{"inputs":[{"name":"a","data":["a"]}]}"#;
    let server = only(" chariot-v2 ");
    is_one(&post(&server, &[], r#"{"input":"a"}"#), r#"{"output":["a","tell",0.5]}"#);
    is_one(&post(&server, &[TEXT], "a"), r#"{"output":["a","tell",0.5]}"#);
    let mut messages = Messages::new();
    let other = post(&server, &[], kserve).error(400);
    assert_eq!(post(&server, &["Inference-Header-Content-Length: 0"], "a").error(400), other);
    messages.add("only chariot-v2", other);
    assert_eq!(server.get("/v2").ok()["extensions"], serde_json::json!([]));

    let server = only("chariot-v2-kserve");
    assert_eq!(post(&server, &[], kserve).values()[0][0], "a");
    let others = [(&[][..], r#"{"input":"a"}"#), (&[LINES], r#"{"input":"a"}"#), (&[BYTES], "a")]
        .map(|(headers, body)| post(&server, headers, body).error(400));
    assert!(others.iter().all(|error| *error == others[0] && error.contains("chariot-v2-kserve")), "{others:?}");
    messages.add("only chariot-v2-kserve", &others[0]);
    insta::assert_snapshot!("one_protocol", messages);
    let error = post(&server, &[TEXT], "hello").error(400);
    assert!(error.contains("line 1, column 1"), "{error}");
    assert_eq!(server.get("/v2").ok()["extensions"], serde_json::json!(["binary_tensor_data"]));
}

#[test]
fn with_string_encoding_data_holds_values_as_json_text() {
    let server = Server::start(described().setting("CHARIOT_ENGINE_OUTPUT_ENCODING", "String"));
    let answer =
        post(&server, &[], r#"{"id":"7","inputs":[{"name":"a","data":["h\"é"],"parameters":{"metadata":{"k": 1}}}]}"#);
    let output = r#"{"name":"a","datatype":"BYTES","shape":[1],"data":["[\"h\\\"é\",\"tell\",0.5]"],"parameters":{"metadata":{"k": 1}}}"#;
    is_one(&answer, &format!(r#"{{"model_name":"described","model_version":"1","id":"7","outputs":[{output}]}}"#));
    let several = post(&server, &[], r#"{"inputs":[{"data":["a","b"]},{"data":["c"]}]}"#).ok();
    let data = |index: usize| several["outputs"][index]["data"].clone();
    assert_eq!(data(0), serde_json::json!(["[\"a\",\"tell\",0.5]", "[\"b\",\"tell\",0.5]"]));
    assert_eq!(data(1), serde_json::json!(["[\"c\",\"tell\",0.5]"]));
    // A binary element is that text already, and outputs of `chariot-v2` have no `data`.
    let binary = post(&server, &["Inference-Header-Content-Length: 0"], "a");
    assert!(binary.text.ends_with("}]}\u{10}\0\0\0[\"a\",\"tell\",0.5]"), "{binary:?}");
    is_one(&post(&server, &[], r#"{"input":"a"}"#), r#"{"output":["a","tell",0.5]}"#);
    // Named tensors are not affected.
    let tensors = Engine::builder().model::<Same>("same").setting("CHARIOT_ENGINE_OUTPUT_ENCODING", "string");
    let body = r#"{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"data":["a"]}]}"#;
    assert_eq!(post(&Server::start(tensors), &[], body).values(), ["a"]);
}
