//! Properties of generated bodies: round trips, any order of members, no panic, agreement with serde_json.

use bytes::Bytes;
use half::{bf16, f16};
use proptest::prelude::*;

use crate::protocol::{
    BytesElement, DataType, ElementType, InferOutput, InferRequest, InferResponse, JsonText, Meter, ResponseHead,
    TensorData, number, reader::JsonReader,
};

const HEAD: ResponseHead<'_> = ResponseHead::new("m", Some("1"), "7");

/// Writes a response and reads its output back as an input.
fn round_trip(data: TensorData) -> TensorData {
    let output = InferOutput::new("x", vec![data.len()], data);
    let text = InferResponse::new(vec![output]).encode(&HEAD).unwrap();
    let body = String::from_utf8(text).unwrap().replace("\"outputs\"", "\"inputs\"");
    InferRequest::decode(&body.into()).unwrap().inputs.remove(0).data
}

fn same<T: ElementType>(values: Vec<T>) -> Result<(), TestCaseError>
where
    TensorData: From<Vec<T>>,
{
    prop_assert_eq!(round_trip(TensorData::from(values.clone())).into_vec::<T>().unwrap(), values);
    Ok(())
}

fn element() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    /// Decimals with the digits of an FP64, close to the point where the rounding to FP32 changes.
    #[test]
    fn long_decimals_round_as_the_standard_library_rounds(
        bits in 0x0010_0000_u32..0x5f80_0000, away in -4_i64..=4, negative: bool, half: bool,
    ) {
        let below = f64::from(f32::from_bits(bits));
        let between = f64::midpoint(below, f64::from(f32::from_bits(bits + 1)));
        let near = if half { between } else { below };
        let value = f64::from_bits(near.to_bits().wrapping_add_signed(away));
        let text = format!("{}{value}", if negative { "-" } else { "" });
        let expected = text.parse::<f32>().unwrap();
        let (read, end) = number::float::<f32>(&text, 0).unwrap();
        prop_assert_eq!((read.to_bits(), end), (expected.to_bits(), text.len()), "{}", text);
    }
}

proptest! {
    #[test]
    fn round_trips_keep_integers(
        bools: Vec<bool>, u8s: Vec<u8>, u16s: Vec<u16>, u32s: Vec<u32>, u64s: Vec<u64>, i8s: Vec<i8>, i16s: Vec<i16>,
    ) {
        same(bools)?;
        same(u8s)?;
        same(u16s)?;
        same(u32s)?;
        same(u64s)?;
        same(i8s)?;
        same(i16s)?;
    }

    #[test]
    fn round_trips_keep_floats_and_strings(
        i32s: Vec<i32>, i64s: Vec<i64>, strings: Vec<String>, halves: Vec<u16>, singles: Vec<u32>, doubles: Vec<u64>,
    ) {
        same(i32s)?;
        same(i64s)?;
        let f16s: Vec<_> = halves.iter().map(|bits| f16::from_bits(*bits)).filter(|value| value.is_finite()).collect();
        same(f16s)?;
        let bf16s: Vec<_> = halves.iter().map(|bits| bf16::from_bits(*bits)).filter(|value| value.is_finite()).collect();
        same(bf16s)?;
        let f32s: Vec<_> = singles.iter().map(|bits| f32::from_bits(*bits)).filter(|value| value.is_finite()).collect();
        let read = round_trip(f32s.clone().into()).into_vec::<f32>().unwrap();
        prop_assert!(read.iter().map(|value| value.to_bits()).eq(f32s.iter().map(|value| value.to_bits())));
        let f64s: Vec<_> = doubles.iter().map(|bits| f64::from_bits(*bits)).filter(|value| value.is_finite()).collect();
        let read = round_trip(f64s.clone().into()).into_vec::<f64>().unwrap();
        prop_assert!(read.iter().map(|value| value.to_bits()).eq(f64s.iter().map(|value| value.to_bits())));
        let shape = [strings.len()];
        prop_assert_eq!(round_trip(strings.clone().into()).strings(&shape).unwrap(), strings);
    }

    #[test]
    fn json_elements_keep_their_text(values in prop::collection::vec(element(), 0..4)) {
        let texts: Vec<_> = values.iter().map(|value| JsonText::from_value(value).unwrap()).collect();
        let read: Vec<_> = round_trip(texts.clone().into()).bytes_elements().unwrap().collect();
        let texts: Vec<_> = texts.into_iter().map(BytesElement::Json).collect();
        prop_assert_eq!(read, texts);
    }

    /// Lists that are nested like their shape hold the same elements as the flat list.
    #[test]
    fn nested_elements_are_those_of_the_flat_list(shape in prop::collection::vec(1_usize..4, 2..5), space in " ?") {
        let count: usize = shape.iter().product();
        let flat: Vec<_> = (0..count).map(|index| format!("\"{index}[\\u00e9\"")).collect();
        let mut lists = flat.clone();
        for length in shape.iter().rev() {
            lists = lists.chunks(*length).map(|list| format!("[{space}{}{space}]", list.join(","))).collect();
        }
        let read = |data: &str| {
            let body = format!("{{\"inputs\":[{{\"datatype\":\"BYTES\",\"data\":{data}}}]}}");
            InferRequest::decode(&body.into()).unwrap().inputs.remove(0).data
        };
        let nested = read(&lists[0]);
        let leaves = nested.nested_elements(&shape, count, &Meter::default()).unwrap().unwrap();
        let flat = read(&format!("[{}]", flat.join(",")));
        prop_assert!(leaves.bytes_elements().unwrap().eq(flat.bytes_elements().unwrap()));
        prop_assert!(flat.nested_elements(&shape, count, &Meter::default()).unwrap().is_none());
        prop_assert!(nested.nested_elements(&shape, count - 1, &Meter::default()).is_err());
        for axis in 0..shape.len() {
            let mut other = shape.clone();
            other[axis] += 1;
            prop_assert!(nested.nested_elements(&other, usize::MAX, &Meter::default()).is_err());
        }
    }

    /// A binary number is rounded like the same number as JSON, and is out of range where that is.
    #[test]
    fn doubles_convert_as_json_is_read(values in prop::collection::vec(any::<f64>(), 1..6)) {
        let json = |datatype: DataType| {
            let data = JsonText::from_value(&values).unwrap();
            let length = values.len();
            let body = format!(
                "{{\"inputs\":[{{\"datatype\":\"{datatype}\",\"shape\":[{length}],\"data\":{data}}}]}}"
            );
            InferRequest::decode(&body.into()).ok().map(|mut request| request.inputs.remove(0).data)
        };
        let bytes = |data: Option<TensorData>| data.map(|data| {
            let mut bytes = Vec::new();
            data.write_binary(&mut bytes).unwrap();
            bytes
        });
        for datatype in [DataType::Fp16, DataType::Bf16, DataType::Fp32, DataType::Fp64] {
            let converted = TensorData::from(values.clone()).convert(datatype).ok();
            prop_assert_eq!(bytes(converted), bytes(json(datatype)), "{}", datatype);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body: Vec<u8>) {
        let _ = InferRequest::decode(&Bytes::from(body));
    }

    #[test]
    fn damaged_json_never_panics(
        values in prop::collection::vec(element(), 0..3),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut: prop::sample::Index,
    ) {
        let data = serde_json::to_string(&values).unwrap();
        let body = format!(
            "{{\"id\":\"\\u00e9\",\"inputs\":[{{\"data\":{data},\"datatype\":\"FP32\",\"shape\":[2,2],\"name\":\"x\"}},\
             {{\"datatype\":\"BYTES\",\"data\":{data},\"parameters\":{{\"metadata\":{data},\"score_threshold\":0.5}}}}]}}"
        );
        let mut body = body.into_bytes();
        for (index, byte) in damage {
            let index = index.index(body.len());
            body[index] = byte;
        }
        body.truncate(cut.index(body.len() + 1));
        if let Ok(request) = InferRequest::decode(&body.into()) {
            for input in &request.inputs {
                let _ = input.data.strings(&[1, 2]);
                let _ = input.data.nested_elements(&[1, 2], 8, &Meter::default());
                let _ = input.parameters.decode::<std::collections::BTreeMap<String, u8>>();
            }
        }
    }

    #[test]
    fn every_order_of_members_decodes_the_same(order in Just(vec![0, 1, 2, 3, 4]).prop_shuffle(), bad: bool) {
        let data = if bad { "\"data\":[[1,2],[true,4]]" } else { "\"data\":[[1,2],[3,4]]" };
        let members = ["\"name\":\"x\"", "\"datatype\":\"INT16\"", "\"shape\":[2,2]", data, "\"parameters\":{\"a\":1}"];
        let members: Vec<_> = order.iter().map(|index| members[*index]).collect();
        let body = format!("{{\"inputs\":[{{{}}}]}}", members.join(","));
        match InferRequest::decode(&body.into()) {
            Ok(request) => {
                prop_assert!(!bad);
                let input = request.input("x").unwrap();
                prop_assert_eq!(input.data.as_slice::<i16>(), Some(&[1_i16, 2, 3, 4][..]));
                prop_assert!(input.parameters.get("a").is_some());
            }
            Err(rejection) => {
                prop_assert!(bad);
                prop_assert!(rejection.text().starts_with("input 'x': data[1][0]: expected an integer from"), "{}", rejection);
            }
        }
    }

    #[test]
    fn the_reader_accepts_the_json_that_serde_json_accepts(text in "[\\[\\]{},:\"\\\\u0-9a-f.eE+\\- \n tru]{0,24}") {
        let ours = JsonReader::new(&text).whole().is_ok();
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        // serde_json stops at a number too large for FP64, so it does not check the rest.
        if !theirs.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range")) {
            prop_assert_eq!(ours, theirs.is_ok(), "{}", text);
        }
    }

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them(text in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?") {
        let single: f32 = text.parse().unwrap();
        let double: f64 = text.parse().unwrap();
        let read = number::float::<f32>(&text, 0).map(|(value, end)| (value.to_bits(), end));
        prop_assert_eq!(read, single.is_finite().then_some((single.to_bits(), text.len())));
        let read = number::float::<f64>(&text, 0).map(|(value, end)| (value.to_bits(), end));
        prop_assert_eq!(read, double.is_finite().then_some((double.to_bits(), text.len())));
    }

    #[test]
    fn numbers_half_way_between_two_singles_round_correctly(bits in 0x1f00_0000_u32..0x5800_0000, nudge in -2_i64..3) {
        let value = f32::from_bits(bits);
        let middle = (f64::from(value).to_bits() + (1 << 28)) as i64 + nudge;
        let text = format!("{}", f64::from_bits(middle as u64));
        let expected: f32 = text.parse().unwrap();
        prop_assert_eq!(number::float::<f32>(&text, 0).map(|(value, _)| value.to_bits()), Some(expected.to_bits()));
    }
}
