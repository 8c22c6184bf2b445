//! Structured data: the three forms of a table as typed rows, their answers, and what the caller reads of a row that does
//! not fit.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use chariot_engine::{
    prelude::*,
    testing::{TestEngine, TestResponse},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// A patient, by columns or by object.
#[derive(Deserialize)]
struct Patient {
    age: u8,
    pressure: f32,
    ward: Option<String>,
    #[serde(default)]
    smokes: bool,
}

/// The risk of a patient is the pressure, and all of it who smokes.
struct Risk(ClassLabels);

impl Model for Risk {
    type Settings = ();
    type Input = Row<Patient>;
    type Output = Result<Classification>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Risk(["low", "high"].into_iter().collect()))
    }

    async fn infer(&self, batch: Batch<Row<Patient>>) -> Result<Vec<Result<Classification>>> {
        batch.map_each(|patient| {
            if patient.0.age == 0 {
                reject!("an age of at least 1 is expected, 0 came");
            }
            if patient.0.ward.as_deref() == Some("closed") {
                return Err("there is nobody".into());
            }
            let risk = if patient.0.smokes { 1.0 } else { patient.0.pressure };
            Classification::new(vec![1.0 - risk, risk], &self.0, 1)
        })
    }
}

fn risk() -> TestEngine {
    TestEngine::start(Engine::builder().model::<Risk>("risk")).unwrap()
}

/// Sums of rows, and how many rows each call was given.
#[derive(Clone, Default)]
struct Sums(Arc<Mutex<Vec<usize>>>);

impl Model for Sums {
    type Settings = ();
    type Input = Row<[f32; 2]>;
    type Output = Regression;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Sums::default())
    }

    fn spec() -> Spec {
        Spec::new::<Self>().actions(["predict"])
    }

    async fn infer(&self, batch: Batch<Row<[f32; 2]>>) -> Result<Vec<Regression>> {
        self.0.lock().unwrap().push(batch.len());
        batch.try_map(|row| Ok(row.0.iter().sum::<f32>().into()))
    }
}

fn sums() -> (Sums, TestEngine) {
    let model = Sums::default();
    (model.clone(), TestEngine::start(Engine::builder().instance("sums", model)).unwrap())
}

#[track_caller]
fn outputs(answer: &TestResponse) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.error());
    answer.json()["outputs"].take()
}

#[track_caller]
fn refused(answer: &TestResponse) -> String {
    assert_eq!(answer.status, 400, "{answer:?}");
    answer.error()
}

/// Sends JSON and binary tensors after it.
fn binary(engine: &TestEngine, json: &Value, tail: &[u8]) -> TestResponse {
    let json = json.to_string();
    let request = http::Request::post("/infer").header("Inference-Header-Content-Length", json.len());
    engine.send(request.body([json.as_bytes(), tail].concat().into()).unwrap())
}

#[test]
fn a_matrix_is_one_output_of_its_name() {
    let (_, engine) = sums();
    let answer = engine.infer(
        r#"{"inputs":[{"name":"predict","datatype":"FP32","shape":[3,2],"data":[1,2,3.5,4,-1,1],
            "parameters":{"metadata":"{\"frame\": 7}"}}],"id":"1"}"#,
    );
    assert_eq!(
        answer.body,
        concat!(
            r#"{"model_name":"sums","model_version":"1","id":"1","outputs":[{"name":"predict","datatype":"BYTES","#,
            r#""shape":[3],"data":[3.0,7.5,0.0],"parameters":{"metadata":"{\"frame\": 7}"}}]}"#
        )
    );
    // Of integers too, nested, in binary, and by its columns.
    for request in [
        json!({"inputs": [{"name": "m", "datatype": "INT64", "shape": [2, 2], "data": [[1, 2], [3, 4]]}]}),
        json!({"inputs": [{"name": "m", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3, 4]}]}),
    ] {
        let expected = json!([{"name": "m", "datatype": "BYTES", "shape": [2], "data": [3.0, 7.0]}]);
        assert_eq!(outputs(&engine.infer(request.to_string())), expected);
    }
    let tail: Vec<u8> = [1_f32, 2., 3., 4.].iter().flat_map(|value| value.to_le_bytes()).collect();
    let input = json!({"name": "m", "datatype": "FP32", "shape": [2, 2], "parameters": {"binary_data_size": 16}});
    let answer = binary(&engine, &json!({"inputs": [input]}), &tail);
    assert_eq!(outputs(&answer)[0]["data"], json!([3.0, 7.0]));
    let answer = binary(&engine, &json!({"inputs": [input], "parameters": {"binary_data_output": true}}), &tail);
    let length: usize = answer.headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
    assert_eq!(&answer.body[length..], b"\x03\0\0\x003.0\x03\0\0\x007.0");
    let columns = r#"{"inputs":[{"name":"a","datatype":"FP32","shape":[2],"data":[1,3]},
                                {"name":"b","datatype":"UINT8","shape":[2,1],"data":[[2],[4]]}]}"#;
    assert_eq!(
        outputs(&engine.infer(columns)),
        json!([{"name": "predict", "datatype": "BYTES", "shape": [2], "data": [3.0, 7.0]}])
    );
}

#[test]
fn columns_are_one_output_named_by_the_action() {
    let engine = risk();
    let columns = json!([
        {"name": "age", "datatype": "INT64", "shape": [3, 1], "data": [30, 41, 52], "parameters": {"metadata": [1]}},
        {"name": "pressure", "datatype": "FP32", "shape": [3], "data": [0.25, 0.75, 0.25],
         "parameters": {"metadata": "of another", "content_type": "np"}},
        {"name": "ward", "datatype": "BYTES", "shape": [3], "data": ["A", null, "B"], "parameters": {"content_type": "str"}},
        {"name": "smokes", "datatype": "BOOL", "shape": [3], "data": [false, false, true]},
        {"name": "shoe size", "datatype": "INT8", "shape": [3], "data": [38, 39, 40]},
    ]);
    let ask =
        |parameters: Value| outputs(&engine.infer(json!({"inputs": columns, "parameters": parameters}).to_string()));
    let answer = |action: &str, data: Value| json!([{"name": action, "datatype": "BYTES", "shape": [3], "data": data, "parameters": {"metadata": [1]}}]);
    let labels = json!(["low", "high", "high"]);
    assert_eq!(ask(Value::Null), answer("predict", labels.clone()));
    assert_eq!(ask(json!({"content_type": "pd"})), answer("predict", labels));
    let probabilities = json!([[0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]);
    assert_eq!(ask(json!({"action": "predict_proba"})), answer("predict_proba", probabilities));

    // Mixed with binary columns.
    let size = |size| json!({ "binary_data_size": size });
    let inputs = json!([
        {"name": "ward", "datatype": "BYTES", "shape": [2], "parameters": size(9)},
        {"name": "pressure", "datatype": "FP64", "shape": [2, 1], "parameters": size(16)},
        {"name": "age", "datatype": "UINT8", "shape": [2], "data": [1, 2]},
    ]);
    let tail = [&b"\x01\0\0\0A\0\0\0\0"[..], &0.25_f64.to_le_bytes(), &0.75_f64.to_le_bytes()].concat();
    let answer = binary(&engine, &json!({"inputs": inputs}), &tail);
    assert_eq!(outputs(&answer)[0]["data"], json!(["low", "high"]));
}

#[test]
fn objects_are_answered_as_elements_are() {
    let engine = risk();
    let answer = engine.infer(
        r#"{"inputs":[
            {"name":"a","datatype":"BYTES","shape":[2],"data":[{"age":30,"pressure":0.25},{"age":1,"pressure":0,"smokes":true}],
             "parameters":{"metadata":"m"}},
            {"name":"b","data":["{\"age\": 30, \"pressure\": 0.75}"],"parameters":{"action":"predict_proba"}}]}"#,
    );
    assert_eq!(
        outputs(&answer),
        json!([
            {"name": "a", "datatype": "BYTES", "shape": [2], "data": ["low", "high"], "parameters": {"metadata": "m"}},
            {"name": "b", "datatype": "BYTES", "shape": [1], "data": [[0.25, 0.75]]},
        ])
    );
    let row = br#"{"age":30,"pressure":0.75}"#;
    let input = json!({"name": "row", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 30}});
    let tail = [&(row.len() as u32).to_le_bytes()[..], row].concat();
    assert_eq!(outputs(&binary(&engine, &json!({"inputs": [input]}), &tail))[0]["data"], json!(["high"]));
    let answer = engine.infer(r#"{"input": "{\"age\": 30, \"pressure\": 0.75}", "parameters": {"metadata": 5}}"#);
    assert_eq!(answer.body, r#"{"output":"high","parameters":{"metadata":5}}"#);
}

/// The columns of two patients, with these changes.
fn patients(changes: &[(usize, &str, Value)]) -> String {
    let mut inputs = json!([
        {"name": "age", "datatype": "INT64", "shape": [2], "data": [30, 41]},
        {"name": "pressure", "datatype": "FP32", "shape": [2], "data": [0.25, 0.75]},
        {"name": "ward", "datatype": "BYTES", "shape": [2], "data": ["A", "B"]},
    ]);
    for (column, member, value) in changes {
        inputs[column][member] = value.clone();
    }
    json!({ "inputs": inputs }).to_string()
}

#[test]
fn a_row_that_does_not_fit_is_named() {
    let engine = risk();
    for (changes, expected) in [
        (
            vec![(0, "data", json!([30, 256]))],
            "input 'age', row 1: an integer from 0 to 255 is expected, a number that is none came",
        ),
        (
            vec![(0, "data", json!([-1, 256]))],
            "input 'age', row 0: an integer from 0 to 255 is expected, a number that is none came; \
             input 'age', row 1: an integer from 0 to 255 is expected, a number that is none came",
        ),
        (
            vec![(0, "datatype", json!("FP32")), (0, "data", json!([30, 0.5]))],
            "input 'age', row 1: an integer is expected, a fraction came",
        ),
        (
            vec![(1, "datatype", json!("BYTES")), (1, "data", json!(["the secret", 0.5]))],
            "input 'pressure', row 0: a number is expected, a string came",
        ),
        // What is wrong with every row is said once.
        (vec![(0, "name", json!("years"))], "input 'age': missing; a column of this name is expected"),
        (
            vec![(1, "shape", json!([1, 2]))],
            "input 'pressure': shape [rows] or [rows, 1] of a column is expected, [1, 2] came",
        ),
        (
            vec![(1, "shape", json!([1])), (1, "data", json!([0.5]))],
            "input 'pressure': 2 rows are expected as in input 'age', 1 came",
        ),
        // What the model refuses.
        (vec![(0, "data", json!([30, 0]))], "row 1: an age of at least 1 is expected, 0 came"),
    ] {
        assert_eq!(refused(&engine.infer(patients(&changes))), expected);
    }
    let failed = engine.infer(patients(&[(2, "data", json!(["closed", "B"]))]));
    assert_eq!(failed.status, 500);

    let object =
        r#"{"inputs":[{"name":"row","datatype":"BYTES","shape":[2],"data":[{"age":1,"pressure":0},{"age":"x"}]}]}"#;
    let expected = "input 'row': data[1]: age: an integer from 0 to 255 is expected, a string came";
    assert_eq!(refused(&engine.infer(object)), expected);
}

#[test]
fn a_matrix_that_does_not_fit_is_named() {
    let (_, engine) = sums();
    let ask = |shape: &[usize], datatype: &str, parameters: Value| {
        let data = vec![1; shape.iter().product()];
        let input = json!({"name": "m", "datatype": datatype, "shape": shape, "data": data, "parameters": parameters});
        refused(&engine.infer(json!({"inputs": [input]}).to_string()))
    };
    assert_eq!(ask(&[4, 3], "FP32", Value::Null), "input 'm': shape [rows, 2] is expected, [4, 3] came");
    assert_eq!(ask(&[4], "FP32", Value::Null), "inputs: 2 are expected, one a column, 1 came");
    assert_eq!(
        ask(&[4, 2, 1], "FP32", Value::Null),
        "input 'm': shape [rows, columns] or [rows] is expected, [4, 2, 1] came"
    );
    assert_eq!(
        ask(&[20, 2], "FP32", json!({"action": "embed"})),
        "parameters.action: expected one of 'predict', got 'embed'"
    );
    let big = json!([{"name": "m", "datatype": "INT64", "shape": [40, 2], "data": vec![16777217; 80]}]);
    let text = refused(&engine.infer(json!({"inputs": big}).to_string()));
    assert!(text.starts_with("input 'm', row 0, column 0: a number that FP32 holds exactly is expected"), "{text}");
    assert!(text.ends_with("; and 30 more"), "{text}");

    let count = 131_073;
    let input =
        json!({"name": "m", "datatype": "UINT8", "shape": [count, 2], "parameters": {"binary_data_size": 2 * count}});
    let answer = binary(&engine, &json!({"inputs": [input]}), &vec![1; 2 * count]);
    assert_eq!(refused(&answer), "at most 131072 rows in a request are expected, 131073 came");
}

#[test]
fn rows_go_to_the_model_by_the_thousand() {
    let (model, engine) = sums();
    let ask = |rows: usize| {
        let input = json!({"name": "m", "datatype": "UINT8", "shape": [rows, 2], "data": vec![1; 2 * rows]});
        outputs(&engine.infer(json!({"inputs": [input]}).to_string()))
    };
    assert_eq!(ask(1000)[0]["shape"], json!([1000]));
    assert_eq!(*model.0.lock().unwrap(), [1000]);
    let answer = ask(1025);
    assert_eq!(answer[0]["data"].as_array().map(Vec::len), Some(1025));
    // Two workers may share the calls of one request.
    let mut calls = model.0.lock().unwrap().clone();
    calls.sort_unstable();
    assert_eq!(calls, [1, 1000, 1024]);
}

#[test]
fn rows_of_one_length_are_a_tensor() {
    let rows = [vec![1., 2.], vec![3., 4.]].map(Row);
    assert_eq!(Batch::new(rows.clone()).rows_to_tensor().unwrap().to_vec2::<f32>().unwrap(), rows.map(|row| row.0));
    let error = Batch::new([Row(vec![1., 2.]), Row(vec![3.])]).rows_to_tensor().unwrap_err();
    let expected = "input 'input-1': as many numbers as in the first row are expected, 2, 1 came";
    assert_eq!(error.public_message().as_deref(), Some(expected));
}

/// What it is told beside its rows: those are maps.
struct Told;

#[derive(Deserialize)]
struct Times {
    #[serde(default)]
    times: f64,
}

impl Model for Told {
    type Settings = ();
    type Input = WithParams<Row<HashMap<String, f64>>, Times>;
    type Output = Json<Vec<String>>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Told)
    }

    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Json<Vec<String>>>> {
        batch.try_map(|row| {
            let mut cells: Vec<_> =
                row.input.0.iter().map(|(name, value)| format!("{name} {}", value * row.params.times)).collect();
            cells.sort();
            cells.extend([row.name().to_string(), row.action().to_string(), row.score_threshold().to_string()]);
            Ok(Json(cells))
        })
    }
}

#[test]
fn rows_come_with_their_parameters() {
    let engine = TestEngine::start(Engine::builder().model::<Told>("told")).unwrap();
    let two = json!([
        {"name": "a", "datatype": "FP32", "shape": [1], "data": [1.5]},
        {"name": "b", "datatype": "INT8", "shape": [1], "data": [2]},
    ]);
    let ask = |request: Value| outputs(&engine.infer(request.to_string()));
    assert_eq!(
        ask(json!({"inputs": two, "parameters": {"times": 2, "action": "sum", "score_threshold": 0.25}})),
        json!([{"name": "sum", "datatype": "BYTES", "shape": [1], "data": [["a 3", "b 4", "", "sum", "0.25"]]}])
    );
    assert_eq!(
        ask(json!({ "inputs": two })),
        json!([{"name": "output", "datatype": "BYTES", "shape": [1], "data": [["a 0", "b 0", "", "", "0.5"]]}])
    );
    let one = json!([{"name": "a", "datatype": "FP32", "shape": [1, 1], "data": [1.5], "parameters": {"times": 4}}]);
    assert_eq!(ask(json!({"inputs": one, "parameters": {"times": 2}}))[0]["data"], json!([["a 6", "a", "", "0.5"]]));
    let wrong = json!([{"data": [{"a": 1}], "parameters": {"times": "often"}}]);
    let text = refused(&engine.infer(json!({"inputs": wrong}).to_string()));
    assert_eq!(text, "inputs[0]: parameters.times: a number is expected, a string came");
}

#[test]
fn the_metadata_names_the_columns() {
    let metadata = |engine: &TestEngine, model| {
        let mut told = engine.get(&format!("/v2/models/{model}")).json();
        (told["inputs"].take(), told["outputs"].take())
    };
    let values = |name: &str| json!([{"name": name, "datatype": "BYTES", "shape": [-1]}]);
    let columns = json!([
        {"name": "age", "datatype": "UINT8", "shape": [-1]},
        {"name": "pressure", "datatype": "FP32", "shape": [-1]},
        {"name": "ward", "datatype": "BYTES", "shape": [-1]},
        {"name": "smokes", "datatype": "BOOL", "shape": [-1]},
    ]);
    assert_eq!(metadata(&risk(), "risk"), (columns, values("predict")));
    let matrix = json!([{"name": "row", "datatype": "FP32", "shape": [-1, 2]}]);
    assert_eq!(metadata(&sums().1, "sums"), (matrix, values("row")));
    let told = TestEngine::start(Engine::builder().model::<Told>("told")).unwrap();
    assert_eq!(metadata(&told, "told"), (values("row"), values("row")));
}

/// What a client makes of the metadata is taken, whatever the columns hold.
#[test]
fn what_the_metadata_names_is_taken() {
    let engine = risk();
    let told = engine.get("/v2/models/risk").json();
    let column = |input: &Value| {
        let value = match input["datatype"].as_str() {
            Some("BYTES") => json!(""),
            Some("BOOL") => json!(false),
            _ => json!(1),
        };
        json!({"name": input["name"], "datatype": input["datatype"], "shape": [1], "data": [value]})
    };
    let inputs: Vec<Value> = told["inputs"].as_array().unwrap().iter().map(column).collect();
    let answer = outputs(&engine.infer(json!({ "inputs": inputs }).to_string()));
    assert_eq!(answer[0]["name"], told["outputs"][0]["name"]);
    assert_eq!(answer[0]["data"], json!(["high"]));
}
