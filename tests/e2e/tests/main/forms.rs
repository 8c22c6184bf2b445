//! Forms: `multipart/form-data` from browsers and from `curl -F`, to engines of images, texts and everything else.

use std::{
    io::{Cursor, Write},
    process::{Command, Stdio},
};

use chariot_engine::{EngineBuilder, prelude::*, settings::ByteSize};
use e2e::{Answer, Messages};
use serde::Deserialize;
use serde_json::json;

use crate::{
    scripted::{Scripted, echo},
    support::Server,
};

const FORM: &str = "Content-Type: multipart/form-data; boundary=x";

/// Parameters of an author's own.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    top_k: u8,
    labels: Vec<String>,
    title: Option<String>,
}

/// Returns the size of an image, and everything that the model knows of the request.
struct Measuring;

impl Model for Measuring {
    type Settings = ();
    type Input = WithParams<Image, Own>;
    type Output = Json<serde_json::Value>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Measuring)
    }

    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Self::Output>> {
        batch.try_map(|item| {
            let Own { top_k, labels, title } = &*item.params;
            let action = item.action();
            Ok(Json(json!({"width": item.input.width(), "action": action, "threshold": item.score_threshold(), "own": [top_k, labels, title]})))
        })
    }
}

fn images() -> EngineBuilder {
    Engine::builder().model::<Measuring>("images")
}

fn texts() -> EngineBuilder {
    Engine::builder().instance("texts", Scripted::blocking(echo))
}

fn png(width: u32) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image::GrayImage::new(width, 2).write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

/// A form with the boundary `x` of these parts: the rest of the disposition, and the value.
fn form<'a>(parts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut body = Vec::new();
    for (names, value) in parts {
        write!(body, "--x\r\nContent-Disposition: form-data; {names}\r\nContent-Type: application/x-any\r\n\r\n")
            .unwrap();
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--\r\n");
    body
}

fn post(server: &Server, body: impl AsRef<[u8]>) -> Answer {
    server.ask("POST", "/infer", &[FORM], body)
}

/// Returns the names of the outputs of a response.
fn names(answer: &Answer) -> Vec<String> {
    let outputs = answer.ok()["outputs"].take();
    outputs.as_array().unwrap().iter().map(|output| output["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_file_is_an_item_and_the_other_fields_are_parameters() {
    let server = Server::start(images());
    let (three, five) = (png(3), png(5));
    let body = form([
        ("name=file; filename=cat.png", &three[..]),
        ("name=action", b"predict"),
        ("name=score_threshold", b"0.25"),
        ("name=top_k", b"3"),
        ("name=\"labels\"", b"[\"a\", \"b\"]"),
        ("name=title", b"two words"),
        ("name=\"image\"; filename=\"d\\\"o;g.png\"", &five),
    ]);
    for path in ["/infer", "/v2/models/images/infer"] {
        let answer = server.ask("POST", path, &[FORM], &body);
        assert_eq!(names(&answer), ["cat.png", "d\"o;g.png"]);
        let expected = |width: u32| json!({"width": width, "action": "predict", "threshold": 0.25, "own": [3, ["a", "b"], "two words"]});
        assert_eq!(answer.values(), [expected(3), expected(5)]);
    }
}

#[test]
fn parameters_can_be_one_object_and_come_from_the_header_too() {
    let server = Server::start(images());
    let three = png(3);
    let body = form([
        ("name=file; filename=a", &three[..]),
        ("name=parameters", b" {\"top_k\": 7, \"metadata\": {\"n\": 1}} "),
        ("name=title", b"\"5\""),
        ("name=labels", b""),
    ]);
    let header = "Chariot-Inference-Parameters: {\"action\": \"detect\"}";
    let answer = server.ask("POST", "/infer", &[FORM, header], &body);
    let value = answer.values().remove(0);
    assert_eq!((&value["action"], &value["own"]), (&json!("detect"), &json!([7, [], "5"])));
    assert_eq!(answer.ok()["outputs"][0]["parameters"]["metadata"], json!({"n": 1}));
    // As a field of its own it is text, and is repeated as that.
    let body = form([("name=file; filename=a", &three[..]), ("name=metadata", b"{\"n\": 1}")]);
    assert_eq!(post(&server, body).ok()["outputs"][0]["parameters"]["metadata"], "{\"n\": 1}");
}

#[test]
fn texts_are_items_as_files_and_in_the_field_input() {
    let server = Server::start(texts());
    let body = form([
        ("name=file; filename=a.txt", "\u{feff}one\r\n--xy\r\n".as_bytes()),
        ("name=input", b"two"),
        ("name=file; filename=\"\"", b""),
        ("name=third; filename*=UTF-8''caf%C3%A9", b"three"),
    ]);
    let answer = post(&server, &body);
    assert_eq!(answer.values(), ["one\r\n--xy\r\n", "two", "three"]);
    assert_eq!(names(&answer), ["a.txt", "input", "caf%C3%A9"]);
    // Text around the parts, blanks after a boundary, and one in quotes.
    let body = b"before\r\n--a b \t\r\ncontent-disposition: FORM-DATA; name=input\r\n\r\nx\r\n--a b--after";
    let quoted = "Content-Type: Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"";
    assert_eq!(server.ask("POST", "/infer", &[quoted], body).values(), ["x"]);
    // JSON is read whatever its content type says.
    assert_eq!(post(&server, r#"{"input": "json"}"#).ok(), json!({"output": "json"}));
    let server = Server::start(texts().setting("CHARIOT_INFERENCE_PROTOCOL", "chariot-v2"));
    let answer = post(&server, form([("name=input", &b"one"[..]), ("name=input", b"two")]));
    assert_eq!(answer.text, "{\"output\":\"one\"}\n{\"output\":\"two\"}\n");
}

#[test]
fn a_malformed_form_is_a_400_that_names_the_part() {
    let server = Server::start(images());
    let mut messages = Messages::new();
    let good = form([("name=file; filename=a", &png(3)[..])]);
    let (start, _) = good.split_at(good.len() - "--x--\r\n".len());
    let with = |part: &str| [start, part.as_bytes()].concat();
    let disposition = "Content-Disposition: form-data; name=file; filename=b.png";
    let many_fields: String = (0..17).map(|field| format!("F{field}: 1\r\n")).collect();
    for (what, body) in [
        ("no body", Vec::new()),
        ("no boundary", b"hello".to_vec()),
        ("no end", start.to_vec()),
        ("no end of the head", with("--x\r\nContent-Disposition: form-data")),
        ("no item", form([("name=top_k", &b"3"[..])])),
        ("no head", with("--x\r\n\r\nvalue\r\n--x--")),
        ("no name", with("--x\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--x--")),
        ("another disposition", with("--x\r\nContent-Disposition: attachment; name=a\r\n\r\nvalue\r\n--x--")),
        ("no fields", with("--x\r\nhello\r\n\r\nvalue\r\n--x--")),
        ("many fields", with(&format!("--x\r\n{many_fields}\r\nvalue\r\n--x--"))),
        ("a large head", with(&format!("--x\r\nA: {}\r\n\r\nvalue\r\n--x--", "a".repeat(9000)))),
        ("base64", with(&format!("--x\r\n{disposition}\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--x--"))),
        ("an empty file", with(&format!("--x\r\n{disposition}\r\n\r\n\r\n--x--"))),
        ("no image", with(&format!("--x\r\n{disposition}\r\n\r\nhello\r\n--x--"))),
        ("a parameter of another type", with("--x\r\nContent-Disposition: form-data; name=top_k\r\n\r\nmany\r\n--x--")),
        ("no object", with("--x\r\nContent-Disposition: form-data; name=parameters\r\n\r\n[1]\r\n--x--")),
        ("no JSON", with("--x\r\nContent-Disposition: form-data; name=parameters\r\n\r\n{\"a\"\r\n--x--")),
        (
            "a repeated parameter",
            form([("name=file; filename=a", &png(3)[..]), ("name=top_k", b"1"), ("name=top_k", b"2")]),
        ),
        ("a long name", form([(&*format!("name=file; filename={}", "n".repeat(2000)), &png(3)[..])])),
        ("many parts", form((0..16_385).map(|_| ("name=a; filename=\"\"", &b""[..])))),
    ] {
        messages.add(what, post(&server, body).error(400));
    }
    insta::assert_snapshot!("malformed_forms", messages);
    assert_eq!(post(&server, good).status, 200);
}

#[test]
fn other_bodies_of_parts_and_other_engines_are_told_what_to_send() {
    let server = Server::start(images());
    for media_type in ["multipart/mixed; boundary=x", "multipart/form-data", "multipart/form-data; boundary=\"\""] {
        let answer =
            server.ask("POST", "/infer", &[&format!("Content-Type: {media_type}")], form([("name=input", &b"a"[..])]));
        assert!(answer.error(415).contains("or files as multipart/form-data"), "{answer:?}");
    }
}

#[test]
fn a_form_is_charged_like_any_other_body() {
    let server = Server::start(texts().configure(|settings| {
        settings.max_body = ByteSize::kib(64);
        settings.max_request_bytes = Some(ByteSize::kib(128));
    }));
    let fields: Vec<String> = (0..1000).map(|field| format!("name=p{field}")).collect();
    let mut parts: Vec<(&str, &[u8])> = vec![("name=input", b"a")];
    parts.extend(fields.iter().map(|names| (&**names, &b"\x01\x02\x03"[..])));
    let small = form(parts.iter().copied().take(100));
    assert_eq!(post(&server, small).values(), ["a"]);
    let text = "\u{1}".repeat(60_000);
    let refused = post(&server, form([("name=input", &b"a"[..]), ("name=title", text.as_bytes())]));
    assert_eq!(refused.status, 413, "{refused:?}");
    assert_eq!(post(&server, vec![b'-'; 70_000]).status, 413);
    assert_eq!(server.engine.in_flight().bytes, 0);
}

#[test]
fn curl_sends_files() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: curl not found");
        return;
    }
    let server = Server::start(images());
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("cat.png"), png(3)).unwrap();
    std::fs::write(dir.path().join("dog.png"), png(5)).unwrap();
    let output = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "-F", "file=@cat.png", "-F", "file=@dog.png", "-F", "top_k=4"])
        .arg(format!("http://{}/infer", server.address))
        .current_dir(dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answer = Answer { status: 200, headers: vec![], text };
    assert_eq!(names(&answer), ["cat.png", "dog.png"]);
    assert_eq!(answer.values().iter().map(|value| value["own"][0].clone()).collect::<Vec<_>>(), [4, 4]);
}
