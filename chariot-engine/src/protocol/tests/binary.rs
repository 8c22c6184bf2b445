//! Binary tensors: their meaning, the messages for invalid ones, round trips of every type, and no panic on any input.

use bytes::Bytes;
use half::{bf16, f16};
use insta::assert_snapshot;
use proptest::prelude::*;

use super::{Messages, assert_location};
use crate::protocol::{
    BytesElement, DataType, ElementType, EncodeError, EncodedResponse, InferOutput, InferRequest, InferResponse,
    JsonText, ResponseHead, TensorData, TensorMetadata, json_length,
};

const HEAD: ResponseHead<'_> = ResponseHead::new("m", None, "7");

fn decode(json: &str, tail: &[u8]) -> Result<InferRequest, String> {
    let body = Bytes::from([json.as_bytes(), tail].concat());
    InferRequest::decode_binary(&body, json.len()).map_err(|rejection| rejection.text().to_owned())
}

/// Returns a request with one input `x` with these members.
fn input(members: &str) -> String {
    format!("{{\"inputs\":[{{\"name\":\"x\",{members}}}]}}")
}

/// Returns a request with one tensor `x` of `size` bytes after the JSON.
fn tensor(datatype: &str, shape: &str, size: usize) -> String {
    input(&format!("\"datatype\":\"{datatype}\",\"shape\":{shape},\"parameters\":{{\"binary_data_size\":{size}}}"))
}

/// Returns the binary form of BYTES.
fn elements(elements: &[&[u8]]) -> Vec<u8> {
    let written = |element: &&[u8]| [&(element.len() as u32).to_le_bytes(), *element].concat();
    elements.iter().flat_map(written).collect()
}

fn encode(data: TensorData, shape: Vec<usize>) -> EncodedResponse {
    InferResponse::new(vec![InferOutput::new("x", shape, data)]).encode_binary(&HEAD, |_| true).unwrap()
}

/// Returns the bytes after the JSON.
fn tail(encoded: &EncodedResponse) -> &[u8] {
    &encoded.body[encoded.json_length.unwrap()..]
}

/// Writes a response in binary form and reads its output back as an input.
fn round_trip(data: TensorData) -> TensorData {
    let encoded = encode(data.clone(), vec![data.len()]);
    let json = std::str::from_utf8(&encoded.body[..encoded.json_length.unwrap()]).unwrap();
    decode(&json.replace("\"outputs\"", "\"inputs\""), tail(&encoded)).unwrap().inputs.remove(0).data
}

#[test]
fn every_type_is_little_endian_and_without_padding() {
    let one_of_each: Vec<(TensorData, &[u8])> = vec![
        (vec![true, false].into(), &[1, 0]),
        (vec![1_u8, 255].into(), &[1, 255]),
        (vec![0x0102_u16].into(), &[2, 1]),
        (vec![0x0102_0304_u32].into(), &[4, 3, 2, 1]),
        (vec![0x0102_0304_0506_0708_u64].into(), &[8, 7, 6, 5, 4, 3, 2, 1]),
        (vec![-1_i8].into(), &[255]),
        (vec![-2_i16].into(), &[254, 255]),
        (vec![-2_i32].into(), &[254, 255, 255, 255]),
        (vec![-2_i64].into(), &[254, 255, 255, 255, 255, 255, 255, 255]),
        (vec![f16::ONE].into(), &[0, 0x3c]),
        (vec![bf16::ONE].into(), &[0x80, 0x3f]),
        (vec![1.0_f32].into(), &[0, 0, 0x80, 0x3f]),
        (vec![1.0_f64].into(), &[0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
        (vec!["é".to_owned(), String::new()].into(), &[2, 0, 0, 0, 0xc3, 0xa9, 0, 0, 0, 0]),
    ];
    let types: Vec<_> = one_of_each.iter().map(|(data, _)| data.datatype()).collect();
    assert_eq!(types, DataType::ALL);
    for (data, bytes) in one_of_each {
        let (datatype, count) = (data.datatype(), data.len());
        assert_eq!(tail(&encode(data, vec![count])), bytes, "{datatype}");
        let request = decode(&tensor(datatype.as_str(), &format!("[{count}]"), bytes.len()), bytes).unwrap();
        let read = &request.inputs[0].data;
        assert_eq!((read.datatype(), read.len()), (datatype, count));
        assert_eq!(tail(&encode(read.clone(), vec![count])), bytes, "{datatype}");
    }
}

#[test]
fn a_tensor_is_a_slice_of_the_body_until_its_values_are_requested() {
    let body = Bytes::from([tensor("UINT8", "[3]", 3).as_bytes(), &[1, 2, 3]].concat());
    let request = InferRequest::decode_binary(&body, body.len() - 3).unwrap();
    let values = request.inputs[0].data.as_slice::<u8>().unwrap();
    assert_eq!(values.as_ptr(), body[body.len() - 3..].as_ptr());

    let json = tensor("INT16", "[2]", 4);
    let data = decode(&json, &[1, 0, 255, 255]).unwrap().inputs.remove(0).data;
    let (shared, same_type) = (data.clone(), data.as_slice::<i16>().map(<[i16]>::to_vec));
    assert_eq!((same_type, data.as_slice::<u16>()), (Some(vec![1, -1]), None));
    assert_eq!(shared.as_slice::<i16>(), Some(&[1, -1][..]));
    let data = data.into_vec::<f32>().unwrap_err();
    assert_eq!(data.into_vec::<i16>().unwrap(), [1, -1], "while a clone shares it");
    assert_eq!(shared.convert(DataType::Int64).unwrap().into_vec::<i64>().unwrap(), [1, -1]);
    let flags = decode(&tensor("BOOL", "[1]", 1), &[1]).unwrap().inputs.remove(0).data;
    assert_eq!(flags.convert(DataType::Int8).unwrap_err().text(), "expected INT8, got BOOL");
}

#[test]
fn tensors_follow_in_the_order_of_the_inputs_and_may_be_mixed_with_json() {
    let json = r#"{"inputs":[
        {"name":"a","parameters":{"binary_data_size":2,"action":"go"},"shape":[1],"datatype":"UINT16"},
        {"name":"b","datatype":"FP32","shape":[2],"data":[1,2]},
        {"name":"c","datatype":"BYTES","shape":[2],"parameters":{"binary_data_size":9}},
        {"name":"d","parameters":{"binary_data_size":5},"shape":[480,640,3]},
        {"name":"e","datatype":"INT8","shape":[0],"parameters":{"binary_data_size":0}},
        {"name":"f","datatype":"INT8","shape":[1],"data":[7],"parameters":{"binary_data_size":null}}]}"#;
    let tail = [&[1, 2][..], &elements(&[b"", b"\xff"]), &elements(&[b"!"])].concat();
    let request = decode(json, &tail).unwrap();
    let data = |name: &str| request.input(name).unwrap().data.clone();
    assert_eq!(data("a").as_slice::<u16>(), Some(&[0x0201][..]));
    assert_eq!(data("b").as_slice::<f32>(), Some(&[1.0, 2.0][..]));
    let bytes = |name| data(name).bytes_elements().unwrap().collect::<Vec<_>>();
    assert_eq!(bytes("c"), [&b""[..], b"\xff"].map(|bytes| BytesElement::Binary(bytes.into())));
    assert_eq!(bytes("d"), [BytesElement::Binary("!".into())], "the shape of BYTES may be that of an image");
    assert_eq!(data("e").as_slice::<i8>(), Some(&[][..]));
    assert_eq!(data("f").as_slice::<i8>(), Some(&[7][..]));
    assert_eq!(request.input("a").unwrap().parameters.action(), Some("go"));
    assert!(request.input("c").unwrap().parameters.is_empty(), "the size of a tensor is not a parameter of the model");
    assert!(decode(json, &tail[1..]).is_err() && decode(json, &[&tail[..], b"x"].concat()).is_err());
}

#[test]
fn bytes_that_are_utf8_are_strings() {
    let strings = |shape: &[usize], tail: &[u8]| {
        let request = decode(&tensor("BYTES", "[1]", tail.len()), tail).unwrap();
        request.inputs[0].data.strings(shape).map_err(|rejection| rejection.text().to_owned())
    };
    assert_eq!(strings(&[2, 1], &elements(&["é".as_bytes(), b"\"b\""])).unwrap(), ["é", "\"b\""]);
    let mut messages = Messages::default();
    for (case, shape, tail, location) in [
        ("['a', 0xff] as [2]", [2], elements(&[b"a", b"\xff"]), "data[1]"),
        ("['a'] as [3]", [3], elements(&[b"a"]), ""),
    ] {
        let message = strings(&shape, &tail).unwrap_err();
        assert_location(&message, location, "");
        messages.add(case, &message);
    }

    let data = decode(&tensor("BYTES", "[2]", 10), &elements(&[b"\"", b"\n"])).unwrap().inputs.remove(0).data;
    let written = InferResponse::new(vec![InferOutput::new("x", [2], data)]).encode(&HEAD).unwrap();
    assert!(String::from_utf8(written).unwrap().ends_with(r#""data":["\"","\n"]}]}"#));
    let data = decode(&tensor("BYTES", "[1]", 5), &elements(&[b"\xff"])).unwrap().inputs.remove(0).data;
    let error = InferResponse::new(vec![InferOutput::new("x", [1], data)]).encode(&HEAD).unwrap_err();
    assert_eq!(error, EncodeError::NotText("output 'x': data[0]".into()));
    messages.add("[0xff] as JSON", &error.to_string());
    assert_snapshot!("binary_strings", messages);
}

#[test]
fn a_message_has_the_location_of_the_fault() {
    let both = input(r#""datatype":"INT8","shape":[1],"data":[1],"parameters":{"binary_data_size":1}"#);
    let neither = input(r#""datatype":"INT8","shape":[1]"#);
    let sized =
        |size: &str| input(&format!(r#""datatype":"INT8","shape":[1],"parameters":{{"binary_data_size":{size}}}"#));
    let shapeless = input(r#""datatype":"INT8","parameters":{"binary_data_size":1}"#);
    let bad: Vec<(String, &[u8], &str, &str)> = vec![
        (tensor("FP32", "[2,3]", 20), &[0; 20], "input 'x': parameters.binary_data_size", ""),
        (tensor("FP32", "[]", 8), &[0; 8], "input 'x': parameters.binary_data_size", ""),
        (tensor("FP64", "[4611686018427387904]", 8), &[0; 8], "input 'x': parameters.binary_data_size", ""),
        (tensor("INT8", "[4294967296,4294967296,4]", 8), &[0; 8], "input 'x': parameters.binary_data_size", ""),
        (tensor("INT8", "[1000000000000]", 1_000_000_000_000), b"abc", "input 'x': parameters.binary_data_size", ""),
        (tensor("BYTES", "[1]", 6), b"abc", "input 'x': parameters.binary_data_size", ""),
        (tensor("BYTES", "[1]", 3), b"abc", "input 'x': data[0]", ""),
        (tensor("BYTES", "[1]", 10), b"\x01\0\0\0a\xff\xff\xff\xff\0", "input 'x': data[1]", ""),
        (tensor("BOOL", "[3]", 3), &[1, 0, 2], "input 'x': data[2]", ""),
        (tensor("INT8", "[1]", 1), &[1, 2, 3], "", ""),
        (both, &[1], "input 'x': parameters.binary_data_size", ""),
        (neither, &[], "input 'x': data", ""),
        (shapeless, &[1], "input 'x': shape", ""),
        (sized("\"1\""), &[1], "input 'x': parameters.binary_data_size", "1:87"),
        (sized("-1"), &[1], "input 'x': parameters.binary_data_size", "1:87"),
        (
            "{\"inputs\":[],\"parameters\":{\"binary_data_output\":1}}".into(),
            &[],
            "parameters.binary_data_output",
            "1:49",
        ),
        (
            "{\"outputs\":[{\"name\":\"y\",\"parameters\":{\"binary_data\":\"yes\"}}]}".into(),
            &[],
            "outputs[0].parameters.binary_data",
            "1:53",
        ),
        ("".into(), &[1], "", ""),
    ];
    let mut messages = Messages::default();
    for (json, tail, location, position) in bad {
        let message = decode(&json, tail).map(|_| ()).unwrap_err();
        assert_location(&message, location, position);
        messages.add(&format!("{json} and {} bytes", tail.len()), &message);
    }
    let json = tensor("INT8", "[1]", 1);
    let without_header = InferRequest::decode(&json.clone().into()).unwrap_err();
    assert_location(without_header.text(), "input 'x': parameters.binary_data_size", "");
    messages.add(&format!("{json} without the header"), without_header.text());
    assert_snapshot!("binary_tensors", messages);
}

#[test]
fn the_header_is_a_length_within_the_body() {
    let body = Bytes::from_static(b"{}");
    let fault = |length| InferRequest::decode_binary(&body, length).unwrap_err().text().to_owned();
    let mut messages = Messages::default();
    for length in [3, usize::MAX] {
        assert_location(&fault(length), "Inference-Header-Content-Length", "");
    }
    messages.add("3 for a body of 2 bytes", &fault(3));
    assert_eq!((json_length(b"0"), json_length(b"0120")), (Ok(0), Ok(120)));
    assert_eq!(json_length(b"99999999999999999999999999"), Ok(usize::MAX));
    for value in [&b""[..], b"-1", b"+1", b"1.0", b"1, 1", b"ten", b"\xff", b"1 "] {
        let text = json_length(value).unwrap_err();
        assert_location(text.text(), "Inference-Header-Content-Length", "");
        messages.add(&format!("'{}'", value.escape_ascii()), text.text());
    }
    assert_snapshot!("json_length", messages);
}

#[test]
fn a_body_may_be_a_tensor_alone() {
    let read = |datatype, shape: &[i64], body: &'static [u8]| {
        InferRequest::decode_raw(&body.into(), &TensorMetadata::new("x", datatype, shape))
            .map_err(|rejection| rejection.text().to_owned())
    };
    for (shape, found) in [(&[-1, 2][..], vec![2, 2]), (&[4], vec![4]), (&[2, -1, 1], vec![2, 2, 1])] {
        let request = read(DataType::Int8, shape, &[1, 2, 3, 4]).unwrap();
        assert!(request.binary_outputs);
        assert_eq!(request.inputs[0].shape, Some(found));
        assert_eq!(request.inputs[0].data.as_slice::<i8>(), Some(&[1, 2, 3, 4][..]));
    }
    let request = read(DataType::Bytes, &[-1], b"\x89PNG").unwrap();
    assert_eq!((&*request.inputs[0].name, &request.inputs[0].shape), ("x", &Some(vec![1])));
    let element = request.inputs[0].data.bytes_elements().unwrap().next();
    assert_eq!(element, Some(BytesElement::Binary(b"\x89PNG"[..].into())));
    let mut messages = Messages::default();
    for (datatype, shape, location) in [
        (DataType::Fp32, &[-1, 2][..], "input 'x'"),
        (DataType::Fp32, &[2], "input 'x'"),
        (DataType::Fp32, &[0, -1], "input 'x'"),
        (DataType::Fp32, &[-1, -1], "input 'x'"),
        (DataType::Bool, &[-1], "input 'x': data[0]"),
        (DataType::Bytes, &[2], "input 'x'"),
    ] {
        let message = read(datatype, shape, &[9; 4]).unwrap_err();
        assert_location(&message, location, "");
        messages.add(&format!("4 bytes as {datatype} {shape:?}"), &message);
    }
    assert_snapshot!("tensor_alone", messages);
}

#[test]
fn outputs_are_binary_on_request() {
    let mut image = InferOutput::new("image", vec![1], vec![JsonText::from_value("plane").unwrap()].into());
    image.metadata = Some(JsonText::from_value("m").unwrap());
    let scores = InferOutput::new("scores", vec![2], vec![f32::NAN, f32::INFINITY].into());
    let flags = InferOutput::new("flags", vec![1], vec![true].into());
    let response = InferResponse::new(vec![image, flags, scores]);
    let encoded = response.encode_binary(&HEAD, |name| name != "flags").unwrap();
    let json = r#"{"model_name":"m","id":"7","outputs":[{"name":"image","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":11,"metadata":"m"}},{"name":"flags","datatype":"BOOL","shape":[1],"data":[true]},{"name":"scores","datatype":"FP32","shape":[2],"parameters":{"binary_data_size":8}}]}"#;
    assert_eq!(std::str::from_utf8(&encoded.body[..encoded.json_length.unwrap()]), Ok(json));
    assert_eq!(tail(&encoded), [&elements(&[b"\"plane\""])[..], &[0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0x7f]].concat());
    let encoded = response.encode_binary(&HEAD, |name| name == "scores").unwrap();
    assert_eq!(tail(&encoded).len(), 8);
    assert!(response.encode_binary(&HEAD, |name| name == "image").is_err(), "JSON cannot represent NaN");

    let request = r#"{"inputs":[{"data":["a\n",{"b": [1]}]}],"parameters":{"binary_data_output":true},"outputs":[{"name":"y","parameters":{"binary_data":false}},{"name":"z","parameters":{"classification":2,"binary_data":null}}]}"#;
    let request = InferRequest::decode(&request.into()).unwrap();
    let wanted: Vec<_> = request.outputs.iter().map(|output| (&*output.name, output.binary)).collect();
    assert_eq!((wanted, request.binary_outputs), (vec![("y", Some(false)), ("z", None)], true));
    assert!(request.parameters.is_empty());
    let echo = encode(request.inputs[0].data.clone(), vec![2]);
    assert_eq!(tail(&echo), elements(&[b"a\n", b"{\"b\": [1]}"]), "a JSON value is written as its text");
    let wrong = InferResponse::new(vec![InferOutput::new("y", vec![2], vec![1_u8].into())]);
    let error = wrong.encode_binary(&HEAD, |_| true).unwrap_err();
    assert!(matches!(&error, EncodeError::Invalid(text) if text.starts_with("output 'y': ")), "{error}");
}

fn same<T: ElementType>(bytes: &[u8]) -> Result<(), TestCaseError>
where
    TensorData: From<Vec<T>>,
{
    let datatype = T::DATATYPE;
    let whole = bytes.len() - bytes.len() % datatype.size().unwrap();
    let mut bytes = bytes[..whole].to_vec();
    if datatype == DataType::Bool {
        bytes.iter_mut().for_each(|byte| *byte &= 1);
    }
    let metadata = TensorMetadata::new("x", datatype, [-1]);
    let values = |data: TensorData| data.into_vec::<T>().unwrap();
    let received = InferRequest::decode_raw(&bytes.clone().into(), &metadata).unwrap().inputs.remove(0).data;
    // Converted to values and back, and unchanged; compared as bytes because of NaN.
    for data in [TensorData::from(values(received.clone())), received] {
        let count = data.len();
        let encoded = encode(round_trip(data), vec![count]);
        prop_assert_eq!(tail(&encoded), &bytes[..]);
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        same::<bool>(&bytes)?;
        same::<u8>(&bytes)?;
        same::<u16>(&bytes)?;
        same::<u32>(&bytes)?;
        same::<u64>(&bytes)?;
        same::<i8>(&bytes)?;
        same::<i16>(&bytes)?;
        same::<i32>(&bytes)?;
        same::<i64>(&bytes)?;
        same::<f16>(&bytes)?;
        same::<bf16>(&bytes)?;
        same::<f32>(&bytes)?;
        same::<f64>(&bytes)?;
    }

    #[test]
    fn bytes_decode_to_the_same(parts: Vec<Vec<u8>>, strings: Vec<String>) {
        let whole: Vec<_> = parts.iter().map(|part| &part[..]).collect();
        let written = elements(&whole);
        let request = decode(&tensor("BYTES", "[]", written.len()), &written).unwrap();
        let data = round_trip(request.inputs[0].data.clone());
        let received: Vec<_> = data.bytes_elements().unwrap().collect();
        let expected: Vec<_> = parts.into_iter().map(|part| BytesElement::Binary(part.into())).collect();
        prop_assert_eq!(received, expected);
        prop_assert_eq!(round_trip(strings.clone().into()).strings(&[strings.len()]).unwrap(), strings);
    }

    #[test]
    fn arbitrary_bytes_and_lengths_never_panic(
        body: Vec<u8>, length: usize, within: prop::sample::Index, header: Vec<u8>,
        datatype in 0..DataType::ALL.len(), shape in prop::collection::vec(prop_oneof![-2_i64..5, any::<i64>()], 0..4),
    ) {
        let body = Bytes::from(body);
        let _ = json_length(&header);
        for length in [length, within.index(body.len() + 1)] {
            let _ = InferRequest::decode_binary(&body, length);
        }
        let input = TensorMetadata::new("x", DataType::ALL[datatype], shape);
        let _ = InferRequest::decode_raw(&body, &input);
    }

    #[test]
    fn tensors_of_a_wrong_size_never_panic(
        datatype in 0..DataType::ALL.len(), sizes in prop::collection::vec(0_usize..40, 1..4),
        shape in prop::collection::vec(0_usize..5, 0..3), bytes in prop::collection::vec(0_u8..6, 0..80),
    ) {
        let one = |size: &usize| {
            let members = tensor(DataType::ALL[datatype].as_str(), &format!("{shape:?}"), *size);
            members["{\"inputs\":[".len()..members.len() - "]}".len()].to_owned()
        };
        let json = format!("{{\"inputs\":[{}]}}", sizes.iter().map(one).collect::<Vec<_>>().join(","));
        if let Ok(request) = decode(&json, &bytes) {
            prop_assert_eq!(sizes.iter().sum::<usize>(), bytes.len());
            for input in &request.inputs {
                let _ = input.data.strings(&shape);
            }
        }
    }
}

#[test]
fn frames_are_what_a_copy_would_hold() {
    let output = |(index, size): (usize, &usize)| {
        let values: Vec<u8> = (0..*size).map(|index| u8::try_from(index % 251).unwrap()).collect();
        InferOutput::new(index.to_string(), vec![*size], TensorData::from(values))
    };
    for sizes in [&[][..], &[4], &[16_383], &[16_384], &[4, 100_000, 0, 4], &[100_000, 100_000]] {
        let response = InferResponse::new(sizes.iter().enumerate().map(output).collect());
        let copied = response.encode_binary(&HEAD, |_| true).unwrap();
        let kept = response.frame_memory(|_| true);
        let (encoded, frames) = response.encode_frames(&HEAD, |_| true).unwrap();
        assert_eq!((encoded.json_length, encoded.content_type), (copied.json_length, copied.content_type));
        assert_eq!(frames.is_empty(), sizes.iter().all(|size| *size < 16_384), "{sizes:?}");
        assert!(frames.iter().all(|frame| !frame.is_empty()));
        assert!(frames.iter().map(Bytes::len).sum::<usize>() <= kept, "{sizes:?}");
        let mut whole = encoded.body;
        frames.iter().for_each(|frame| whole.extend_from_slice(frame));
        assert!(whole == copied.body, "{sizes:?}");
    }
}

#[test]
fn a_frame_keeps_at_most_twice_its_size() {
    // A body of 60,000 bytes and a little JSON, of which the outputs are one tensor each.
    for (size, is_frame) in [(10_000, false), (29_000, false), (31_000, true)] {
        let tensor = |name: &str, size: usize| {
            let parameters = format!(r#"{{"binary_data_size":{size}}}"#);
            format!(r#"{{"name":"{name}","datatype":"UINT8","shape":[{size}],"parameters":{parameters}}}"#)
        };
        let json = format!(r#"{{"inputs":[{},{}]}}"#, tensor("a", size), tensor("b", 60_000 - size));
        let input = decode(&json, &[7; 60_000]).unwrap().inputs.remove(0);
        let response = InferResponse::new(vec![InferOutput::new("a", vec![size], input.data)]);
        let kept = if is_frame { json.len() + 60_000 } else { 0 };
        assert_eq!(response.frame_memory(|_| true), kept, "{size}");
        assert_eq!(response.encode_frames(&HEAD, |_| true).unwrap().1.len(), usize::from(is_frame));
    }
}
