//! Tests of JSON values, parameters, conversion, encoding, and of the messages when a value does not match an author's type.

use std::{borrow::Cow, collections::BTreeMap};

use half::f16;
use insta::assert_snapshot;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Messages, assert_location};
use crate::protocol::{
    DataType, EncodeError, InferOutput, InferResponse, JsonText, ModelMetadata, Parameters, ResponseHead, TensorData,
    TensorMetadata,
};

fn json(text: &str) -> JsonText {
    JsonText::from_text(text.to_owned()).unwrap()
}

#[test]
fn json_text_keeps_the_shortest_form_of_floats() {
    #[derive(Serialize)]
    struct Box2 {
        score: f32,
        at: Option<(f64, i8)>,
        none: Option<u8>,
    }
    let text = JsonText::from_value(&Box2 { score: 0.702_009_8, at: Some((0.1, -1)), none: None }).unwrap();
    assert_eq!(text.as_str(), r#"{"score":0.7020098,"at":[0.1,-1],"none":null}"#);
}

#[test]
fn a_nan_is_an_error_at_any_depth() {
    #[derive(Serialize)]
    enum Shape {
        Point(f32),
        Line(f32, f32),
        Named { x: f32 },
    }
    #[derive(Serialize)]
    struct New(f64);
    #[derive(Serialize)]
    struct Pair(f64, u8);
    let nan = f32::NAN;
    let rejected = [
        JsonText::from_value(&nan).err(),
        JsonText::from_value(&f64::NEG_INFINITY).err(),
        JsonText::from_value(&vec![Some(nan)]).err(),
        JsonText::from_value(&(1, nan)).err(),
        JsonText::from_value(&New(f64::INFINITY)).err(),
        JsonText::from_value(&Pair(f64::NAN, 1)).err(),
        JsonText::from_value(&Shape::Point(nan)).err(),
        JsonText::from_value(&Shape::Line(0.0, nan)).err(),
        JsonText::from_value(&Shape::Named { x: nan }).err(),
        JsonText::from_value(&BTreeMap::from([("a", BTreeMap::from([("b", nan)]))])).err(),
    ];
    for error in rejected {
        assert_eq!(error.unwrap(), EncodeError::NotFinite("a number".into()));
    }
    assert_eq!(JsonText::from_value(&Shape::Line(0.5, 1.0)).unwrap().as_str(), r#"{"Line":[0.5,1.0]}"#);
}

#[test]
fn json_text_has_a_kind_and_a_string() {
    let kinds = [("\"a\"", "a string"), ("-1", "a number"), ("[]", "a list"), ("{}", "an object")];
    for (text, kind) in kinds.into_iter().chain([("true", "a boolean"), ("null", "null")]) {
        assert_eq!(json(&format!(" {text}\n")).kind(), kind);
    }
    assert!(matches!(json("\"plain\"").as_json_string(), Some(Cow::Borrowed("plain"))));
    assert_eq!(json("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"").as_json_string().unwrap(), "\"\\/\u{8}\u{c}\n\r\tA");
    assert_eq!(json("7").as_json_string(), None);
    for text in ["", "1 2", "{", "tru", "\"\\udc00\""] {
        assert!(JsonText::from_text(text).is_err(), "{text}");
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Mine {
    #[serde(default)]
    top_k: u8,
    mode: Option<Mode>,
    #[serde(default)]
    pair: (i32, i32),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Fast,
    Exact,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[allow(dead_code)]
enum Either {
    Number(f32),
    List(Vec<f32>),
}

#[derive(Debug, Deserialize)]
#[allow(dead_code)]
struct Pair(i32, bool);

fn message<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
    json(text).parse::<T>().unwrap_err().text().to_owned()
}

#[test]
fn the_message_of_a_mismatch_has_neither_the_payload_nor_rusts_type_names() {
    let mut messages = Messages::default();
    macro_rules! mismatches {
        ($($type:ty, $text:literal, $location:literal;)*) => {$(
            let text = message::<$type>($text);
            assert_location(&text, $location, "");
            assert!(!["secret", "u8", "f32", "struct"].iter().any(|word| text.contains(word)), "{text}");
            messages.add(&format!("{} as {}", $text, stringify!($type)), &text);
        )*};
    }
    mismatches! {
        u8, "\"secret, expected u64\"", "";
        u8, "\"secret \\\" b, expected x\"", "";
        u8, "300", "";
        i64, "1.5", "";
        String, "{\"secret\":1}", "";
        char, "\"secret\"", "";
        Vec<f32>, "[1,null]", "[1]";
        Vec<f32>, "\"secret\"", "";
        bool, "0", "";
        (i32, i32), "[1]", "";
        (i32, i32), "{}", "";
        [f32; 3], "[1]", "";
        Pair, "[1]", "";
        Mode, "\"secret`, expected `x\"", "";
        Mode, "7", "";
        Either, "\"secret\"", "";
        Mine, "7", "";
        BTreeMap<String, u8>, "[]", "";
        Mine, "{\"x\":1}", "";
    }
    assert_snapshot!("mismatches", messages);
}

#[test]
fn the_message_of_a_mismatch_has_the_path_to_it() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        #[serde(rename = "price")]
        _price: f32,
        #[serde(rename = "tags", default)]
        _tags: Vec<Vec<u8>>,
    }
    type Rows = BTreeMap<String, Vec<Row>>;
    let cases = [
        ("{\"rows\":[{\"price\":1},\n {\"price\": \"secret\"}]}", "rows[1].price"),
        ("{\"rows\":[\n{\"price\":1,\"tags\":[[],[1, 256 ]]}]}", "rows[0].tags[1][1]"),
        ("{\"rows\":[{ }]}", "rows[0]"),
        ("{\"rows\":[{\"price\":1,\"cost\":2}]}", "rows[0]"),
        ("{\"rows\":[{\"price\":1,\"price\":2}]}", "rows[0]"),
        ("{\"rows\":[ {\"price\":1}, [{\"price\":true}] ]}", "rows[1][0]"),
        ("{\"rows\":[{\"price\":{\"secret\":1}}]}", "rows[0].price"),
        ("{\"rows\":[{\"price\":1,\"tags\":[ {\"secret\":[1]}]}]}", "rows[0].tags[0]"),
        ("{\"é\":{}}", "é"),
    ];
    let mut messages = Messages::default();
    for (text, location) in cases {
        let message = message::<Rows>(text);
        assert_location(&message, location, "");
        messages.add(text, &message);
        let parameters = Parameters::from_text(format!("{{\"a\":{text}}}")).unwrap();
        let rejection = parameters.decode::<BTreeMap<String, Rows>>().unwrap_err();
        assert_eq!(rejection.text(), format!("parameters.a.{message}"));
    }
    assert_snapshot!("mismatches_with_paths", messages);
}

#[test]
fn parameters_decode_without_the_reserved_and_the_null_ones() {
    let read = |text: &str| Parameters::from_text(text.to_owned()).unwrap().decode::<Mine>();
    let mine = read(r#"{"action":"a","metadata":{},"score_threshold":1,"top_k":null,"mode":"fast"}"#).unwrap();
    assert_eq!((mine.top_k, matches!(mine.mode, Some(Mode::Fast))), (0, true));
    assert!(Parameters::default().decode::<()>().is_ok());
    assert!(Parameters::from_text("{\"a\":1}").unwrap().decode::<()>().is_ok());

    #[derive(Debug, Deserialize)]
    struct Needed {
        #[serde(rename = "size")]
        _size: u8,
    }
    let mut messages = Messages::default();
    for (text, location) in [
        (r#"{"top_k":"x"}"#, "parameters.top_k"),
        (r#"{"mode":"x"}"#, "parameters.mode"),
        (r#"{"topk":1}"#, "parameters"),
    ] {
        let rejection = read(text).unwrap_err();
        assert_location(rejection.text(), location, "");
        messages.add(text, rejection.text());
    }
    let missing = Parameters::default().decode::<Needed>().unwrap_err();
    assert_location(missing.text(), "parameters.size", "");
    messages.add("null, for a type that needs `size`", missing.text());
    assert_snapshot!("parameters", messages);
}

#[test]
fn parameters_are_found_by_name() {
    let parameters = Parameters::from_value(&BTreeMap::from([("a", "é"), ("action", "go")])).unwrap();
    assert_eq!(parameters.get("a").unwrap().as_str(), "\"é\"");
    assert_eq!(parameters.action(), Some("go"));
    assert!(parameters.get("b").is_none() && !parameters.is_empty());
    assert!(Parameters::from_text("{}").unwrap().is_empty() && Parameters::from_text("null").unwrap().is_empty());
    assert_location(Parameters::from_text("[1]").unwrap_err().text(), "parameters", "");
    for (text, threshold) in [("0.25", 0.25), ("\"0.25\"", 0.25), ("\" 1e-1 \"", 0.1), ("-3", -3.0)] {
        let parameters = Parameters::from_text(format!("{{\"score_threshold\":{text}}}")).unwrap();
        assert_eq!(parameters.score_threshold(), Some(threshold));
    }
}

#[test]
fn numbers_convert_exactly_or_by_rounding() {
    let converted = |data: TensorData, to| data.convert(to).map_err(|rejection| rejection.text().to_owned());
    let singles = converted(vec![5.5_f64, -0.0].into(), DataType::Fp32).unwrap().into_vec::<f32>().unwrap();
    assert_eq!(
        singles.iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
        [5.5_f32.to_bits(), (-0.0_f32).to_bits()]
    );
    let rounded =
        converted(vec![5.1_f64, 0.1, 1e-50, f64::from(f32::MAX), f64::NAN, f64::NEG_INFINITY].into(), DataType::Fp32);
    let rounded = rounded.unwrap().into_vec::<f32>().unwrap();
    assert_eq!(rounded[..4], [5.1, 0.1, 0.0, f32::MAX]);
    assert!(rounded[4].is_nan() && rounded[5] == f32::NEG_INFINITY);
    let halves = converted(vec![0.1_f32, 65_519.0].into(), DataType::Fp16).unwrap();
    assert_eq!(halves.into_vec::<f16>().unwrap(), [f16::from_f32(0.1), f16::MAX]);
    let whole = converted(vec![3.0_f32, -4.0].into(), DataType::Int64).unwrap();
    assert_eq!(whole.into_vec::<i64>().unwrap(), [3, -4]);
    let halves = converted(vec![2048_u64].into(), DataType::Fp16).unwrap();
    assert_eq!(halves.into_vec::<f16>().unwrap(), [f16::from_f32(2048.0)]);
    let mut messages = Messages::default();
    let rejected: [(&str, TensorData, DataType, &str); 14] = [
        ("[0, 16777217]", vec![0, 16_777_217_i64].into(), DataType::Fp32, "data[1]"),
        ("[2^64 - 1]", vec![u64::MAX].into(), DataType::Fp64, "data[0]"),
        ("[-1]", vec![-1_i8].into(), DataType::Uint64, "data[0]"),
        ("[0.5]", vec![0.5_f32].into(), DataType::Int8, "data[0]"),
        ("[1e39]", vec![1e39_f64].into(), DataType::Fp32, "data[0]"),
        ("[65520]", vec![65_520_f32].into(), DataType::Fp16, "data[0]"),
        ("[70000.5]", vec![70_000.5_f64].into(), DataType::Fp16, "data[0]"),
        ("[1e300]", vec![1e300_f64].into(), DataType::Uint64, "data[0]"),
        ("[300]", vec![300_f64].into(), DataType::Uint8, "data[0]"),
        ("[NaN]", vec![f32::NAN].into(), DataType::Int8, "data[0]"),
        ("[-inf]", vec![f32::NEG_INFINITY].into(), DataType::Int8, "data[0]"),
        ("[70000]", vec![70_000_i32].into(), DataType::Fp16, "data[0]"),
        ("[true]", vec![true].into(), DataType::Fp32, ""),
        ("[\"1\"]", vec!["1".to_owned()].into(), DataType::Int64, ""),
    ];
    for (text, data, to, location) in rejected {
        let case = format!("{text} from {} to {to}", data.datatype());
        let message = converted(data, to).unwrap_err();
        assert_location(&message, location, "");
        messages.add(&case, &message);
    }
    assert_snapshot!("conversions", messages);
    for special in [f64::NAN, f64::INFINITY, 1e300] {
        assert!(converted(vec![special].into(), DataType::Int64).is_err());
    }
}

#[test]
fn data_is_read_as_its_own_type_only() {
    let data = TensorData::from(vec![1_u8, 2]);
    assert_eq!((data.as_slice::<i8>(), data.as_slice::<u8>()), (None, Some(&[1_u8, 2][..])));
    let data = data.into_vec::<f32>().unwrap_err();
    assert_eq!(data.into_vec::<u8>().unwrap(), [1, 2]);
    for datatype in DataType::ALL {
        assert_eq!(datatype.as_str().parse(), Ok(*datatype));
    }
    assert!("fp32".parse::<DataType>().is_err());
}

#[test]
fn a_response_is_written_without_what_is_absent() {
    let mut image = InferOutput::new("image\"0", vec![1], TensorData::from(vec![json("[{\"label\":\"plane\"}]")]));
    image.metadata = Some(json("{ \"a\":1 }"));
    let half = InferOutput::new("h", vec![1, 2], TensorData::from(vec![f16::from_f32(0.1), f16::from_f32(1.0)]));
    let flags = InferOutput::new("b", vec![], TensorData::from(vec![true]));
    let words = InferOutput::new("w", vec![2], TensorData::from(vec!["a".to_owned(), "\n".to_owned()]));
    let response = InferResponse::new(vec![image, half, flags, words]);
    let text = response.encode(&ResponseHead::new("m", Some("2"), "é")).unwrap();
    let expected = r#"{"model_name":"m","model_version":"2","id":"é","outputs":[{"name":"image\"0","datatype":"BYTES","shape":[1],"data":[[{"label":"plane"}]],"parameters":{"metadata":{ "a":1 }}},{"name":"h","datatype":"FP16","shape":[1,2],"data":[0.099975586,1.0]},{"name":"b","datatype":"BOOL","shape":[],"data":[true]},{"name":"w","datatype":"BYTES","shape":[2],"data":["a","\n"]}]}"#;
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[test]
fn an_output_that_json_cannot_represent_is_an_error_with_the_name_of_the_output() {
    let head = ResponseHead::new("m", None, "");
    let rejected = |shape: Vec<usize>, data: TensorData| {
        InferResponse::new(vec![InferOutput::new("y", shape, data)]).encode(&head).unwrap_err()
    };
    let cases = [
        ("[0, NaN] in FP32", rejected(vec![2], vec![0.0, f32::NAN].into()), "output 'y': data[1]"),
        ("[infinity] in FP16", rejected(vec![1], vec![f16::INFINITY].into()), "output 'y': data[0]"),
    ];
    let mut messages = Messages::default();
    for (case, error, location) in cases {
        assert_eq!(error, EncodeError::NotFinite(location.into()));
        messages.add(case, &error.to_string());
    }
    let error = rejected(vec![2, 3], vec![0_i32; 5].into());
    assert!(matches!(&error, EncodeError::Invalid(text) if text.starts_with("output 'y': ")), "{error}");
    messages.add("5 elements as [2, 3]", &error.to_string());
    assert_snapshot!("outputs", messages);
}

#[test]
fn metadata_of_a_model_is_written_as_the_protocol_defines() {
    let tensor = TensorMetadata::new("x", DataType::Fp32, [-1, 4]);
    let mut model = ModelMetadata::new("m", "p");
    model.inputs.push(tensor);
    let expected = r#"{"name":"m","versions":[],"platform":"p","inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}],"outputs":[]}"#;
    assert_eq!(serde_json::to_string(&model).unwrap(), expected);
}
