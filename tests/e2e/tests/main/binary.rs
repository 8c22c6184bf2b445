//! Binary tensors over a socket: every data type both ways, mixed with JSON, alone, and as the items of an engine.

use std::io::Cursor;

use chariot_engine::{prelude::*, protocol::DataType};
use e2e::DEADLINE;
use serde_json::{Value, json};

use crate::{
    scripted::{Scripted, echo},
    support::Server,
};

const JSON_LENGTH: &str = "inference-header-content-length";

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

fn same() -> Server {
    Server::start(Engine::builder().model::<Same>("same"))
}

/// An answer in JSON and binary tensors.
#[derive(Debug)]
struct Answer {
    status: u16,
    content_type: String,
    json: Value,
    /// What follows the JSON; `None` if no header says that anything does.
    tail: Option<Vec<u8>>,
}

impl Answer {
    /// The outputs of a success, each with its own part of the tail.
    #[track_caller]
    fn outputs(&self) -> Vec<(Value, Vec<u8>)> {
        assert_eq!(self.status, 200, "{self:?}");
        let content_type = if self.tail.is_some() { "application/octet-stream" } else { "application/json" };
        assert_eq!(self.content_type, content_type);
        let mut rest = self.tail.as_deref().unwrap_or_default();
        let mut outputs = Vec::new();
        for output in self.json["outputs"].as_array().unwrap() {
            let size = output["parameters"]["binary_data_size"].as_u64();
            assert_eq!(size.is_some(), output.get("data").is_none(), "one or the other: {output}");
            let (own, after) = rest.split_at(size.unwrap_or_default() as usize);
            outputs.push((output.clone(), own.to_vec()));
            rest = after;
        }
        assert!(rest.is_empty(), "{} bytes are left over", rest.len());
        outputs
    }

    #[track_caller]
    fn error(&self, status: u16) -> &str {
        assert_eq!((self.status, &*self.content_type), (status, "application/json"), "{self:?}");
        self.json["error"].as_str().unwrap()
    }
}

fn ask(server: &Server, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let client = reqwest::blocking::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
    let mut request = client.post(format!("http://{}/infer", server.address)).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_string());
    let (status, json_length) = (response.status().as_u16(), header(JSON_LENGTH));
    let content_type = header("content-type").unwrap_or_default();
    let mut json = response.bytes().unwrap().to_vec();
    let tail = json_length.map(|length| json.split_off(length.parse().unwrap()));
    Answer { status, content_type, json: serde_json::from_slice(&json).unwrap(), tail }
}

/// Asks with JSON and binary tensors after it.
fn ask_binary(server: &Server, request: &Value, tail: &[u8]) -> Answer {
    let json = request.to_string();
    ask(server, &[(JSON_LENGTH, &json.len().to_string())], [json.as_bytes(), tail].concat())
}

fn ask_raw(server: &Server, body: &[u8]) -> Answer {
    ask(server, &[(JSON_LENGTH, "0")], body.to_vec())
}

/// An input that follows in so many bytes.
fn input(name: &str, datatype: &str, shape: &[usize], size: usize) -> Value {
    json!({"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}})
}

/// BYTES in binary form.
fn elements(elements: &[&[u8]]) -> Vec<u8> {
    let written = |element: &&[u8]| [&(element.len() as u32).to_le_bytes(), *element].concat();
    elements.iter().flat_map(written).collect()
}

#[test]
fn every_data_type_goes_both_ways_in_either_form() {
    let server = same();
    let cases: [(DataType, Value, &[u8]); 14] = [
        (DataType::Bool, json!([true, false]), &[1, 0]),
        (DataType::Uint8, json!([0, 255]), &[0, 255]),
        (DataType::Uint16, json!([1, 65535]), &[1, 0, 255, 255]),
        (DataType::Uint32, json!([1, 256]), &[1, 0, 0, 0, 0, 1, 0, 0]),
        (DataType::Uint64, json!([1, u64::MAX]), &[1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]),
        (DataType::Int8, json!([-1, 127]), &[255, 127]),
        (DataType::Int16, json!([-2, 1]), &[254, 255, 1, 0]),
        (DataType::Int32, json!([-2, 1]), &[254, 255, 255, 255, 1, 0, 0, 0]),
        (DataType::Int64, json!([-2, 1]), &[254, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0, 0, 0]),
        (DataType::Fp16, json!([1.0, -2.0]), &[0, 0x3c, 0, 0xc0]),
        (DataType::Bf16, json!([1.0, -2.0]), &[0x80, 0x3f, 0, 0xc0]),
        (DataType::Fp32, json!([1.0, -2.0]), &[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]),
        (DataType::Fp64, json!([1.0, -2.0]), &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0]),
        (DataType::Bytes, json!(["é", ""]), &[2, 0, 0, 0, 0xc3, 0xa9, 0, 0, 0, 0]),
    ];
    assert_eq!(cases.each_ref().map(|(datatype, ..)| *datatype)[..], *DataType::ALL);
    for (datatype, data, bytes) in cases {
        let name = datatype.as_str();
        let written = json!({"name": "x", "datatype": name, "shape": [2], "data": data});
        let binary = input("x", name, &[2], bytes.len());
        for (asks_binary, expected, tail) in [(false, &written, &[][..]), (true, &binary, bytes)] {
            let parameters = json!({"binary_data_output": asks_binary});
            let answer = ask_binary(&server, &json!({"inputs": [binary], "parameters": parameters}), bytes);
            assert_eq!(answer.outputs(), [(expected.clone(), tail.to_vec())], "{name}");
            let request = json!({"inputs": [written], "parameters": parameters}).to_string();
            assert_eq!(ask(&server, &[], request.into()).outputs(), [(expected.clone(), tail.to_vec())], "{name}");
        }
    }
}

#[test]
fn what_is_no_number_and_no_text_comes_back_in_binary_form_only() {
    let server = same();
    let nan = [0, 0, 0xc0, 0x7f];
    for (datatype, bytes, fault) in [
        ("FP32", &nan[..], "output 'x': data[0] is NaN or infinite, which JSON cannot hold"),
        ("BYTES", &elements(&[b"\xff\0"]), "output 'x': data[0] is not UTF-8, which JSON cannot hold"),
    ] {
        let mut request = json!({"inputs": [input("x", datatype, &[1], bytes.len())]});
        assert_eq!(ask_binary(&server, &request, bytes).error(500), fault);
        request["outputs"] = json!([{"name": "x", "parameters": {"binary_data": true}}]);
        assert_eq!(ask_binary(&server, &request, bytes).outputs()[0].1, bytes);
    }
}

#[test]
fn inputs_and_outputs_are_mixed_as_the_caller_likes() {
    let server = same();
    let inputs = json!([
        input("a", "INT8", &[2], 2),
        {"name": "b", "datatype": "INT8", "shape": [1], "data": [7]},
        input("c", "INT16", &[1, 1], 2),
    ]);
    let forms = |outputs: Value, default: Value| -> Vec<(String, Vec<u8>)> {
        let request = json!({"inputs": inputs, "outputs": outputs, "parameters": default});
        let outputs = ask_binary(&server, &request, &[1, 2, 3, 4]).outputs();
        outputs.into_iter().map(|(json, bytes)| (json["name"].as_str().unwrap().to_string(), bytes)).collect()
    };
    let named =
        |expected: [(&str, &[u8]); 3]| expected.map(|(name, bytes)| (name.to_string(), bytes.to_vec())).to_vec();
    assert_eq!(forms(Value::Null, Value::Null), named([("a", &[]), ("b", &[]), ("c", &[])]));
    let all = json!({"binary_data_output": true});
    assert_eq!(forms(Value::Null, all.clone()), named([("a", &[1, 2]), ("b", &[7]), ("c", &[3, 4])]));
    let outputs = json!([
        {"name": "c", "parameters": {"binary_data": true}},
        {"name": "b"},
        {"name": "a", "parameters": {"binary_data": false}},
    ]);
    assert_eq!(forms(outputs.clone(), Value::Null), named([("c", &[3, 4]), ("b", &[]), ("a", &[])]));
    assert_eq!(forms(outputs, all), named([("c", &[3, 4]), ("b", &[7]), ("a", &[])]));
}

#[test]
fn a_large_tensor_comes_back_to_the_byte() {
    let server = same();
    let count = 300_000;
    let bytes: Vec<u8> = (0..count as u32).flat_map(|value| value.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let request =
        json!({"inputs": [input("x", "FP32", &[count], bytes.len())], "parameters": {"binary_data_output": true}});
    assert!(ask_binary(&server, &request, &bytes).outputs()[0].1 == bytes);
    assert!(ask_raw(&server, &bytes).outputs()[0].1 == elements(&[&bytes]));
}

/// Rows as candle's tensor, and as numbers.
struct Rows;

#[derive(TensorInput)]
struct Features {
    /// Two numbers a row
    #[tensor(shape = [n, 2])]
    features: Tensor,
}

#[derive(TensorOutput)]
struct Sums {
    /// The sum of every row
    #[tensor(shape = [n])]
    sums: Tensor,
}

impl Model for Rows {
    type Settings = ();
    type Input = Features;
    type Output = Sums;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Rows)
    }

    async fn infer(&self, batch: Batch<Features>) -> Result<Vec<Sums>> {
        batch.try_map(|item| Ok(Sums { sums: item.features.sum(1)? }))
    }
}

#[test]
fn a_body_that_is_nothing_but_a_tensor_gets_its_shape_from_the_engine() {
    let server = Server::start(Engine::builder().model::<Rows>("rows"));
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
    let outputs = ask_raw(&server, &bytes(&[1.0, 2.0, 0.5, 0.25])).outputs();
    assert_eq!(outputs, [(input("sums", "FP32", &[2], 8), bytes(&[3.0, 0.75]))]);
    let text = "input 'features': a body of a multiple of 8 bytes is expected, one of 12 came";
    assert_eq!(ask_raw(&server, &bytes(&[1.0, 2.0, 0.5])).error(400), text);
    assert!(ask_raw(&server, &[]).error(400).starts_with("input 'features': shape [n, 2] is expected"));
    // Where it stands in the body, and so its alignment, does not matter.
    for blanks in 0..4 {
        let values = bytes(&[1.0, 2.0]);
        let json = json!({"inputs": [input("features", "FP32", &[1, 2], 8)]}).to_string() + &" ".repeat(blanks);
        let body = [json.as_bytes(), &values].concat();
        let answer = ask(&server, &[(JSON_LENGTH, &json.len().to_string())], body);
        assert_eq!(answer.outputs()[0].0["data"], json!([3.0]));
    }
}

/// Tensors to candle and back, whatever their type.
struct ThroughCandle;

impl Model for ThroughCandle {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(ThroughCandle)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        let device = batch.device().clone();
        batch.try_map(|item| {
            let mut answer = Tensors::default();
            answer.push_candle("x", &item.into_value().candle("x", &device)?)?;
            Ok(answer)
        })
    }
}

#[test]
fn binary_tensors_become_candles() {
    let server = Server::start(Engine::builder().model::<ThroughCandle>("candle"));
    for (datatype, bytes, expected) in [
        ("BOOL", &[1, 0][..], json!([1, 0])),
        ("UINT8", &[1, 255], json!([1, 255])),
        ("UINT16", &[1, 0, 255, 255], json!([1, 65535])),
        ("UINT32", &[1, 0, 0, 0, 255, 0, 0, 0], json!([1, 255])),
        ("UINT64", &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], json!([1, 2])),
        ("INT8", &[255, 1], json!([-1, 1])),
        ("INT16", &[255, 255, 1, 0], json!([-1, 1])),
        ("INT32", &[255, 255, 255, 255, 1, 0, 0, 0], json!([-1, 1])),
        ("INT64", &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], json!([1, 2])),
        ("FP16", &[0, 0x3c, 0, 0xc0], json!([1.0, -2.0])),
        ("BF16", &[0x80, 0x3f, 0, 0xc0], json!([1.0, -2.0])),
        ("FP32", &[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0], json!([1.0, -2.0])),
        ("FP64", &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0], json!([1.0, -2.0])),
    ] {
        let request = json!({"inputs": [input("x", datatype, &[2], bytes.len())]});
        assert_eq!(ask_binary(&server, &request, bytes).outputs()[0].0["data"], expected, "{datatype}");
    }
    let most = json!({"inputs": [input("x", "UINT64", &[1], 8)]});
    assert!(ask_binary(&server, &most, &[255; 8]).error(400).starts_with("input 'x': data[0]: "));
}

#[test]
fn an_element_of_a_text_engine_is_utf8_and_its_answer_is_json() {
    let server = Server::start(Engine::builder().instance("echo", Scripted::blocking(echo)));
    let mut both = input("a", "BYTES", &[2], 14);
    both["parameters"]["metadata"] = json!({"k": 1});
    let texts = elements(&[b"\"q\"", "é\n".as_bytes()]);
    let answer = ask_binary(&server, &json!({"inputs": [both]}), &texts).outputs();
    let expected = json!({"name": "a", "datatype": "BYTES", "shape": [2], "data": ["\"q\"", "é\n"],
        "parameters": {"metadata": {"k": 1}}});
    assert_eq!(answer[0].0, expected);
    let request = json!({"inputs": [both], "parameters": {"binary_data_output": true}});
    let (output, bytes) = ask_binary(&server, &request, &texts).outputs().remove(0);
    assert_eq!(bytes, elements(&[br#""\"q\"""#, "\"é\\n\"".as_bytes()]), "each is the text of a JSON value");
    assert_eq!(output["parameters"], json!({"binary_data_size": bytes.len(), "metadata": {"k": 1}}));
    let (output, bytes) = ask_raw(&server, "é".as_bytes()).outputs().remove(0);
    assert_eq!((&output["name"], bytes), (&json!("text"), elements(&["\"é\"".as_bytes()])));
    let bad = ask_binary(&server, &json!({"inputs": [input("a", "BYTES", &[1], 5)]}), &elements(&[b"\xff"]));
    assert_eq!(bad.error(400), "input 'a': a text in UTF-8 is expected, bytes that are none came");
    let refused = ask_binary(&server, &json!({"inputs": [input("a", "INT8", &[1], 1)]}), &[1]);
    assert_eq!(refused.error(400), "input 'a': datatype BYTES is expected, INT8 came");
}

/// Sums of lists of numbers.
struct Lists;

impl Model for Lists {
    type Settings = ();
    type Input = Json<Vec<i64>>;
    type Output = Json<i64>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Lists)
    }

    async fn infer(&self, batch: Batch<Json<Vec<i64>>>) -> Result<Vec<Json<i64>>> {
        batch.try_map(|item| Ok(Json(item.0.iter().sum())))
    }
}

#[test]
fn an_element_of_a_json_engine_is_the_text_of_a_value() {
    let server = Server::start(Engine::builder().model::<Lists>("lists"));
    let ask = |text: &[u8]| {
        let bytes = elements(&[text]);
        ask_binary(&server, &json!({"inputs": [input("a", "BYTES", &[1], bytes.len())]}), &bytes)
    };
    assert_eq!(ask(b" [1, 2] ").outputs()[0].0["data"], json!([3]));
    assert_eq!(ask(br#""[1, 2]""#).outputs()[0].0["data"], json!([3]));
    assert!(ask(b"[1, 2").error(400).starts_with("input 'a': not valid JSON: "));
    assert!(ask(b"\xff").error(400).starts_with("input 'a': not valid JSON: "));
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

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image::GrayImage::new(width, height).write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

#[test]
fn a_picture_is_the_bytes_of_its_file() {
    let server = Server::start(Engine::builder().model::<Sizes>("sizes"));
    let files = elements(&[&png(3, 2), &png(5, 1)]);
    let written = json!({"name": "b", "data": [e2e::base64(png(7, 1))]});
    let request = json!({"inputs": [input("a", "BYTES", &[2], files.len()), written]});
    let data: Vec<_> =
        ask_binary(&server, &request, &files).outputs().into_iter().map(|(json, _)| json["data"].clone()).collect();
    assert_eq!(data, [json!([[3, 2], [5, 1]]), json!([[7, 1]])]);
    let (output, bytes) = ask_raw(&server, &png(4, 9)).outputs().remove(0);
    assert_eq!((&output["name"], bytes), (&json!("image"), elements(&[b"[4,9]"])));
    let base64 = elements(&[e2e::base64(png(1, 1)).as_bytes()]);
    let request = json!({"inputs": [input("a", "BYTES", &[1], base64.len())]});
    let text = "input 'a': a picture as PNG, JPEG, WebP, BMP, GIF or TIFF is expected; what came is none of these";
    assert_eq!(ask_binary(&server, &request, &base64).error(400), text);
}

#[test]
fn faults_of_the_form_are_400s_that_name_the_input_or_the_header() {
    let server = same();
    let one = |size: usize| json!({"inputs": [input("x", "INT16", &[1], size)]});
    for (size, tail, expected) in [
        (4, &[0; 4][..], "input 'x': parameters.binary_data_size: 2 is expected for shape [1] of INT16, 4 came"),
        (
            2,
            &[0; 1],
            "input 'x': parameters.binary_data_size: at most 1, what is left of the body, is expected, 2 came",
        ),
        (2, &[0; 3], "the end of the body is expected after the last binary tensor, 1 more bytes came"),
    ] {
        assert_eq!(ask_binary(&server, &one(size), tail).error(400), expected);
    }
    let no_header = ask(&server, &[], one(2).to_string().into());
    let expected = "input 'x': parameters.binary_data_size: the header Inference-Header-Content-Length is expected with it, none came";
    assert_eq!(no_header.error(400), expected);
    let beyond = ask(&server, &[(JSON_LENGTH, "3")], b"{}".to_vec());
    let expected = "Inference-Header-Content-Length: a length of at most 2, that of the body, is expected, 3 came";
    assert_eq!(beyond.error(400), expected);
    let word = ask(&server, &[(JSON_LENGTH, "ten")], b"{}".to_vec());
    assert_eq!(word.error(400), "Inference-Header-Content-Length: a number of bytes is expected, 'ten' came");
    let twice = ask(&server, &[(JSON_LENGTH, "1"), (JSON_LENGTH, "2")], b"{}".to_vec());
    assert!(twice.error(400).starts_with("Inference-Header-Content-Length: "), "{twice:?}");
    let all_json = json!({"inputs": [{"name": "x", "datatype": "INT8", "shape": [1], "data": [1]}]});
    assert_eq!(ask_binary(&server, &all_json, &[]).outputs()[0].0["data"], json!([1]));
}
