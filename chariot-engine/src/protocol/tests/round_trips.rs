//! Round trips of tensors of every type through JSON and through binary form: nested and flat, with members in any order,
//! with every value of the small types; and valid bodies after random edits.

use bytes::Bytes;
use half::{bf16, f16};
use proptest::prelude::*;

use crate::protocol::{DataType, InferOutput, InferRequest, InferResponse, ResponseHead, TensorData, TensorMetadata};

const HEAD: ResponseHead<'_> = ResponseHead::new("m", None, "7");

/// Makes a tensor from its binary form.
fn from_binary(datatype: DataType, bytes: Vec<u8>) -> TensorData {
    let metadata = TensorMetadata::new("x", datatype, [-1]);
    InferRequest::decode_raw(&bytes.into(), &metadata).unwrap().inputs.remove(0).data
}

fn to_binary(data: &TensorData) -> Vec<u8> {
    let response = InferResponse::new(vec![InferOutput::new("x", [data.len()], data.clone())]);
    let encoded = response.encode_binary(&HEAD, |_| true).unwrap();
    encoded.body[encoded.json_length.unwrap()..].to_vec()
}

/// Returns the JSON text of each element.
fn json_elements(data: &TensorData) -> Vec<String> {
    let written = InferResponse::new(vec![InferOutput::new("x", [data.len()], data.clone())]).encode(&HEAD).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&written).unwrap();
    value["outputs"][0]["data"].as_array().unwrap().iter().map(serde_json::Value::to_string).collect()
}

/// Returns lists nested like the shape.
fn nested(texts: &mut impl Iterator<Item = String>, shape: &[usize]) -> String {
    match shape.split_first() {
        None => texts.next().unwrap(),
        Some((length, inner)) => {
            let elements: Vec<_> = (0..*length).map(|_| nested(texts, inner)).collect();
            format!("[{}]", elements.join(" ,\n"))
        }
    }
}

/// Turns any bytes into valid elements of the type: booleans of 0 or 1, and floats that JSON can represent.
fn valid_elements(datatype: DataType, mut bytes: Vec<u8>) -> Vec<u8> {
    let width = datatype.size().unwrap();
    bytes.truncate(bytes.len() / width * width);
    for element in bytes.chunks_exact_mut(width) {
        let exponent = &mut element[width - 1];
        match datatype {
            DataType::Bool => *exponent &= 1,
            // With one bit of the exponent cleared, the value is neither infinite nor NaN.
            DataType::Fp16 | DataType::Bf16 | DataType::Fp32 | DataType::Fp64 => *exponent &= 0b1011_1111,
            _ => {}
        }
    }
    bytes
}

fn numeric() -> impl Strategy<Value = DataType> {
    let numeric: Vec<_> = DataType::ALL.iter().copied().filter(|datatype| *datatype != DataType::Bytes).collect();
    prop::sample::select(numeric)
}

/// Returns a request with one input whose members are in this order.
fn body(members: [String; 5], order: &[usize]) -> Bytes {
    let members: Vec<_> = order.iter().map(|index| &*members[*index]).collect();
    format!("{{\"inputs\":[{{{}}}]}}", members.join(",")).into()
}

#[test]
fn every_half_float_survives_json_and_binary_form() {
    let all: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    for datatype in [DataType::Fp16, DataType::Bf16] {
        let data = from_binary(datatype, all.clone());
        assert!(to_binary(&data) == all, "{datatype}");
        let is_finite = |bits: u16| match datatype {
            DataType::Fp16 => f16::from_bits(bits).is_finite(),
            _ => bf16::from_bits(bits).is_finite(),
        };
        let finite: Vec<u8> = (0..=u16::MAX).filter(|bits| is_finite(*bits)).flat_map(u16::to_le_bytes).collect();
        let texts = json_elements(&from_binary(datatype, finite.clone()));
        let text = format!(
            "{{\"inputs\":[{{\"datatype\":\"{datatype}\",\"shape\":[{}],\"data\":[{}]}}]}}",
            texts.len(),
            texts.join(",")
        );
        let read = InferRequest::decode(&text.into()).unwrap().inputs.remove(0).data;
        assert!(to_binary(&read) == finite, "{datatype}");
    }
}

proptest! {
    #[test]
    fn tensors_of_every_type_and_shape_survive(
        datatype in numeric(), bytes in prop::collection::vec(any::<u8>(), 0..400),
        inner in prop::collection::vec(1_usize..4, 0..4), order in Just(vec![0, 1, 2, 3, 4]).prop_shuffle(), flat: bool,
    ) {
        let bytes = valid_elements(datatype, bytes);
        let row = inner.iter().product::<usize>() * datatype.size().unwrap();
        let rows = bytes.len() / row;
        let bytes = bytes[..rows * row].to_vec();
        let shape = [&[rows][..], &inner].concat();
        let texts = json_elements(&from_binary(datatype, bytes.clone()));
        let (count, mut texts) = (texts.len(), texts.into_iter());
        let data = if flat { nested(&mut texts, &[count]) } else { nested(&mut texts, &shape) };
        let members = |shape: &[usize]| [
            "\"name\":\"x\"".to_owned(),
            format!("\"datatype\":\"{datatype}\""),
            format!("\"shape\":{shape:?}"),
            format!("\"data\":{data}"),
            "\"parameters\":{\"a\":[1]}".to_owned(),
        ];
        let input = InferRequest::decode(&body(members(&shape), &order)).unwrap().inputs.remove(0);
        prop_assert_eq!((input.datatype, input.shape), (Some(datatype), Some(shape.clone())));
        prop_assert!(to_binary(&input.data) == bytes);

        // A wrong shape is rejected, in any order of the members.
        let mut other = shape;
        other[0] += 1;
        let rejected = InferRequest::decode(&body(members(&other), &order)).unwrap_err();
        prop_assert!(rejected.text().starts_with("input 'x': "), "{}", rejected);
    }

    #[test]
    fn nested_strings_of_any_content_survive(
        strings in prop::collection::vec(any::<String>(), 1..40), columns in 1_usize..5, flat: bool,
        order in Just(vec![0, 1, 2, 3, 4]).prop_shuffle(),
    ) {
        let strings = &strings[..strings.len() / columns * columns];
        let shape = [strings.len() / columns, columns];
        let mut texts = strings.iter().map(|string| serde_json::to_string(string).unwrap());
        let data = if flat { nested(&mut texts, &[strings.len()]) } else { nested(&mut texts, &shape) };
        let members = |shape: &[usize]| [
            "\"name\":\"\\u0078\"".to_owned(),
            "\"datatype\":\"BYTES\"".to_owned(),
            format!("\"shape\":{shape:?}"),
            format!("\"data\":{data}"),
            "\"parameters\":null".to_owned(),
        ];
        let input = InferRequest::decode(&body(members(&shape), &order)).unwrap().inputs.remove(0);
        prop_assert_eq!(input.data.strings(&shape).unwrap(), strings);
        prop_assert!(input.data.strings(&[strings.len() + 1]).is_err());
        prop_assert!(input.data.strings(&[shape[0], columns + 1]).is_err() || strings.is_empty());
    }

    #[test]
    fn an_edited_body_never_panics_and_an_accepted_one_is_consistent(
        moves in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..40, any::<prop::sample::Index>(), any::<bool>()), 1..6),
        size in 0_usize..24,
    ) {
        let body = format!(
            "{{\"id\":\"a\",\"inputs\":[{{\"data\":[[1,2],[3,4]],\"shape\":[2,2],\"datatype\":\"FP64\",\"name\":\"x\"}},\
             {{\"name\":\"y\",\"datatype\":\"BYTES\",\"shape\":[2],\"data\":[\"a\\n\",{{\"b\":[true,null]}}]}},\
             {{\"name\":\"z\",\"datatype\":\"INT16\",\"shape\":[{}],\"parameters\":{{\"binary_data_size\":{size}}}}}],\
             \"outputs\":[{{\"name\":\"o\",\"parameters\":{{\"binary_data\":true}}}}]}}",
            size / 2,
        );
        let mut bytes = body.into_bytes();
        for (from, length, to, keep) in moves {
            let from = from.index(bytes.len());
            let end = (from + length).min(bytes.len());
            let moved = bytes[from..end].to_vec();
            if !keep {
                bytes.drain(from..end);
            }
            let to = to.index(bytes.len() + 1);
            bytes.splice(to..to, moved);
        }
        let json_length = bytes.len();
        bytes.extend(0..size as u8);
        let bytes = Bytes::from(bytes);
        for read in [InferRequest::decode(&bytes), InferRequest::decode_binary(&bytes, json_length)].into_iter().flatten() {
            prop_assert!(!read.inputs.is_empty());
            for input in read.inputs.iter().filter(|input| input.data.datatype() != DataType::Bytes) {
                let needed: usize = input.shape.iter().flatten().product();
                prop_assert_eq!((input.datatype, input.data.len()), (Some(input.data.datatype()), needed));
            }
        }
    }
}
