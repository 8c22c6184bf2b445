//! Rows in each of their forms, deserialized as types of many kinds.

use std::collections::HashMap;

use proptest::prelude::*;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{Row, RowPayload, table};
use crate::{
    input::{
        context::DecodeContext,
        decode::Input,
        modality::{self, Modality},
        payload::{HasParameters, SplitItem},
    },
    protocol::{InferInput, InferRequest, JsonText},
};

/// Asserts that each message starts with its location, and the wording of all of them by a snapshot.
fn assert_messages(theme: &str, cases: impl IntoIterator<Item = (&'static str, &'static str, String)>) {
    let mut lines = String::new();
    for (case, location, message) in cases {
        let text = if location.is_empty() { Some(&*message) } else { message.strip_prefix(&format!("{location}: ")) };
        assert!(text.is_some_and(|text| !text.starts_with("input")), "{case}: {message}");
        lines += &format!("{case} → {message}\n");
    }
    insta::assert_snapshot!(theme, lines);
}

/// Returns the rows of a request, or the message to the caller about the first row that is rejected.
fn rows<T: DeserializeOwned + Send + Sync + 'static>(inputs: serde_json::Value) -> Result<Vec<T>, String> {
    let body = json!({ "inputs": inputs }).to_string();
    rows_of(InferRequest::decode(&body.into()).expect("a request"))
}

fn rows_of<T: DeserializeOwned + Send + Sync + 'static>(request: InferRequest) -> Result<Vec<T>, String> {
    let items = modality::Row::split(request, &DecodeContext::default()).map_err(|fault| fault.text().to_owned())?;
    let decode = |(_, _, payload): SplitItem<RowPayload>| {
        Row::<T>::decode(payload, &DecodeContext::default()).map(|Row(value)| value)
    };
    items
        .into_iter()
        .map(decode)
        .collect::<crate::Result<_>>()
        .map_err(|error| error.public_message().expect("the caller's fault"))
}

fn input(name: &str, datatype: &str, shape: &[usize], data: serde_json::Value) -> serde_json::Value {
    json!({"name": name, "datatype": datatype, "shape": shape, "data": data})
}

fn numbers(datatype: &str, data: serde_json::Value) -> serde_json::Value {
    json!([input("x", datatype, &[data.as_array().map_or(0, Vec::len)], data)])
}

#[derive(Debug, Deserialize, PartialEq)]
struct Person {
    age: u8,
    #[serde(alias = "height_m")]
    height: f32,
    name: Option<String>,
    #[serde(default)]
    smokes: bool,
}

fn person(age: u8, height: f32, name: Option<&str>, smokes: bool) -> Person {
    Person { age, height, name: name.map(str::to_owned), smokes }
}

#[test]
fn columns_are_read_by_their_names_in_any_order() {
    let people = rows::<Person>(json!([
        input("smokes", "BOOL", &[2], json!([true, false])),
        input("name", "BYTES", &[2, 1], json!([["Ada \"A\""], ["Bo"]])),
        input("shoes", "INT8", &[2], json!([38, 44])),
        input("height_m", "FP32", &[2], json!([1.5, 1.8])),
        input("age", "INT64", &[2, 1], json!([[30], [41]])),
    ]));
    assert_eq!(people.unwrap(), [person(30, 1.5, Some("Ada \"A\""), true), person(41, 1.8, Some("Bo"), false)]);

    // Optional columns can be missing.
    let people = rows::<Person>(json!([
        input("age", "UINT8", &[1], json!([30])),
        input("height", "FP64", &[1], json!([1.1])),
        input("name", "BYTES", &[1], json!([null])),
    ]));
    assert_eq!(people.unwrap(), [person(30, 1.1, None, false)]);
    let maps = rows::<HashMap<String, f64>>(json!([
        input("a", "FP32", &[2], json!([1, 2])),
        input("b", "INT8", &[2], json!([3, 4])),
    ]));
    assert_eq!(maps.unwrap()[1], HashMap::from([("a".into(), 2.0), ("b".into(), 4.0)]));
}

#[test]
fn a_matrix_is_read_by_position() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Flower {
        sepal: f32,
        petal: f64,
        count: i32,
        open: bool,
    }
    let matrix = json!([input("x", "FP32", &[2, 4], json!([[5.5, 1.25, 3, 1], [6.5, 0.5, -4, 0]]))]);
    let flower = |sepal, petal, count, open| Flower { sepal, petal, count, open };
    assert_eq!(rows(matrix.clone()), Ok(vec![flower(5.5, 1.25, 3, true), flower(6.5, 0.5, -4, false)]));
    assert_eq!(rows(matrix.clone()), Ok(vec![(5.5, 1.25, 3, true), (6.5, 0.5, -4, false)]));
    assert_eq!(rows(matrix.clone()), Ok(vec![[5.5, 1.25, 3., 1.], [6.5, 0.5, -4., 0.]]));
    assert_eq!(rows(matrix.clone()), Ok(vec![vec![5.5, 1.25, 3., 1.], vec![6.5, 0.5, -4., 0.]]));
    assert_eq!(rows(matrix), Ok(vec![json!([5.5, 1.25, 3.0, 1.0]), json!([6.5, 0.5, -4.0, 0.0])]));

    // A row of columns can also be read as a tuple, in the order of the inputs.
    let columns =
        json!([input("b", "BYTES", &[2], json!(["x", "y"])), input("a", "BOOL", &[2, 1], json!([true, false]))]);
    assert_eq!(rows(columns), Ok(vec![("x".to_owned(), true), ("y".to_owned(), false)]));
}

#[test]
fn one_column_is_a_matrix_a_field_or_a_value() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Age {
        #[serde(default)]
        weight: i64,
        #[serde(default)]
        age: i64,
    }
    let age = |weight, age| Age { weight, age };
    let column = |name| json!([input(name, "INT64", &[2, 1], json!([[1], [2]]))]);
    assert_eq!(rows(column("age")), Ok(vec![age(0, 1), age(0, 2)]));
    assert_eq!(rows(column("predict")), Ok(vec![age(1, 0), age(2, 0)]));
    assert_eq!(rows(column("x")), Ok(vec![1.0, 2.0]));
    assert_eq!(rows(column("x")), Ok(vec![[1_u8], [2]]));
    assert_eq!(rows(numbers("INT64", json!([1, 2]))), Ok(vec![[1_u8], [2]]));
    assert_eq!(rows(column("x")), Ok(vec![HashMap::from([("x".to_owned(), 1)]), HashMap::from([("x".to_owned(), 2)])]));

    #[derive(Debug, Deserialize, PartialEq)]
    struct Years(u16);
    assert_eq!(rows(numbers("FP64", json!([1, 2]))), Ok(vec![Years(1), Years(2)]));
}

#[test]
fn objects_are_items_native_or_as_text() {
    for data in [
        json!([{"age": 1, "height": 2, "name": null}, {"age": 3, "height": 4.5, "smokes": true}]),
        json!([r#"{"age": 1, "height": 2}"#, "\n {\"age\": 3, \"height\": 4.5, \"smokes\": true}"]),
    ] {
        let people = [person(1, 2., None, false), person(3, 4.5, None, true)];
        assert_eq!(rows::<Person>(json!([input("row", "BYTES", &[2], data.clone())])).unwrap(), people);
        assert_eq!(rows::<Person>(json!([{ "data": data }])).unwrap(), people);
    }
    // The elements of inputs that cannot be columns are items, whatever they are.
    assert_eq!(rows::<String>(json!([{"data": ["a"]}, {"data": ["b"]}])).unwrap(), ["a", "b"]);
    assert_eq!(
        rows::<Vec<u8>>(json!([input("x", "BYTES", &[2], json!([[1], [2, 3]]))])).unwrap(),
        [vec![1], vec![2, 3]]
    );
    let mixed = json!([input("a", "BYTES", &[1], json!([{"age": 1}])), input("b", "FP32", &[1], json!([1]))]);
    assert!(rows::<Person>(mixed).unwrap_err().starts_with("input 'age': "), "a table, not objects");
}

#[test]
fn the_names_of_an_enum_are_strings() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Red,
        Green,
    }
    let colours = json!([input("colour", "BYTES", &[2], json!(["green", "red"]))]);
    assert_eq!(rows(colours), Ok(vec![Colour::Green, Colour::Red]));
    let unknown = json!([input("colour", "BYTES", &[1], json!(["secret"]))]);
    assert_messages(
        "enums",
        [
            ("an unknown name", "input 'colour', row 0", rows::<Colour>(unknown).unwrap_err()),
            ("a number", "input 'x', row 0", rows::<Colour>(numbers("INT64", json!([1]))).unwrap_err()),
        ],
    );
}

#[test]
fn numbers_convert_where_nothing_is_lost() {
    assert_eq!(rows(numbers("FP32", json!([5.0, -0.0]))), Ok(vec![5_u8, 0]));
    assert_eq!(rows(numbers("FP64", json!([-9223372036854775808.0]))), Ok(vec![i64::MIN]));
    assert_eq!(rows(numbers("FP64", json!([9223372036854775808.0]))), Ok(vec![1_u64 << 63]));
    assert_eq!(rows(numbers("INT64", json!([16777216]))), Ok(vec![16777216_f32]));
    assert_eq!(rows(numbers("UINT64", json!([u64::MAX]))), Ok(vec![u64::MAX]));
    assert_eq!(rows(numbers("FP64", json!([0.1]))), Ok(vec![0.1_f32]));
    assert_eq!(rows(numbers("FP32", json!([0.1]))), Ok(vec![f64::from(0.1_f32)]));
    assert_eq!(rows(numbers("FP16", json!([0.5]))), Ok(vec![0.5_f64]));
    assert_eq!(rows(numbers("BF16", json!([0.5]))), Ok(vec![Some(0.5_f32)]));
    assert_eq!(rows(numbers("UINT16", json!([1, 0]))), Ok(vec![true, false]));

    let at = "input 'x', row 0";
    let u8_error = |inputs| rows::<u8>(inputs).unwrap_err();
    let f32_error = |inputs| rows::<f32>(inputs).unwrap_err();
    assert_messages(
        "numbers",
        [
            ("a fraction as u8", at, u8_error(numbers("FP32", json!([5.5])))),
            ("1e300 as u8", at, u8_error(numbers("FP64", json!([1e300])))),
            ("256 as u8", at, u8_error(numbers("INT64", json!([256])))),
            ("-1 as u8", at, u8_error(numbers("INT8", json!([-1])))),
            ("a boolean as u8", at, u8_error(numbers("BOOL", json!([true])))),
            ("a string as u8", at, u8_error(json!([input("x", "BYTES", &[1], json!(["7"]))]))),
            ("2^24 + 1 as f32", at, f32_error(numbers("INT64", json!([16777217])))),
            ("1e39 as f32", "input 'x', row 1", f32_error(numbers("FP64", json!([1, 1e39])))),
            ("0.5 as bool", at, rows::<bool>(numbers("FP32", json!([0.5]))).unwrap_err()),
            ("2^64 - 1 as f64", at, rows::<f64>(numbers("UINT64", json!([u64::MAX]))).unwrap_err()),
            ("NaN as u8", at, rows_of::<u8>(request_of(&[1], vec![f32::NAN])).unwrap_err()),
            ("infinity as u8", at, rows_of::<u8>(request_of(&[1], vec![f64::INFINITY])).unwrap_err()),
        ],
    );
}

fn request_of<T>(shape: &[usize], values: Vec<T>) -> InferRequest
where
    crate::protocol::TensorData: From<Vec<T>>,
{
    InferRequest::new(vec![InferInput::new("x", shape, values.into())])
}

#[test]
fn nan_is_a_number_and_a_missing_value_of_an_option() {
    let request = || request_of(&[2, 1], vec![f32::NAN, 2.0]);
    assert_eq!(rows_of::<(Option<f64>,)>(request()), Ok(vec![(None,), (Some(2.0),)]));
    assert_eq!(rows_of::<(Option<u8>,)>(request()), Ok(vec![(None,), (Some(2),)]));
    let numbers = rows_of::<f64>(request()).unwrap();
    assert!(numbers[0].is_nan() && numbers[1] == 2.0);
    assert!(rows_of::<u8>(request()).unwrap_err().starts_with("input 'x', row 0, column 0: "));
    let infinite = request_of(&[1], vec![f64::INFINITY]);
    assert_eq!(rows_of::<f32>(infinite), Ok(vec![f32::INFINITY]));
}

#[test]
fn a_value_that_does_not_fit_names_input_row_and_column() {
    let person = |inputs| rows::<Person>(inputs).unwrap_err();
    let age = || input("age", "INT64", &[2], json!([1, 2]));
    let height = || input("height", "FP32", &[2], json!([1, 2]));
    let matrix = |width: usize| json!([input("m", "FP32", &[2, width], json!(vec![0.5; 2 * width]))]);
    #[derive(Debug, Deserialize)]
    struct Pair {
        #[allow(dead_code, reason = "it is rejected")]
        a: f32,
        #[allow(dead_code, reason = "it is rejected")]
        b: u8,
    }
    let words = json!([age(), input("height", "BYTES", &[2], json!(["secret", "b"]))]);
    let fraction = json!([height(), input("age", "FP32", &[2], json!([1, 5.1]))]);
    let number = json!([age(), height(), input("name", "BYTES", &[2], json!(["a", 5]))]);
    let object = json!([input("row", "BYTES", &[1], json!([{"age": 300}]))]);
    let columns = json!([age(), height()]);
    assert_messages(
        "values_and_columns",
        [
            ("a missing column", "input 'age'", person(json!([height()]))),
            ("a string for a number", "input 'height', row 0", person(words)),
            ("a fraction for an integer", "input 'age', row 1", person(fraction)),
            ("a number for a string", "input 'name', row 1", person(number)),
            ("a matrix for a tuple of 2", "input 'm'", rows::<(f32, f32)>(matrix(3)).unwrap_err()),
            ("a matrix for an array of 4", "input 'm'", rows::<[f32; 4]>(matrix(3)).unwrap_err()),
            ("a matrix for a number", "input 'm'", rows::<f32>(matrix(3)).unwrap_err()),
            ("a matrix for a struct of 2", "input 'm'", rows::<Pair>(matrix(3)).unwrap_err()),
            ("a matrix for a map", "input 'm'", rows::<HashMap<String, f64>>(matrix(2)).unwrap_err()),
            // The names include an alias, so the name of the column is unknown.
            ("a value of a struct with an alias", "input 'm', row 0, column 0", person(matrix(4))),
            ("a value of a struct", "input 'm', row 0, column 1 ('b')", rows::<Pair>(matrix(2)).unwrap_err()),
            ("columns for an array of 3", "inputs", rows::<[f32; 3]>(columns).unwrap_err()),
            ("a value of an object", "age", person(object)),
        ],
    );
}

#[test]
fn a_type_can_reject_columns_and_values() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "it is rejected")]
    struct Strict {
        a: Positive,
    }
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "f64")]
    struct Positive;
    impl TryFrom<f64> for Positive {
        type Error = String;

        fn try_from(number: f64) -> Result<Self, String> {
            if number > 0.0 { Ok(Positive) } else { Err("expected a number above 0".into()) }
        }
    }
    let column = |name, value: f64| input(name, "FP64", &[1], json!([value]));
    assert!(rows::<Strict>(json!([column("a", 1.0)])).is_ok());
    let unknown = json!([column("a", 1.0), column("b", 1.0)]);
    assert_messages(
        "rejected_by_the_type",
        [
            ("an unknown column", "input 'b'", rows::<Strict>(unknown).unwrap_err()),
            ("a value", "input 'a', row 0", rows::<Strict>(json!([column("a", 0.0)])).unwrap_err()),
        ],
    );
}

#[test]
fn an_invalid_table_is_rejected() {
    let error = |inputs| rows::<HashMap<String, f64>>(inputs).unwrap_err();
    let column = |name, shape: &[usize]| input(name, "FP32", shape, json!(vec![0.5; shape.iter().product()]));
    let a = || column("a", &[2]);
    let many = request_of(&[table::MAX_ROWS + 1, 1], vec![0_u8; table::MAX_ROWS + 1]);
    let untyped = json!([a(), {"name": "b", "data": ["x", "y"]}]);
    let unshaped = json!([a(), {"name": "b", "datatype": "BYTES", "data": ["x", "y"]}]);
    assert_messages(
        "tables",
        [
            ("three dimensions", "input 'a'", error(json!([column("a", &[2, 2, 2])]))),
            ("no rows", "input 'a'", error(json!([column("a", &[0, 4])]))),
            ("no columns", "input 'a'", error(json!([column("a", &[9, 0])]))),
            ("no dimensions", "input 'a'", error(json!([column("a", &[])]))),
            ("columns of unequal length", "input 'b'", error(json!([a(), column("b", &[3])]))),
            ("two columns with one name", "input 'a'", error(json!([a(), a()]))),
            ("a column that is a matrix", "input 'b'", error(json!([a(), column("b", &[2, 3])]))),
            ("too few strings", "input 'b'", error(json!([a(), input("b", "BYTES", &[2], json!(["x"]))]))),
            ("no datatype", "input 'b'", error(untyped)),
            ("no shape", "input 'b'", error(unshaped)),
            ("no objects", "input 'a'", error(json!([input("a", "BYTES", &[0], json!([]))]))),
            ("too many rows", "", rows_of::<u8>(many).unwrap_err()),
        ],
    );
    assert_eq!(rows_of::<u8>(request_of(&[9, 1], vec![7_u8; 9])), Ok(vec![7; 9]));
}

#[test]
fn parameters_are_those_of_the_only_input_or_of_the_request() {
    let first = |body: serde_json::Value| {
        let request = InferRequest::decode(&body.to_string().into()).unwrap();
        let (slot, parameters, payload) = modality::Row::split(request, &DecodeContext::default()).unwrap().remove(0);
        assert_eq!(payload.parameters().action(), parameters.action());
        let text = |value: Option<JsonText>| value.map(|value| value.as_str().to_owned());
        (
            slot.name.to_string(),
            parameters.action().map(str::to_owned),
            parameters.score_threshold(),
            text(parameters.metadata().cloned()),
            text(parameters.get("own")),
        )
    };
    let column = |name: &str, parameters: serde_json::Value| {
        json!({"name": name, "datatype": "FP32", "shape": [1, 1],
        "data": [1], "parameters": parameters})
    };
    let some = |text: &str| Some(text.to_owned());
    let of_request = json!({"action": "b", "score_threshold": 0.25, "metadata": "r", "own": 1});
    let only = json!([column("x", json!({"action": "a", "metadata": "m", "own": 2}))]);
    assert_eq!(
        first(json!({"inputs": only, "parameters": of_request})),
        ("x".into(), some("a"), Some(0.25), some("\"m\""), some("2"))
    );
    let only = json!([column("x", json!({"content_type": "np"}))]);
    assert_eq!(
        first(json!({"inputs": only, "parameters": of_request})),
        ("x".into(), some("b"), Some(0.25), None, None)
    );
    let two = json!([column("x", json!({"action": "a", "metadata": "m", "own": 2})), column("y", json!({}))]);
    assert_eq!(
        first(json!({"inputs": two, "parameters": of_request})),
        ("".into(), some("b"), Some(0.25), some("\"m\""), some("1"))
    );
    assert_eq!(first(json!({ "inputs": two })), ("".into(), some("a"), None, some("\"m\""), some("2")));
    assert_eq!(first(json!({"inputs": [column("x", json!({}))]})), ("x".into(), None, None, None, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The three forms of a table are the same rows.
    #[test]
    fn the_forms_agree(table in proptest::collection::vec((any::<i32>(), -1e6_f32..1e6, ".{0,8}"), 1..20)) {
        type Read = (i32, f32, String);
        #[derive(Deserialize)]
        struct Named { a: i32, b: f32, c: String }
        let n = table.len();
        let as_tuples = |named: Vec<Named>| named.into_iter().map(|row| (row.a, row.b, row.c)).collect::<Vec<_>>();
        let columns = json!([
            input("a", "INT32", &[n], table.iter().map(|row| json!(row.0)).collect()),
            input("b", "FP32", &[n], table.iter().map(|row| json!(row.1)).collect()),
            input("c", "BYTES", &[n, 1], table.iter().map(|row| json!([row.2])).collect()),
        ]);
        prop_assert_eq!(&as_tuples(rows(columns.clone()).unwrap()), &table);
        prop_assert_eq!(&rows::<Read>(columns).unwrap(), &table);
        let objects: serde_json::Value = table.iter().map(|row| json!({"a": row.0, "b": row.1, "c": row.2})).collect();
        prop_assert_eq!(&as_tuples(rows(json!([input("row", "BYTES", &[n], objects)])).unwrap()), &table);
        let numbers: Vec<f64> = table.iter().flat_map(|row| [row.0.into(), row.1.into()]).collect();
        let expected: Vec<(i32, f32)> = table.iter().map(|row| (row.0, row.1)).collect();
        prop_assert_eq!(rows_of::<(i32, f32)>(request_of(&[n, 2], numbers)).unwrap(), expected);
    }
}
