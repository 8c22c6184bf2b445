//! Binary tensors over a socket: every datatype in both directions, mixed with JSON, alone, and as the items of an
//! engine.

use std::io::Cursor;

use chariot_engine::{
    model::{Dim, TensorSpec},
    prelude::*,
    protocol::DataType,
};
use e2e::{DEADLINE, Messages};
use serde_json::{Value, json};

use crate::{
    scripted::{Scripted, echo},
    support::Server,
};

const JSON_LENGTH: &str = "inference-header-content-length";

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

fn same() -> Server {
    Server::start(Engine::builder().model::<Same>("same"))
}

/// A response of JSON and binary tensors.
#[derive(Debug)]
struct Answer {
    status: u16,
    content_type: String,
    json: Value,
    /// The bytes after the JSON; `None` if no header announces them.
    tail: Option<Vec<u8>>,
}

impl Answer {
    /// Returns the outputs of a success, each with its part of the tail.
    #[track_caller]
    fn outputs(&self) -> Vec<(Value, Vec<u8>)> {
        assert_eq!(self.status, 200, "{self:?}");
        let content_type = if self.tail.is_some() { "application/octet-stream" } else { "application/json" };
        assert_eq!(self.content_type, content_type);
        let mut rest = self.tail.as_deref().unwrap_or_default();
        let mut outputs = Vec::new();
        for output in self.json["outputs"].as_array().unwrap() {
            let size = output["parameters"]["binary_data_size"].as_u64();
            assert_eq!(size.is_some(), output.get("data").is_none(), "either data or a binary size: {output}");
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

/// Sends JSON followed by binary tensors.
fn ask_binary(server: &Server, request: &Value, tail: &[u8]) -> Answer {
    let json = request.to_string();
    ask(server, &[(JSON_LENGTH, &json.len().to_string())], [json.as_bytes(), tail].concat())
}

fn ask_raw(server: &Server, body: &[u8]) -> Answer {
    ask(server, &[(JSON_LENGTH, "0")], body.to_vec())
}

/// An input with `size` bytes of binary data.
fn input(name: &str, datatype: &str, shape: &[usize], size: usize) -> Value {
    json!({"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}})
}

/// Encodes elements of BYTES in binary form.
fn elements(elements: &[&[u8]]) -> Vec<u8> {
    let written = |element: &&[u8]| [&(element.len() as u32).to_le_bytes(), *element].concat();
    elements.iter().flat_map(written).collect()
}

#[test]
fn every_datatype_is_read_and_written_in_both_forms() {
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
fn values_that_json_cannot_hold_are_returned_in_binary_form_only() {
    let server = same();
    let nan = [0, 0, 0xc0, 0x7f];
    let mut messages = Messages::new();
    for (case, datatype, bytes) in [("NaN", "FP32", &nan[..]), ("not UTF-8", "BYTES", &elements(&[b"\xff\0"]))] {
        let mut request = json!({"inputs": [input("x", datatype, &[1], bytes.len())]});
        let answer = ask_binary(&server, &request, bytes);
        // The caller has sent what cannot be returned.
        let error = answer.error(400);
        assert!(error.starts_with("input 'x': "), "{error}");
        messages.add(case, error);
        request["outputs"] = json!([{"name": "x", "parameters": {"binary_data": true}}]);
        assert_eq!(ask_binary(&server, &request, bytes).outputs()[0].1, bytes);
    }
    insta::assert_snapshot!("not_json", messages);
}

/// A model that divides one number by another, row by row.
struct Ratio;

impl Model for Ratio {
    type Settings = ();
    type Input = Row<[f32; 2]>;
    type Output = Regression;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Ratio)
    }

    async fn infer(&self, batch: Batch<Row<[f32; 2]>>) -> Result<Vec<Regression>> {
        batch.try_map(|row| Ok((row.0[0] / row.0[1]).into()))
    }
}

/// A model that divides the elements of tensors by their first one.
struct Unit;

impl Model for Unit {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Unit)
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|item| {
            let mut output = Tensors::default();
            for (name, shape, data) in item.iter() {
                let values = data.as_slice::<f32>().unwrap_or_default();
                output.push(name, shape, values.iter().map(|value| value / values[0]).collect::<Vec<f32>>());
            }
            Ok(output)
        })
    }
}

#[test]
fn an_output_that_json_cannot_hold_blames_the_caller_only_for_an_input_that_it_cannot_hold() {
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let rows = Server::start(Engine::builder().model::<Ratio>("ratio"));
    let tensors = Server::start(Engine::builder().model::<Unit>("unit"));
    for server in [&rows, &tensors] {
        let send = |values: &[f32], asks_binary: bool| {
            let request = json!({
                "inputs": [input("x", "FP32", &[1, 2], 8)],
                "parameters": {"binary_data_output": asks_binary},
            });
            ask_binary(server, &request, &bytes(values))
        };
        assert_eq!(send(&[2.0, 4.0], false).status, 200);
        // The model divides by zero: its own fault, whatever the form of the request.
        send(&[0.0, 0.0], false).error(500);
        let written = json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [0, 0]}]});
        ask(server, &[], written.to_string().into()).error(500);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = send(&[bad, bad], false);
            assert!(error.error(400).starts_with("input 'x': "), "{error:?}");
        }
    }
    // An infinity is a value like any other if the output is finite.
    let request = json!({"inputs": [input("x", "FP32", &[1, 2], 8)]});
    let answer = ask_binary(&rows, &request, &bytes(&[1.0, f32::INFINITY]));
    assert_eq!(answer.json["outputs"][0]["data"], json!([0.0]));
    let mut binary = request;
    binary["parameters"] = json!({"binary_data_output": true});
    assert_eq!(ask_binary(&tensors, &binary, &bytes(&[f32::NAN, 1.0])).outputs().len(), 1);
    // The output for a row is JSON also within a binary response.
    let error = ask_binary(&rows, &binary, &bytes(&[f32::NAN, 1.0]));
    assert!(error.error(400).starts_with("input 'x': "), "{error:?}");
}

/// A model of one FP32 tensor that accepts other data types.
struct Converting;

impl Model for Converting {
    type Settings = ();
    type Input = Tensors;
    type Output = Tensors;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Converting)
    }

    fn spec() -> Spec {
        Spec::new::<Self>().inputs([TensorSpec::new("x", DataType::Fp32, &[Dim::Any], "").converting()])
    }

    async fn infer(&self, batch: Batch<Tensors>) -> Result<Vec<Tensors>> {
        batch.try_map(|item| Ok(item.into_value()))
    }
}

/// NumPy makes FP64 of numbers unless told otherwise.
#[test]
fn doubles_are_rounded_where_a_model_converts() {
    let server = Server::start(Engine::builder().model::<Converting>("converting"));
    let values = [5.1, -0.1, 1e-50, f64::from(f32::MAX), 3.0];
    let rounded = values.map(|value| value as f32);
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let written = json!({"name": "x", "datatype": "FP64", "shape": [5], "data": values});
    let binary = json!({"inputs": [input("x", "FP64", &[5], 40)]});
    for answer in
        [ask(&server, &[], json!({"inputs": [written]}).to_string().into()), ask_binary(&server, &binary, &bytes)]
    {
        let output = &answer.outputs()[0].0;
        assert_eq!(output["datatype"], "FP32");
        let data: Vec<f32> = serde_json::from_value(output["data"].clone()).unwrap();
        assert_eq!(data, rounded);
    }
    let integers = json!({"inputs": [{"name": "x", "datatype": "INT64", "shape": [2], "data": [16_777_216, -3]}]});
    let answer = ask(&server, &[], integers.to_string().into());
    assert_eq!(answer.outputs()[0].0["data"], json!([16_777_216.0, -3.0]));
    let mut messages = Messages::new();
    for (datatype, data) in
        [("FP64", json!([1.0, 3.5e38])), ("FP64", json!([1.0, -1e300])), ("INT64", json!([1, 16_777_217]))]
    {
        let request = json!({"inputs": [{"name": "x", "datatype": datatype, "shape": [2], "data": data}]});
        let answer = ask(&server, &[], request.to_string().into());
        let error = answer.error(400);
        assert!(error.starts_with("input 'x': data[1]: "), "{error}");
        messages.add(format!("{datatype} {data}"), error);
    }
    insta::assert_snapshot!("converted", messages);
}

#[test]
fn json_and_binary_inputs_and_outputs_can_be_mixed() {
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
fn a_large_tensor_is_returned_byte_for_byte() {
    let server = same();
    let count = 300_000;
    let bytes: Vec<u8> = (0..count as u32).flat_map(|value| value.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let request =
        json!({"inputs": [input("x", "FP32", &[count], bytes.len())], "parameters": {"binary_data_output": true}});
    assert!(ask_binary(&server, &request, &bytes).outputs()[0].1 == bytes);
    assert!(ask_raw(&server, &bytes).outputs()[0].1 == elements(&[&bytes]));
}

/// A model that sums rows of a candle tensor.
struct Rows;

#[derive(TensorInput)]
struct Features {
    /// Two numbers per row
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
fn a_raw_tensor_gets_its_shape_from_the_engine() {
    let server = Server::start(Engine::builder().model::<Rows>("rows"));
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
    let outputs = ask_raw(&server, &bytes(&[1.0, 2.0, 0.5, 0.25])).outputs();
    assert_eq!(outputs, [(input("sums", "FP32", &[2], 8), bytes(&[3.0, 0.75]))]);
    let mut messages = Messages::new();
    for (case, body) in [("12 bytes", bytes(&[1.0, 2.0, 0.5])), ("empty", vec![])] {
        let answer = ask_raw(&server, &body);
        let error = answer.error(400);
        assert!(error.starts_with("input 'features': "), "{error}");
        messages.add(case, error);
    }
    insta::assert_snapshot!("raw", messages);
    // The offset in the body, and therefore the alignment, does not matter.
    for blanks in 0..4 {
        let values = bytes(&[1.0, 2.0]);
        let json = json!({"inputs": [input("features", "FP32", &[1, 2], 8)]}).to_string() + &" ".repeat(blanks);
        let body = [json.as_bytes(), &values].concat();
        let answer = ask(&server, &[(JSON_LENGTH, &json.len().to_string())], body);
        assert_eq!(answer.outputs()[0].0["data"], json!([3.0]));
    }
}

/// A model that converts tensors of any datatype to candle and back.
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
            answer.push_candle("x", &item.into_value().take_candle("x", &device)?)?;
            Ok(answer)
        })
    }
}

#[test]
fn binary_tensors_become_candle_tensors() {
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
fn a_binary_element_of_a_text_engine_is_utf8_and_its_output_is_json() {
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
    let mut messages = Messages::new();
    for (case, datatype, tail) in [("not UTF-8", "BYTES", elements(&[b"\xff"])), ("a number", "INT8", vec![1])] {
        let answer = ask_binary(&server, &json!({"inputs": [input("a", datatype, &[1], tail.len())]}), &tail);
        let error = answer.error(400);
        assert!(error.starts_with("input 'a': "), "{error}");
        messages.add(case, error);
    }
    insta::assert_snapshot!("text", messages);
}

/// A model that sums lists of numbers.
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
fn a_binary_element_of_a_json_engine_is_a_value_as_json_text() {
    let server = Server::start(Engine::builder().model::<Lists>("lists"));
    let ask = |text: &[u8]| {
        let bytes = elements(&[text]);
        ask_binary(&server, &json!({"inputs": [input("a", "BYTES", &[1], bytes.len())]}), &bytes)
    };
    assert_eq!(ask(b" [1, 2] ").outputs()[0].0["data"], json!([3]));
    assert_eq!(ask(br#""[1, 2]""#).outputs()[0].0["data"], json!([3]));
    for malformed in [&b"[1, 2"[..], b"\xff"] {
        let answer = ask(malformed);
        let error = answer.error(400);
        assert!(error.starts_with("input 'a': "), "{error}");
    }
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

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image::GrayImage::new(width, height).write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

#[test]
fn a_binary_image_is_the_bytes_of_its_file() {
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
    let encoded = ask_binary(&server, &request, &base64);
    let error = encoded.error(400);
    assert!(error.starts_with("input 'a': "), "{error}");
    insta::assert_snapshot!("image", error);
}

#[test]
fn a_malformed_binary_request_is_a_400_that_names_the_input_or_the_header() {
    let server = same();
    let one = |size: usize| json!({"inputs": [input("x", "INT16", &[1], size)]});
    let size = "input 'x': parameters.binary_data_size: ";
    let header = "Inference-Header-Content-Length: ";
    let body = || b"{}".to_vec();
    let mut messages = Messages::new();
    for (case, location, answer) in [
        ("size 4 for two bytes", size, ask_binary(&server, &one(4), &[0; 4])),
        ("one byte of two", size, ask_binary(&server, &one(2), &[0; 1])),
        ("three bytes of two", "", ask_binary(&server, &one(2), &[0; 3])),
        ("no header", size, ask(&server, &[], one(2).to_string().into())),
        ("length 3 of 2", header, ask(&server, &[(JSON_LENGTH, "3")], body())),
        ("length 'ten'", header, ask(&server, &[(JSON_LENGTH, "ten")], body())),
        ("two headers", header, ask(&server, &[(JSON_LENGTH, "1"), (JSON_LENGTH, "2")], body())),
    ] {
        let error = answer.error(400);
        assert!(error.starts_with(location), "{case}: {error}");
        messages.add(case, error);
    }
    insta::assert_snapshot!("malformed", messages);
    let all_json = json!({"inputs": [{"name": "x", "datatype": "INT8", "shape": [1], "data": [1]}]});
    assert_eq!(ask_binary(&server, &all_json, &[]).outputs()[0].0["data"], json!([1]));
}
