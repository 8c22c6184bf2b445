//! The same bodies under every media type, for an engine of every kind of input: broken requests are never answered as if
//! they were an item, forms are a 415, and images and texts are recognized where they may be.

use std::{
    io::Cursor,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chariot_engine::{input::Input, output::Output, prelude::*};
use e2e::{Answer, Messages};
use serde_json::json;

use crate::support::Server;

#[derive(serde::Deserialize)]
struct Question {
    context: String,
}

/// A model that answers every item with a function, and counts the items.
struct Answering<I, O> {
    answer: fn(&Item<I>) -> Result<O>,
    items: Arc<AtomicUsize>,
}

impl<I: Input, O: Output<I::Modality>> Model for Answering<I, O> {
    type Settings = ();
    type Input = I;
    type Output = O;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the model is passed to the builder as an instance".into())
    }

    async fn infer(&self, batch: Batch<I>) -> Result<Vec<O>> {
        batch.try_map(|item| {
            self.items.fetch_add(1, Ordering::Relaxed);
            (self.answer)(&item)
        })
    }
}

/// A server whose model counts the items that reach it.
struct Counted {
    name: &'static str,
    server: Server,
    items: Arc<AtomicUsize>,
}

impl Counted {
    fn start<I: Input, O: Output<I::Modality>>(name: &'static str, answer: fn(&Item<I>) -> Result<O>) -> Self {
        let items = Arc::new(AtomicUsize::new(0));
        let model = Answering { answer, items: items.clone() };
        Counted { name, server: Server::start(Engine::builder().instance(name, model)), items }
    }

    fn post(&self, path: &str, media_type: Option<&str>, body: impl AsRef<[u8]>) -> Answer {
        let header = media_type.map(|media_type| format!("Content-Type: {media_type}"));
        let headers: Vec<&str> = header.iter().map(String::as_str).collect();
        self.server.ask("POST", path, &headers, body)
    }

    fn tree(&self) -> String {
        format!("/v2/models/{}/infer", self.name)
    }
}

fn echo(text: &Item<Text>) -> Result<Json<String>> {
    Ok(Json(text.to_string()))
}

fn size(image: &Item<Image>) -> Result<Json<u32>> {
    Ok(Json(image.width()))
}

fn context(item: &Item<Json<Question>>) -> Result<Json<String>> {
    Ok(Json(item.0.context.clone()))
}

fn any(item: &Item<Json<serde_json::Value>>) -> Result<Json<serde_json::Value>> {
    Ok(Json(item.0.clone()))
}

fn row(item: &Item<Row<Question>>) -> Result<Json<String>> {
    Ok(Json(item.0.context.clone()))
}

fn same(item: &Item<Tensors>) -> Result<Tensors> {
    Ok((**item).clone())
}

/// Engines of every kind of input.
fn engines() -> [Counted; 6] {
    [
        Counted::start("texts", echo),
        Counted::start("images", size),
        Counted::start("questions", context),
        Counted::start("values", any),
        Counted::start("rows", row),
        Counted::start("tensors", same),
    ]
}

/// The media types that clients send with a body that is meant to be JSON.
const MEDIA_TYPES: [Option<&str>; 8] = [
    None,
    Some("application/json"),
    Some("text/plain"),
    Some("text/plain;charset=UTF-8"),
    Some("application/x-www-form-urlencoded"),
    Some("multipart/form-data; boundary=x"),
    Some("text/json"),
    Some("application/xml"),
];

#[test]
fn a_broken_request_is_a_400_for_every_engine_and_never_reaches_a_model() {
    let broken = [
        r#"{"inputs": [{"name": "a", "datatype": "BYTES", "shape": [1], "data": ["x"]}]"#,
        r#"{"inputs": [{"name": "a", "datatype": "BYTES", "shape": [1], "data": ["x]}]}"#,
        r#"{"inputs": [{"name": "a", "datatype": "BYTES", "shape": [1], "data": ["x"]},]}"#,
        r#"{"inputs": [{"name": "a", "data": ["x"]}]} trailing"#,
        r#"{'inputs': [{'name': 'a', 'data': ['x']}]}"#,
        r#"{"input": "x""#,
        "{\"input\": \"x\"}\n{\"input\": \"y\"}",
        r#"{"text": "x"}"#,
        r#"{"instances": ["x"]}"#,
        r#"{"inputs": "x"}"#,
    ];
    for engine in engines() {
        for path in ["/infer", &engine.tree()] {
            for media_type in MEDIA_TYPES {
                for body in broken {
                    for before in ["", " \r\n", "\u{feff}"] {
                        let answer = engine.post(path, media_type, format!("{before}{body}"));
                        let error = answer.error(400);
                        let is_located = error.contains("(line ") || error.starts_with("inputs: ");
                        assert!(is_located, "{} {path} {media_type:?} {body}: {error}", engine.name);
                    }
                }
            }
        }
        let gzip = {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            std::io::Write::write_all(&mut encoder, broken[0].as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        for media_type in ["Content-Type: text/plain", "Content-Type: application/x-www-form-urlencoded"] {
            let answer = engine.server.ask("POST", "/infer", &[media_type, "Content-Encoding: gzip"], &gzip);
            assert!(answer.error(400).contains("(line "), "{answer:?}");
        }
        assert_eq!(engine.items.load(Ordering::Relaxed), 0, "{}", engine.name);
    }
}

#[test]
fn a_request_is_read_under_every_media_type() {
    let item = r#"{"context": "x"}"#;
    for engine in engines() {
        let kserve = match engine.name {
            "images" => continue,
            "tensors" => r#"{"inputs": [{"name": "a", "datatype": "INT8", "shape": [1], "data": [7]}]}"#.to_owned(),
            "texts" => json!({"inputs": [{"name": "a", "data": ["x"]}]}).to_string(),
            _ => format!(r#"{{"inputs": [{{"name": "a", "data": [{item}]}}]}}"#),
        };
        for path in ["/infer", &engine.tree()] {
            for media_type in MEDIA_TYPES {
                for before in ["", "\n", "\u{feff}"] {
                    let answer = engine.post(path, media_type, format!("{before}{kserve}"));
                    assert_eq!(answer.ok()["outputs"][0]["name"], "a", "{} {media_type:?}", engine.name);
                }
            }
        }
    }
}

#[test]
fn an_object_is_an_item_of_an_engine_of_json_values_and_rows() {
    for engine in engines() {
        let expected = match engine.name {
            "questions" | "rows" => json!("x"),
            "values" => json!({"context": "x"}),
            // Their items are strings.
            "texts" | "images" => {
                let error = engine.post("/infer", None, r#"{"input": {"context": "x"}}"#).error(400);
                assert!(error.starts_with("input: "), "{error}");
                continue;
            }
            _ => continue,
        };
        for input in [r#"{"context": "x"}"#, r#""{\"context\": \"x\"}""#] {
            let object = format!(r#"{{"input": {input}}}"#);
            let answer = engine.post("/infer", None, &object).ok();
            if engine.name != "values" || input.starts_with('{') {
                assert_eq!(answer, json!({ "output": expected }), "{}", engine.name);
            }
            let lines = engine.post("/infer", Some("application/x-ndjson"), format!("\u{feff}{object}\n{object}\n"));
            assert_eq!((lines.status, lines.text.lines().count()), (200, 2), "{lines:?}");
        }
    }
}

#[test]
fn a_form_is_a_415_that_says_how_to_send_the_request() {
    let mut messages = Messages::new();
    for engine in engines() {
        for (media_type, body) in [
            ("application/x-www-form-urlencoded", "text=hello"),
            (
                "multipart/form-data; boundary=x",
                "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhello\r\n--x--\r\n",
            ),
        ] {
            if media_type.starts_with("multipart/") && ["texts", "images"].contains(&engine.name) {
                continue;
            }
            let answer = engine.post("/infer", Some(media_type), body);
            let error = answer.error(415);
            assert!(error.starts_with("Content-Type: ") && error.contains("application/json"), "{error}");
            assert_eq!(answer.header("accept"), Some("application/json"));
            messages.add(format!("{}, {media_type}", engine.name), error);
        }
        // As UTF-8 it is a text with zeros.
        let wide: Vec<u8> = "hello".encode_utf16().flat_map(u16::to_le_bytes).collect();
        messages.add(engine.name, engine.post("/infer", Some("text/plain; charset=utf-16le"), wide).error(415));
        assert_eq!(engine.items.load(Ordering::Relaxed), 0, "{}", engine.name);
    }
    insta::assert_snapshot!("forms", messages);
}

fn png(width: u32) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image::GrayImage::new(width, 2).write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

#[test]
fn an_image_without_a_media_type_is_recognized_on_the_platforms_route_only() {
    let [texts, images, ..] = engines();
    assert_eq!(images.post("/infer", None, png(3)).ok(), json!({"output": 3}));
    let error = images.post(&images.tree(), None, png(3)).error(400);
    assert!(error.starts_with("Content-Type: "), "{error}");
    assert_eq!(images.post(&images.tree(), Some("image/png"), png(3)).ok(), json!({"output": 3}));
    for engine in [&texts, &images] {
        assert!(engine.post("/infer", None, "GIF or not").error(400).contains("line 1, column 1"));
    }
    assert_eq!(texts.post("/infer", None, png(3)).status, 400);
}

/// The commands that people copy from the documentation of an engine.
#[test]
fn curl_is_answered_or_told_how_to_send_the_request() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: curl not found");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("image.png");
    std::fs::write(&file, png(5)).unwrap();
    let file = file.to_str().unwrap();
    let [texts, images, ..] = engines();
    let curl = |engine: &Counted, arguments: &[&str]| {
        let url = format!("http://{}/infer", engine.server.address);
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "30", "--noproxy", "*", "-w", "\n%{http_code}"])
            .args(arguments)
            .arg(url)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse::<u16>().unwrap(), body.to_owned())
    };
    let data = format!("@{file}");
    let form = format!("file=@{file}");
    assert_eq!(curl(&texts, &["-d", r#"{"input": "hello"}"#]), (200, r#"{"output":"hello"}"#.into()));
    assert_eq!(curl(&texts, &["-d", r#"{"input": "hello""#]).0, 400);
    assert_eq!(curl(&texts, &["-d", "hello"]).0, 415);
    assert_eq!(curl(&texts, &["-d", "hello", "-H", "Content-Type: text/plain"]).0, 200);
    let (status, answer) = curl(&images, &["-F", &form]);
    let output = r#"{"name":"image.png","datatype":"BYTES","shape":[1],"data":[5]}"#;
    assert!(status == 200 && answer.ends_with(&format!(r#""outputs":[{output}]}}"#)), "{answer}");
    assert_eq!(curl(&images, &["--data-binary", &data]).0, 415);
    let expected = (200, r#"{"output":5}"#.to_owned());
    assert_eq!(curl(&images, &["--data-binary", &data, "-H", "Content-Type: image/png"]), expected);
    assert_eq!(curl(&images, &["--data-binary", &data, "-H", "Content-Type:"]), expected);
}

#[test]
fn elements_that_are_nested_like_their_shape_are_items() {
    let texts = Counted::start("texts", echo).server;
    let infer = |server: &Server, shape: &str, data: &str| {
        let input = format!(r#"{{"name":"a","datatype":"BYTES","shape":{shape},"data":{data}}}"#);
        server.infer(format!(r#"{{"inputs":[{input},{{"name":"b","data":["z"]}}]}}"#))
    };
    for (shape, data) in
        [("[2,1]", r#"[["x"],["y"]]"#), ("[1,2]", r#"[["x", "y"]]"#), ("[2,1,1]", r#" [ [ ["x"] ] , [["y"]]]"#)]
    {
        let answer = infer(&texts, shape, data).ok();
        assert_eq!(answer["outputs"][0]["shape"], json!([2]), "{shape}");
        assert_eq!(answer["outputs"][0]["data"], json!(["x", "y"]), "{shape}");
        assert_eq!(answer["outputs"][1]["data"], json!(["z"]));
    }
    let mut messages = Messages::new();
    for (shape, data) in [
        ("[2,1]", r#"[["x","y"]]"#),
        ("[2,1]", r#"[["x"],["y","z"]]"#),
        ("[2,1]", r#"[["x"],"y"]"#),
        ("[480,640,3]", r#"[["x"]]"#),
        ("[1]", r#"[["x"]]"#),
        ("[1,1]", r#"[[["x"]]]"#),
        ("[1,1]", r#"[[7]]"#),
        ("[4000000000,4000000000]", r#"[["x"]]"#),
        ("[20000,1]", r#"[["x"]]"#),
    ] {
        let error = infer(&texts, shape, data).error(400);
        assert!(error.starts_with("input 'a'"), "{error}");
        messages.add(format!("{shape} {data}"), error);
    }
    insta::assert_snapshot!("nested", messages);

    let images = Counted::start("images", size).server;
    let file = e2e::base64(png(3));
    let input = json!({"name": "a", "datatype": "BYTES", "shape": [2, 1], "data": [[file], [file]]});
    assert_eq!(images.infer(json!({"inputs": [input]}).to_string()).ok()["outputs"][0]["data"], json!([3, 3]));

    // Lists are values of their own, unless each of them wraps one string.
    let values = Counted::start("values", any).server;
    for (shape, data, expected) in [
        ("[2,1]", json!([["1"], ["2"]]), json!(["1", "2"])),
        ("[2]", json!([["1"], ["2"]]), json!([["1"], ["2"]])),
        ("[1,2]", json!([["1", "2"]]), json!([["1", "2"]])),
        ("[2,1]", json!([[1], [2]]), json!([[1], [2]])),
    ] {
        let answer = infer(&values, shape, &data.to_string()).ok();
        assert_eq!(answer["outputs"][0]["data"], expected, "{shape} {data}");
    }
    let rows = Counted::start("rows", row).server;
    for data in
        [json!([[{"context": "x"}], [{"context": "y"}]]), json!([[r#"{"context":"x"}"#], [r#"{"context":"y"}"#]])]
    {
        let input = json!({"name": "a", "datatype": "BYTES", "shape": [2, 1], "data": data});
        let answer = rows.infer(json!({"inputs": [input]}).to_string()).ok();
        assert_eq!(answer["outputs"][0]["data"], json!(["x", "y"]));
    }
}
