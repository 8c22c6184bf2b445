//! The meaning of tensors in every notation that JSON allows.

use insta::assert_snapshot;

use super::{
    Messages, assert_location,
    bodies::{decode, tensor},
};

#[test]
fn whole_numbers_may_be_written_in_any_way() {
    let body = tensor("INT32", "[7]", "[1.0, 1e3, -0, 2.50e1, 300e-2, 0e99999999999, -2147483648]");
    let request = decode(body).unwrap();
    assert_eq!(request.inputs[0].data.as_slice::<i32>().unwrap(), [1, 1000, 0, 25, 3, 0, i32::MIN]);
    let body = tensor("UINT64", "[3]", "[18446744073709551615, 9007199254740993.0, 1.8446744073709551615E19]");
    let request = decode(body).unwrap();
    assert_eq!(request.inputs[0].data.as_slice::<u64>().unwrap(), [u64::MAX, 9007199254740993, u64::MAX]);
}

#[test]
fn data_is_flat_or_nested_like_its_shape() {
    for data in ["[1,2,3,4]", "[[1,2],[3,4]]", " [ [ 1 , 2 ] , [ 3 , 4 ] ] "] {
        let request = decode(tensor("FP64", "[2,2]", data)).unwrap();
        assert_eq!(request.inputs[0].data.as_slice::<f64>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
    }
    for (shape, data) in [("[0]", "[]"), ("[0,4]", "[]"), ("[2,0]", "[[],[]]"), ("[2,0]", "[]")] {
        assert!(decode(tensor("BOOL", shape, data)).unwrap().inputs[0].data.is_empty(), "{shape} {data}");
    }
    let scalar = decode(tensor("BOOL", "[]", "[true]")).unwrap();
    assert_eq!(scalar.inputs[0].data.as_slice::<bool>(), Some(&[true][..]));
}

#[test]
fn bytes_are_a_list_of_any_values_or_one_bare_string() {
    let elements = |data: &str| -> Vec<String> {
        let request = decode(tensor("BYTES", "[480,640,3]", data)).unwrap();
        let elements = request.inputs[0].data.bytes_elements().unwrap();
        elements.map(|element| element.json().unwrap().as_str().to_owned()).collect()
    };
    assert_eq!(elements("\"aGk=\""), ["\"aGk=\""]);
    assert_eq!(
        elements("[ \"a\" , {\"b\": [1, null]} , [2] , 3e5,true]"),
        ["\"a\"", "{\"b\": [1, null]}", "[2]", "3e5", "true"]
    );
    assert!(elements("[]").is_empty());
}

#[test]
fn strings_are_flat_or_nested_and_are_compared_with_the_shape() {
    let strings = |shape: &[usize], data: &str| {
        let request = decode(tensor("BYTES", "[1]", data)).unwrap();
        request.inputs[0].data.strings(shape).map_err(|rejection| rejection.text().to_owned())
    };
    assert_eq!(strings(&[2], "[\"a\",\"\\u00e9\\ud83d\\ude00\"]").unwrap(), ["a", "é😀"]);
    assert_eq!(strings(&[2, 1], "[[\"a\"],[\"b\"]]").unwrap(), ["a", "b"]);
    assert_eq!(strings(&[1, 2], "[\"a\",\"b\"]").unwrap(), ["a", "b"]);
    assert_eq!(strings(&[1], "\"a\"").unwrap(), ["a"]);
    let mut messages = Messages::default();
    for (shape, data, location, position) in [
        (&[2][..], "[\"a\"]", "", ""),
        (&[1], "[7]", "data[0]", "1:63"),
        (&[1, 1], "[[null]]", "data[0][0]", "1:64"),
        (&[1], "[[\"a\"]]", "data[0]", "1:63"),
        (&[2, 1], "[[\"a\"],\"b\"]", "data[1]", "1:69"),
        (&[2, 1], "[[\"a\"],[]]", "data[1]", "1:69"),
        (&[3, 1], "[[\"a\"],[\"b\"]]", "data", ""),
        (&[3, 0], "[[],[]]", "data", ""),
        (&[usize::MAX, 2], "[]", "", ""),
    ] {
        let message = strings(shape, data).unwrap_err();
        assert_location(&message, location, position);
        messages.add(&format!("{data} as {shape:?}"), &message);
    }
    assert_snapshot!("strings_of_tensors", messages);
    let numbers = decode(tensor("FP32", "[1]", "[1]")).unwrap();
    assert_eq!(numbers.inputs[0].data.strings(&[1]).unwrap_err().text(), "expected BYTES, got FP32");
}
