//! Tests of JSON texts, parameters, conversion, encoding, and of what a caller reads when a type of an author's does not
//! fit.

use std::{borrow::Cow, collections::BTreeMap};

use half::f16;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::protocol::{
    DataType, InferOutput, InferResponse, JsonText, ModelMetadata, Parameters, ResponseHead, TensorData, TensorMetadata,
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
fn a_nan_is_an_error_wherever_it_stands() {
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
    let refused = [
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
    for error in refused {
        assert_eq!(error.unwrap().to_string(), "a number is NaN or infinite, which JSON cannot hold");
    }
    assert_eq!(JsonText::from_value(&Shape::Line(0.5, 1.0)).unwrap().as_str(), r#"{"Line":[0.5,1.0]}"#);
}

#[test]
fn json_text_says_what_it_is_and_gives_its_string() {
    let kinds = [("\"a\"", "a string"), ("-1", "a number"), ("[]", "a list"), ("{}", "an object")];
    for (text, kind) in kinds.into_iter().chain([("true", "true or false"), ("null", "null")]) {
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

fn text_of<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
    json(text).parse::<T>().unwrap_err().text().to_owned()
}

#[test]
fn what_does_not_fit_a_type_is_told_without_payload_and_without_rusts_names() {
    assert_eq!(text_of::<u8>("\"secret, expected u64\""), "an integer from 0 to 255 is expected, a string came");
    assert_eq!(text_of::<u8>("\"a \\\" b, expected x\""), "an integer from 0 to 255 is expected, a string came");
    assert_eq!(text_of::<u8>("300"), "an integer from 0 to 255 is expected, a number that is none came");
    assert_eq!(text_of::<i64>("1.5"), "an integer is expected, a number came");
    assert_eq!(text_of::<String>("{\"secret\":1}"), "a string is expected, an object came");
    assert_eq!(text_of::<Vec<f32>>("[1,null]"), "[1]: a number is expected, null came");
    assert_eq!(text_of::<Vec<f32>>("\"secret\""), "a list is expected, a string came");
    assert_eq!(text_of::<bool>("0"), "true or false is expected, a number came");
    assert_eq!(text_of::<(i32, i32)>("[1]"), "a list of 2 is expected, a length of 1 came");
    assert_eq!(text_of::<[f32; 3]>("[1]"), "a list of 3 is expected, a length of 1 came");
    assert_eq!(text_of::<Mode>("\"secret`, expected `x\""), "'fast' or 'exact' is expected, something else came");
    assert_eq!(text_of::<Either>("\"secret\""), "the value has none of the forms that are known here");
    assert_eq!(text_of::<Mine>("7"), "an object is expected, a number came");
    assert_eq!(text_of::<BTreeMap<String, u8>>("[]"), "an object is expected, a list came");
    assert_eq!(text_of::<Mine>("{\"x\":1}"), "'x' is unknown; one of 'top_k', 'mode', 'pair' is expected");
}

#[test]
fn what_does_not_fit_is_told_with_the_path_to_it() {
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
        ("{\"rows\":[{\"price\":1},\n {\"price\": \"secret\"}]}", "rows[1].price: a number is expected, a string came"),
        (
            "{\"rows\":[\n{\"price\":1,\"tags\":[[],[1, 256 ]]}]}",
            "rows[0].tags[1][1]: an integer from 0 to 255 is expected, a number that is none came",
        ),
        ("{\"rows\":[{ }]}", "rows[0]: the member 'price' is missing"),
        ("{\"rows\":[{\"price\":1,\"cost\":2}]}", "rows[0]: 'cost' is unknown; 'price' or 'tags' is expected"),
        ("{\"rows\":[{\"price\":1,\"price\":2}]}", "rows[0]: the member 'price' stands twice in its object"),
        ("{\"rows\":[ {\"price\":1}, [{\"price\":true}] ]}", "rows[1][0]: a number is expected, an object came"),
        ("{\"rows\":[{\"price\":{\"secret\":1}}]}", "rows[0].price: a number is expected, an object came"),
        (
            "{\"rows\":[{\"price\":1,\"tags\":[ {\"secret\":[1]}]}]}",
            "rows[0].tags[0]: a list is expected, an object came",
        ),
        ("{\"é\":{}}", "é: a list is expected, an object came"),
    ];
    for (text, expected) in cases {
        assert_eq!(text_of::<Rows>(text), expected);
        let parameters = Parameters::from_text(format!("{{\"a\":{text}}}")).unwrap();
        let rejection = parameters.decode::<BTreeMap<String, Rows>>().unwrap_err();
        assert_eq!(rejection.text(), format!("parameters.a.{expected}"));
    }
}

#[test]
fn parameters_decode_without_the_reserved_and_the_null_ones() {
    let read = |text: &str| Parameters::from_text(text.to_owned()).unwrap().decode::<Mine>();
    let mine = read(r#"{"action":"a","metadata":{},"score_threshold":1,"top_k":null,"mode":"fast"}"#).unwrap();
    assert_eq!((mine.top_k, matches!(mine.mode, Some(Mode::Fast))), (0, true));
    let fault = |text: &str| read(text).unwrap_err().text().to_owned();
    assert_eq!(fault(r#"{"top_k":"x"}"#), "parameters.top_k: an integer from 0 to 255 is expected, a string came");
    assert_eq!(fault(r#"{"mode":"x"}"#), "parameters.mode: 'fast' or 'exact' is expected, something else came");
    assert_eq!(fault(r#"{"topk":1}"#), "parameters: 'topk' is unknown; one of 'top_k', 'mode', 'pair' is expected");
    assert!(Parameters::default().decode::<()>().is_ok());
    assert!(Parameters::from_text("{\"a\":1}").unwrap().decode::<()>().is_ok());

    #[derive(Debug, Deserialize)]
    struct Needed {
        #[serde(rename = "size")]
        _size: u8,
    }
    let missing = Parameters::default().decode::<Needed>().unwrap_err();
    assert_eq!(missing.text(), "parameters.size: a value is expected, the member is missing");
}

#[test]
fn parameters_are_found_by_name() {
    let parameters = Parameters::from_value(&BTreeMap::from([("a", "é"), ("action", "go")])).unwrap();
    assert_eq!(parameters.get("a").unwrap().as_str(), "\"é\"");
    assert_eq!(parameters.action(), Some("go"));
    assert!(parameters.get("b").is_none() && !parameters.is_empty());
    assert!(Parameters::from_text("{}").unwrap().is_empty() && Parameters::from_text("null").unwrap().is_empty());
    assert_eq!(Parameters::from_text("[1]").unwrap_err().text(), "parameters: an object is expected, a list came");
    for (text, threshold) in [("0.25", 0.25), ("\"0.25\"", 0.25), ("\" 1e-1 \"", 0.1), ("-3", -3.0)] {
        let parameters = Parameters::from_text(format!("{{\"score_threshold\":{text}}}")).unwrap();
        assert_eq!(parameters.score_threshold(), Some(threshold));
    }
}

#[test]
fn numbers_convert_where_nothing_is_lost() {
    let converted = |data: TensorData, to| data.convert(to).map_err(|rejection| rejection.text().to_owned());
    let singles = converted(vec![5.5_f64, -0.0].into(), DataType::Fp32).unwrap().into_vec::<f32>().unwrap();
    assert_eq!(
        singles.iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
        [5.5_f32.to_bits(), (-0.0_f32).to_bits()]
    );
    let whole = converted(vec![3.0_f32, -4.0].into(), DataType::Int64).unwrap();
    assert_eq!(whole.into_vec::<i64>().unwrap(), [3, -4]);
    let halves = converted(vec![2048_u64].into(), DataType::Fp16).unwrap();
    assert_eq!(halves.into_vec::<f16>().unwrap(), [f16::from_f32(2048.0)]);
    let refused: [(TensorData, DataType, &str); 9] = [
        (
            vec![5.1_f64].into(),
            DataType::Fp32,
            "data[0]: a value that FP32 holds exactly is expected, one of FP64 that it does not hold came",
        ),
        (
            vec![0, 16_777_217_i64].into(),
            DataType::Fp32,
            "data[1]: a value that FP32 holds exactly is expected, one of INT64 that it does not hold came",
        ),
        (
            vec![u64::MAX].into(),
            DataType::Fp64,
            "data[0]: a value that FP64 holds exactly is expected, one of UINT64 that it does not hold came",
        ),
        (
            vec![-1_i8].into(),
            DataType::Uint64,
            "data[0]: a value that UINT64 holds exactly is expected, one of INT8 that it does not hold came",
        ),
        (
            vec![0.5_f32].into(),
            DataType::Int8,
            "data[0]: a value that INT8 holds exactly is expected, one of FP32 that it does not hold came",
        ),
        (
            vec![1e39_f64].into(),
            DataType::Fp32,
            "data[0]: a value that FP32 holds exactly is expected, one of FP64 that it does not hold came",
        ),
        (
            vec![70_000_i32].into(),
            DataType::Fp16,
            "data[0]: a value that FP16 holds exactly is expected, one of INT32 that it does not hold came",
        ),
        (vec![true].into(), DataType::Fp32, "FP32 is expected, BOOL came"),
        (vec!["1".to_owned()].into(), DataType::Int64, "INT64 is expected, BYTES came"),
    ];
    for (data, to, expected) in refused {
        assert_eq!(converted(data, to).unwrap_err(), expected);
    }
    for special in [f64::NAN, f64::INFINITY, 1e300] {
        assert!(converted(vec![special].into(), DataType::Int64).is_err());
    }
}

#[test]
fn data_is_taken_as_its_own_type_only() {
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
    let text = response.encode(&ResponseHead { model_name: "m", model_version: Some("2"), id: "é" }).unwrap();
    let expected = r#"{"model_name":"m","model_version":"2","id":"é","outputs":[{"name":"image\"0","datatype":"BYTES","shape":[1],"data":[[{"label":"plane"}]],"parameters":{"metadata":{ "a":1 }}},{"name":"h","datatype":"FP16","shape":[1,2],"data":[0.099975586,1.0]},{"name":"b","datatype":"BOOL","shape":[],"data":[true]},{"name":"w","datatype":"BYTES","shape":[2],"data":["a","\n"]}]}"#;
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[test]
fn what_json_cannot_hold_is_an_error_that_names_the_output() {
    let head = ResponseHead { model_name: "m", model_version: None, id: "" };
    let refused = |shape: Vec<usize>, data: TensorData| {
        InferResponse::new(vec![InferOutput::new("y", shape, data)]).encode(&head).unwrap_err().to_string()
    };
    assert_eq!(
        refused(vec![2], vec![0.0, f32::NAN].into()),
        "output 'y': data[1] is NaN or infinite, which JSON cannot hold"
    );
    assert_eq!(
        refused(vec![1], vec![f16::INFINITY].into()),
        "output 'y': data[0] is NaN or infinite, which JSON cannot hold"
    );
    assert_eq!(refused(vec![2, 3], vec![0_i32; 5].into()), "output 'y': shape [2,3] needs 6 elements, 5 came");
}

#[test]
fn metadata_of_a_model_is_written_as_the_protocol_has_it() {
    let tensor = TensorMetadata::new("x", DataType::Fp32, [-1, 4]);
    let model = ModelMetadata {
        name: "m".into(),
        versions: vec![],
        platform: "p".into(),
        inputs: vec![tensor],
        outputs: vec![],
    };
    let expected = r#"{"name":"m","versions":[],"platform":"p","inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}],"outputs":[]}"#;
    assert_eq!(serde_json::to_string(&model).unwrap(), expected);
}
