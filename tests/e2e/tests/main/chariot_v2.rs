//! `chariot-v2` over a socket, beside `chariot-v2-kserve` on the same routes: items as JSON, as lines and as they are,
//! their answers byte for byte, faults that name the line, and the settings that choose a protocol and an encoding.

use std::io::Cursor;

use chariot_engine::{EngineBuilder, prelude::*};
use e2e::Answer;

use crate::support::Server;

/// What a model of texts was told of each.
struct Told;

impl Model for Told {
    type Settings = ();
    type Input = Text;
    type Output = Json<(String, String, f32)>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Told)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().actions(["tell", "fail"])
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<(String, String, f32)>>> {
        batch.try_map(|text| match text.0.as_str() {
            "refuse" => reject!("another text is expected"),
            _ if text.action() == "fail" => Err("as it was told".into()),
            _ => Ok(Json((text.to_string(), text.action().to_string(), text.score_threshold()))),
        })
    }
}

fn told() -> EngineBuilder {
    Engine::builder().model::<Told>("told")
}

/// Widths and heights of pictures.
struct Sizes;

impl Model for Sizes {
    type Settings = ();
    type Input = Image;
    type Output = Json<[u32; 2]>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Sizes)
    }

    async fn infer(&self, batch: Batch<Image>) -> Result<Vec<Json<[u32; 2]>>> {
        batch.try_map(|picture| Ok(Json([picture.width(), picture.height()])))
    }
}

/// Sums of lists of numbers.
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

/// Tensors as they came.
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

/// Checks a success: its media type and its whole body.
#[track_caller]
fn answers(answer: &Answer, content_type: &str, body: &str) {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)), "{answer:?}");
    assert_eq!(answer.text, body);
    assert_eq!(answer.header("inference-header-content-length"), None);
}

#[track_caller]
fn is_one(answer: &Answer, body: &str) {
    answers(answer, "application/json", body);
}

#[test]
fn one_item_is_answered_by_one_output_on_every_route() {
    let server = Server::start(told().version("3").setting("CHARIOT_ENGINE_BASE_URL", "/base"));
    let expected = r#"{"output":["hé","tell",0.5]}"#;
    for path in ["/infer", "/base/infer", "/v2/models/told/infer", "/v2/models/told/versions/3/infer"] {
        for headers in [&[][..], &[JSON], &["Content-Type: application/x-www-form-urlencoded"]] {
            is_one(&server.ask("POST", path, headers, r#"{"input":"hé"}"#), expected);
        }
        // The same route answers the other protocol.
        let kserve = server.ask("POST", path, &[JSON], r#"{"id":"7","inputs":[{"name":"a","data":["hé"]}]}"#);
        let outputs = r#"[{"name":"a","datatype":"BYTES","shape":[1],"data":[["hé","tell",0.5]]}]"#;
        is_one(&kserve, &format!(r#"{{"model_name":"told","model_version":"3","id":"7","outputs":{outputs}}}"#));
    }
    let unused = r#"{"unknown":[{}],"id":null,"parameters":null,"outputs":null,"input":"h\u00e9"}"#;
    is_one(&post(&server, &[], unused), expected);
}

#[test]
fn parameters_and_metadata_go_with_the_item() {
    let server = Server::start(told());
    let body = r#"{"parameters":{"score_threshold":"0.25","action":"tell","metadata":"{\"a\": \"b\"}"},"input":"x"}"#;
    is_one(&post(&server, &[JSON], body), r#"{"output":["x","tell",0.25],"parameters":{"metadata":"{\"a\": \"b\"}"}}"#);
    // Whatever it is, byte for byte.
    let body = "{\"input\":\"x\",\"parameters\":{\"metadata\":{\"b\": [1.50,\n 2e0]}}}";
    let expected = "{\"output\":[\"x\",\"tell\",0.5],\"parameters\":{\"metadata\":{\"b\": [1.50,\n 2e0]}}}";
    is_one(&post(&server, &[JSON], body), expected);
    let none = r#"{"input":"x","parameters":{"metadata":null}}"#;
    is_one(&post(&server, &[JSON], none), r#"{"output":["x","tell",0.5]}"#);
}

#[test]
fn lines_are_answered_by_lines_every_one_of_them_ended() {
    let server = Server::start(told());
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
    // One result has the form of one, whatever it was asked in.
    is_one(&post(&server, &[LINES], "{\"input\":\"a\"}\n"), a);
    // More than a call of the model takes.
    let many = post(&server, &[LINES], "{\"input\":\"a\"}\n".repeat(100));
    answers(&many, "application/jsonl", &format!("{a}\n").repeat(100));
}

#[test]
fn one_bad_line_is_a_400_for_all_of_them_that_names_it() {
    let server = Server::start(told());
    for (line, expected) in [
        ("7", "line 3: an object is expected, a number came (line 3, column 1)"),
        ("{\"input\":7}", "line 3: input: a string is expected, a number came (line 3, column 10)"),
        ("{\"text\":\"a\"}", "line 3: input: a string is expected, the member is missing"),
        (
            "{\"input\":\"a\"",
            "line 3: not valid JSON: a comma or '}' is expected, the end of the text came (line 3, column 13)",
        ),
        (
            "{\"input\":\"a\",\"parameters\":{\"score_threshold\":[]}}",
            "line 3: parameters.score_threshold: a finite number or a string of one is expected, a list came (line 3, column 46)",
        ),
        // Refused when the item is made of it, and by the model.
        (
            "{\"input\":\"a\",\"parameters\":{\"action\":\"sing\"}}",
            "line 3: parameters.action: expected one of 'tell', 'fail', got 'sing'",
        ),
        ("{\"input\":\"refuse\"}", "line 3: another text is expected"),
    ] {
        let body = format!("{{\"input\":\"a\"}}\n\n{line}\n{{\"input\":\"b\"}}\n");
        assert_eq!(post(&server, &[LINES], body).error(400), expected);
    }
    let sing = "{\"input\":\"a\",\"parameters\":{\"action\":\"sing\"}}\n";
    let one = |line: usize| format!("line {line}: parameters.action: expected one of 'tell', 'fail', got 'sing'");
    let two = post(&server, &[LINES], format!("{sing}{{\"input\":\"a\"}}\n{sing}"));
    assert_eq!(two.error(400), format!("{}; {}", one(1), one(3)));
    for empty in ["", "\n \r\n"] {
        let text = post(&server, &[LINES], empty).error(400);
        assert_eq!(text, "a JSON object a line is expected, an empty body came");
    }
    let failed = post(&server, &[LINES], "{\"input\":\"a\",\"parameters\":{\"action\":\"fail\"}}\n{\"input\":\"b\"}\n");
    assert!(failed.error(500).starts_with("the model failed (request "), "{failed:?}");
}

#[test]
fn a_fault_of_the_only_item_names_the_input_or_the_member() {
    let server = Server::start(told());
    for (body, expected) in [
        ("", "a JSON object is expected, an empty body came"),
        ("[]", "an object is expected, a list came (line 1, column 1)"),
        ("hello", "not valid JSON: a value is expected, something else came (line 1, column 1)"),
        ("{}", "inputs: a list of inputs is expected, the member is missing"),
        ("{\"input\":{}}", "input: a string is expected, an object came (line 1, column 10)"),
        ("{\"input\":\"a\",\"inputs\":[{\"data\":[\"a\"]}]}", "input: either this or inputs is expected, both came"),
        ("{\"input\":\"a\",\"parameters\":7}", "parameters: an object is expected, a number came (line 1, column 27)"),
        (
            "{\"input\":\"a\",\"parameters\":{\"action\":\"sing\"}}",
            "input: parameters.action: expected one of 'tell', 'fail', got 'sing'",
        ),
        ("{\"input\":\"refuse\"}", "input: another text is expected"),
    ] {
        for headers in [&[][..], &[JSON]] {
            assert_eq!(post(&server, headers, body).error(400), expected);
        }
    }
}

#[test]
fn the_id_of_the_header_is_echoed_and_no_other_written() {
    let server = Server::start(told());
    let answer = post(&server, &[JSON, "X-Request-ID: mine"], r#"{"id":"body","input":"a"}"#);
    is_one(&answer, r#"{"output":["a","tell",0.5]}"#);
    assert_eq!(answer.header("x-request-id"), Some("mine"));
    let answer = post(&server, &[JSON], r#"{"id":"body","input":"a"}"#);
    assert_eq!(answer.header("x-request-id"), None);
}

#[test]
fn a_raw_item_is_the_body_and_its_parameters_are_a_header() {
    let server = Server::start(told());
    let plain = r#"{"output":["{\"input\":\"a\"}","tell",0.5]}"#;
    for headers in [
        &[BYTES][..],
        &["Content-Type: audio/wav"],
        &["Content-Type: video/mp4"],
        // The header of parameters makes any body a raw item.
        &[JSON, "Chariot-Inference-Parameters: {}"],
        &["chariot-inference-parameters: null"],
    ] {
        is_one(&post(&server, headers, r#"{"input":"a"}"#), plain);
    }
    // The header of binary tensors and lines go before it.
    let binary = post(&server, &[BYTES, "Inference-Header-Content-Length: 0"], "a");
    assert_eq!(binary.header("content-type"), Some("application/octet-stream"));
    is_one(
        &post(&server, &[LINES, "Chariot-Inference-Parameters: {}"], r#"{"input":"a"}"#),
        r#"{"output":["a","tell",0.5]}"#,
    );

    let parameters = r#"Chariot-Inference-Parameters: {"score_threshold": 0.25, "metadata": {"k": 1}}"#;
    let expected = r#"{"output":["hé","tell",0.25],"parameters":{"metadata":{"k": 1}}}"#;
    is_one(&post(&server, &[TEXT, parameters], "hé"), expected);
    for (header, expected) in [
        ("[1]", "Chariot-Inference-Parameters: an object is expected, a list came (line 1, column 1)"),
        (
            "{\"action\": 1}",
            "Chariot-Inference-Parameters: action: a string is expected, a number came (line 1, column 12)",
        ),
        ("{\"action\": \"sing\"}", "input: parameters.action: expected one of 'tell', 'fail', got 'sing'"),
    ] {
        let header = format!("Chariot-Inference-Parameters: {header}");
        assert_eq!(post(&server, &[BYTES, &header], "a").error(400), expected);
    }
    let twice = post(&server, &["Chariot-Inference-Parameters: {}", "Chariot-Inference-Parameters: {}"], "a");
    assert!(twice.error(400).starts_with("Chariot-Inference-Parameters: "), "{twice:?}");
    assert_eq!(post(&server, &[BYTES], "").error(400), "the bytes of an item are expected, an empty body came");
    let text = "input: a text in UTF-8 is expected, bytes that are none came";
    assert_eq!(post(&server, &[BYTES], b"\xff").error(400), text);
}

#[test]
fn under_another_media_type_json_is_a_document_and_all_else_an_item() {
    let server = Server::start(told());
    is_one(&post(&server, &[TEXT], " {\"input\": \"a\"}"), r#"{"output":["a","tell",0.5]}"#);
    is_one(&post(&server, &[TEXT], "{a}"), r#"{"output":["{a}","tell",0.5]}"#);
    is_one(&post(&server, &[TEXT], "7"), r#"{"output":["7","tell",0.5]}"#);
    assert_eq!(post(&server, &[TEXT], r#"{"inputs":[{"name":"a","data":["b"]}]}"#).values()[0][0], "b");
    let text = "inputs: a list of inputs is expected, the member is missing";
    assert_eq!(post(&server, &[TEXT], "{}").error(400), text);
    // Where only JSON can be an item, a text is not one.
    let sums = Server::start(Engine::builder().model::<Sums>("sums"));
    is_one(&post(&sums, &[TEXT], r#"{"input":"[1,2]"}"#), r#"{"output":3}"#);
    let text = "an object is expected, a list came (line 1, column 1)";
    assert_eq!(post(&sums, &[TEXT], "[1,2]").error(400), text);
    is_one(&post(&sums, &[BYTES], "[1,2]"), r#"{"output":3}"#);
}

#[test]
fn a_raw_picture_is_the_bytes_of_its_file() {
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
    let text = "a picture as PNG, JPEG, WebP, BMP, GIF or TIFF is expected; what came is none of these";
    assert_eq!(post(&server, &[PNG], "no picture").error(400), format!("input: {text}"));
    let bad = post(&server, &[LINES], format!("{}{{\"input\":\"AAAA\"}}\n", line(1)));
    assert_eq!(bad.error(400), format!("line 2: {text}"));
}

#[test]
fn an_engine_of_named_tensors_says_which_protocol_it_takes() {
    let server = Server::start(Engine::builder().model::<Same>("same"));
    let expected = "a request of chariot-v2-kserve is expected by this engine of named tensors, one of chariot-v2 came";
    for (headers, body) in [
        (&[][..], r#"{"input":"a"}"#),
        (&[LINES], r#"{"input":"a"}"#),
        (&[BYTES], "a"),
        (&["Chariot-Inference-Parameters: {}"], "a"),
    ] {
        assert_eq!(post(&server, headers, body).error(400), expected);
    }
    let text = "not valid JSON: a value is expected, something else came (line 1, column 1)";
    assert_eq!(post(&server, &[TEXT], "hello").error(400), text);
    let body = r#"{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[1]}]}"#;
    assert_eq!(post(&server, &[TEXT], body).ok()["outputs"][0]["data"][0], 1);
    let raw = post(&server, &["Inference-Header-Content-Length: 0", BYTES], "a");
    assert_eq!(raw.status, 200, "{raw:?}");
}

#[test]
fn the_platform_narrows_an_engine_to_one_protocol() {
    let only = |name| Server::start(told().setting("CHARIOT_INFERENCE_PROTOCOL", name));
    let kserve = r#"{"inputs":[{"name":"a","data":["a"]}]}"#;
    let server = only(" chariot-v2 ");
    is_one(&post(&server, &[], r#"{"input":"a"}"#), r#"{"output":["a","tell",0.5]}"#);
    is_one(&post(&server, &[TEXT], "a"), r#"{"output":["a","tell",0.5]}"#);
    let expected = "a request of chariot-v2 is expected, one of chariot-v2-kserve came";
    assert_eq!(post(&server, &[], kserve).error(400), expected);
    assert_eq!(post(&server, &["Inference-Header-Content-Length: 0"], "a").error(400), expected);
    assert_eq!(server.get("/v2").ok()["extensions"], serde_json::json!([]));

    let server = only("chariot-v2-kserve");
    assert_eq!(post(&server, &[], kserve).values()[0][0], "a");
    let expected = "a request of chariot-v2-kserve is expected, one of chariot-v2 came";
    for (headers, body) in [(&[][..], r#"{"input":"a"}"#), (&[LINES], r#"{"input":"a"}"#), (&[BYTES], "a")] {
        assert_eq!(post(&server, headers, body).error(400), expected);
    }
    let text = "not valid JSON: a value is expected, something else came (line 1, column 1)";
    assert_eq!(post(&server, &[TEXT], "hello").error(400), text);
    assert_eq!(server.get("/v2").ok()["extensions"], serde_json::json!(["binary_tensor_data"]));
}

#[test]
fn with_the_encoding_string_data_holds_the_text_of_the_value() {
    let server = Server::start(told().setting("CHARIOT_ENGINE_OUTPUT_ENCODING", "String"));
    let answer =
        post(&server, &[], r#"{"id":"7","inputs":[{"name":"a","data":["h\"é"],"parameters":{"metadata":{"k": 1}}}]}"#);
    let output = r#"{"name":"a","datatype":"BYTES","shape":[1],"data":["[\"h\\\"é\",\"tell\",0.5]"],"parameters":{"metadata":{"k": 1}}}"#;
    is_one(&answer, &format!(r#"{{"model_name":"told","model_version":"1","id":"7","outputs":[{output}]}}"#));
    let several = post(&server, &[], r#"{"inputs":[{"data":["a","b"]},{"data":["c"]}]}"#).ok();
    let data = |index: usize| several["outputs"][index]["data"].clone();
    assert_eq!(data(0), serde_json::json!(["[\"a\",\"tell\",0.5]", "[\"b\",\"tell\",0.5]"]));
    assert_eq!(data(1), serde_json::json!(["[\"c\",\"tell\",0.5]"]));
    // In binary form an element is that text already; and the answers of `chariot-v2` have no `data`.
    let binary = post(&server, &["Inference-Header-Content-Length: 0"], "a");
    assert!(binary.text.ends_with("}]}\u{10}\0\0\0[\"a\",\"tell\",0.5]"), "{binary:?}");
    is_one(&post(&server, &[], r#"{"input":"a"}"#), r#"{"output":["a","tell",0.5]}"#);
    // Named tensors are what they are.
    let tensors = Engine::builder().model::<Same>("same").setting("CHARIOT_ENGINE_OUTPUT_ENCODING", "string");
    let body = r#"{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"data":["a"]}]}"#;
    assert_eq!(post(&Server::start(tensors), &[], body).values(), ["a"]);
}
