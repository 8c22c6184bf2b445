//! Rows in each of their forms, as types of many kinds.

use std::collections::HashMap;

use proptest::prelude::*;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::*;

/// The rows of a request, or what the caller reads of the first that is refused.
fn rows<T: DeserializeOwned + Send + Sync + 'static>(inputs: serde_json::Value) -> Result<Vec<T>, String> {
    let body = json!({ "inputs": inputs }).to_string();
    rows_of(InferRequest::decode(&body.into()).expect("a request"))
}

fn rows_of<T: DeserializeOwned + Send + Sync + 'static>(request: InferRequest) -> Result<Vec<T>, String> {
    let parts = modality::Row::split(request).map_err(|fault| fault.text().to_owned())?;
    let read =
        |(_, _, part): SplitItem<RowPayload>| Row::<T>::decode(part, &DecodeContext::default()).map(|Row(value)| value);
    parts
        .into_iter()
        .map(read)
        .collect::<Result<_>>()
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

    // What may be missing may be, and so may a single string.
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

    // Rows of columns are tuples too, in the order of the inputs.
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
    // Inputs without what a column needs are items, whatever they hold.
    assert_eq!(rows::<String>(json!([{"data": ["a"]}, {"data": ["b"]}])).unwrap(), ["a", "b"]);
    assert_eq!(
        rows::<Vec<u8>>(json!([input("x", "BYTES", &[2], json!([[1], [2, 3]]))])).unwrap(),
        [vec![1], vec![2, 3]]
    );
    let mixed = json!([input("a", "BYTES", &[1], json!([{"age": 1}])), input("b", "FP32", &[1], json!([1]))]);
    assert_eq!(rows::<Person>(mixed).unwrap_err(), "input 'age': missing; a column of this name is expected");
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
    let error = rows::<Colour>(json!([input("colour", "BYTES", &[1], json!(["secret"]))])).unwrap_err();
    assert_eq!(error, "input 'colour', row 0: 'red' or 'green' is expected, something else came");
    let error = rows::<Colour>(numbers("INT64", json!([1]))).unwrap_err();
    assert_eq!(error, "input 'x', row 0: one of the known names is expected, a number came");
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

    let refused = |inputs, expected: &str| {
        let is_told = |error: String| assert_eq!(error, format!("input 'x', row 0: {expected}"));
        is_told(rows::<u8>(inputs).unwrap_err());
    };
    refused(numbers("FP32", json!([5.5])), "an integer is expected, a fraction came");
    refused(numbers("FP64", json!([1e300])), "an integer is expected, a number out of range came");
    refused(numbers("INT64", json!([256])), "an integer from 0 to 255 is expected, a number that is none came");
    refused(numbers("INT8", json!([-1])), "an integer from 0 to 255 is expected, a number that is none came");
    refused(numbers("BOOL", json!([true])), "an integer from 0 to 255 is expected, true or false came");
    refused(json!([input("x", "BYTES", &[1], json!(["7"]))]), "an integer from 0 to 255 is expected, a string came");
    let error = |error: Result<Vec<f32>, String>| error.unwrap_err();
    assert_eq!(
        error(rows(numbers("INT64", json!([16777217])))),
        "input 'x', row 0: a number that FP32 holds exactly is expected, an integer that it does not came"
    );
    assert_eq!(
        error(rows(numbers("FP64", json!([1, 1e39])))),
        "input 'x', row 1: a number that FP32 can hold is expected, one beyond its range came"
    );
    assert_eq!(
        rows::<bool>(numbers("FP32", json!([0.5]))).unwrap_err(),
        "input 'x', row 0: true or false is expected, or 0 or 1, another number came"
    );
    assert_eq!(
        rows::<f64>(numbers("UINT64", json!([u64::MAX]))).unwrap_err(),
        "input 'x', row 0: a number that FP64 holds exactly is expected, an integer that it does not came"
    );
}

fn of_values<T>(shape: &[usize], values: Vec<T>) -> InferRequest
where
    crate::protocol::TensorData: From<Vec<T>>,
{
    InferRequest::new(vec![InferInput::new("x", shape, values.into())])
}

#[test]
fn nan_is_a_number_and_where_nothing_may_come_nothing() {
    let of = || of_values(&[2, 1], vec![f32::NAN, 2.0]);
    assert_eq!(rows_of::<(Option<f64>,)>(of()), Ok(vec![(None,), (Some(2.0),)]));
    assert_eq!(rows_of::<(Option<u8>,)>(of()), Ok(vec![(None,), (Some(2),)]));
    let numbers = rows_of::<f64>(of()).unwrap();
    assert!(numbers[0].is_nan() && numbers[1] == 2.0);
    assert_eq!(rows_of::<u8>(of()).unwrap_err(), "input 'x', row 0, column 0: an integer is expected, NaN came");
    let infinite = of_values(&[1], vec![f64::INFINITY]);
    assert_eq!(rows_of::<f32>(infinite.clone()), Ok(vec![f32::INFINITY]));
    assert_eq!(rows_of::<u8>(infinite).unwrap_err(), "input 'x', row 0: an integer is expected, an infinity came");
}

#[test]
fn what_does_not_fit_names_input_row_and_column() {
    let refused = |inputs| rows::<Person>(inputs).unwrap_err();
    let age = || input("age", "INT64", &[2], json!([1, 2]));
    let height = || input("height", "FP32", &[2], json!([1, 2]));
    assert_eq!(refused(json!([height()])), "input 'age': missing; a column of this name is expected");
    assert_eq!(
        refused(json!([age(), input("height", "BYTES", &[2], json!(["secret", "b"]))])),
        "input 'height', row 0: a number is expected, a string came"
    );
    assert_eq!(
        refused(json!([height(), input("age", "FP32", &[2], json!([1, 5.1]))])),
        "input 'age', row 1: an integer is expected, a fraction came"
    );
    assert_eq!(
        refused(json!([age(), height(), input("name", "BYTES", &[2], json!(["a", 5]))])),
        "input 'name', row 1: a string is expected, a number came"
    );
    let matrix = |width: usize| json!([input("m", "FP32", &[2, width], json!(vec![0.5; 2 * width]))]);
    assert_eq!(rows::<(f32, f32)>(matrix(3)).unwrap_err(), "input 'm': shape [rows, 2] is expected, [2, 3] came");
    assert_eq!(rows::<[f32; 4]>(matrix(3)).unwrap_err(), "input 'm': shape [rows, 4] is expected, [2, 3] came");
    assert_eq!(rows::<f32>(matrix(3)).unwrap_err(), "input 'm': shape [rows, 1] is expected, [2, 3] came");
    // Which name is whose is not known: a field has two.
    assert_eq!(refused(matrix(4)), "input 'm', row 0, column 0: an integer is expected, a fraction came");
    #[derive(Debug, Deserialize)]
    struct Pair {
        #[allow(dead_code, reason = "it is refused")]
        a: f32,
        #[allow(dead_code, reason = "it is refused")]
        b: u8,
    }
    assert_eq!(
        rows::<Pair>(matrix(2)).unwrap_err(),
        "input 'm', row 0, column 1 ('b'): an integer is expected, a fraction came"
    );
    assert_eq!(rows::<Pair>(matrix(3)).unwrap_err(), "input 'm': shape [rows, 2] is expected, [2, 3] came");
    assert_eq!(
        rows::<HashMap<String, f64>>(matrix(2)).unwrap_err(),
        "input 'm': an input a column, or an object a row, is expected, a matrix came"
    );
    assert_eq!(rows::<[f32; 3]>(json!([age(), height()])).unwrap_err(), "inputs: 3 are expected, one a column, 2 came");
    assert_eq!(
        rows::<Person>(json!([input("row", "BYTES", &[1], json!([{"age": 300}]))])).unwrap_err(),
        "age: an integer from 0 to 255 is expected, a number that is none came"
    );
}

#[test]
fn a_type_may_refuse_columns_and_values() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "it is refused")]
    struct Strict {
        a: Positive,
    }
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "f64")]
    struct Positive;
    impl TryFrom<f64> for Positive {
        type Error = String;

        fn try_from(number: f64) -> Result<Self, String> {
            if number > 0.0 { Ok(Positive) } else { Err("a number above 0 is expected".into()) }
        }
    }
    let column = |name, value: f64| input(name, "FP64", &[1], json!([value]));
    assert!(rows::<Strict>(json!([column("a", 1.0)])).is_ok());
    assert_eq!(
        rows::<Strict>(json!([column("a", 1.0), column("b", 1.0)])).unwrap_err(),
        "input 'b': no such column; 'a' are expected"
    );
    assert_eq!(
        rows::<Strict>(json!([column("a", 0.0)])).unwrap_err(),
        "input 'a', row 0: a number above 0 is expected"
    );
}

#[test]
fn a_table_that_is_none_is_refused() {
    let refused = |inputs| rows::<HashMap<String, f64>>(inputs).unwrap_err();
    let column = |name, shape: &[usize]| input(name, "FP32", shape, json!(vec![0.5; shape.iter().product()]));
    for (inputs, expected) in [
        (json!([column("a", &[2, 2, 2])]), "input 'a': shape [rows, columns] or [rows] is expected, [2, 2, 2] came"),
        (json!([column("a", &[0, 4])]), "input 'a': a dimension of at least 1 is expected, [0, 4] came"),
        (json!([column("a", &[9, 0])]), "input 'a': a dimension of at least 1 is expected, [9, 0] came"),
        (json!([column("a", &[])]), "input 'a': shape [rows, columns] or [rows] is expected, [] came"),
        (json!([column("a", &[2]), column("b", &[3])]), "input 'b': 2 rows are expected as in input 'a', 3 came"),
        (json!([column("a", &[2]), column("a", &[2])]), "input 'a': this input came twice"),
        (
            json!([column("a", &[2]), column("b", &[2, 3])]),
            "input 'b': shape [rows] or [rows, 1] of a column is expected, [2, 3] came",
        ),
        (
            json!([column("a", &[2]), input("b", "BYTES", &[2], json!(["x"]))]),
            "input 'b': shape [2] needs 2 elements, 1 came",
        ),
        (json!([column("a", &[2]), {"name": "b", "data": ["x", "y"]}]), "input 'b': a datatype is expected, none came"),
        (
            json!([column("a", &[2]), {"name": "b", "datatype": "BYTES", "data": ["x", "y"]}]),
            "input 'b': a shape is expected, none came",
        ),
        (json!([input("a", "BYTES", &[0], json!([]))]), "input 'a': data holds no element; at least one is expected"),
    ] {
        assert_eq!(refused(inputs), expected);
    }
    let many = of_values(&[table::MOST_ROWS + 1, 1], vec![0_u8; table::MOST_ROWS + 1]);
    assert_eq!(rows_of::<u8>(many).unwrap_err(), "at most 131072 rows in a request are expected, 131073 came");
    assert_eq!(rows_of::<u8>(of_values(&[9, 1], vec![7_u8; 9])), Ok(vec![7; 9]));
}

#[test]
fn parameters_are_those_of_the_only_input_or_of_the_request() {
    let first = |body: serde_json::Value| {
        let request = InferRequest::decode(&body.to_string().into()).unwrap();
        let (slot, parameters, part) = modality::Row::split(request).unwrap().remove(0);
        assert_eq!(part.parameters().action(), parameters.action());
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
    let asked = json!({"action": "b", "score_threshold": 0.25, "metadata": "r", "own": 1});
    let only = json!([column("x", json!({"action": "a", "metadata": "m", "own": 2}))]);
    assert_eq!(
        first(json!({"inputs": only, "parameters": asked})),
        ("x".into(), some("a"), Some(0.25), some("\"m\""), some("2"))
    );
    let only = json!([column("x", json!({"content_type": "np"}))]);
    assert_eq!(first(json!({"inputs": only, "parameters": asked})), ("x".into(), some("b"), Some(0.25), None, None));
    let two = json!([column("x", json!({"action": "a", "metadata": "m", "own": 2})), column("y", json!({}))]);
    assert_eq!(
        first(json!({"inputs": two, "parameters": asked})),
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
        prop_assert_eq!(rows_of::<(i32, f32)>(of_values(&[n, 2], numbers)).unwrap(), expected);
    }
}
