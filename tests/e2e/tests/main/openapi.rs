//! The OpenAPI document and the metadata of engines of every kind, compared with their behavior: every route, example
//! and response is checked against the document, and the engine rejects what its schemas forbid.

mod kinds;

use bytes::Bytes;
use chariot_engine::{EngineBuilder, prelude::*, testing::TestEngine};
use e2e::{Answer, OpenApi, base64};
use http::Request;
use serde_json::{Value, json};

use self::kinds::*;
use crate::support::Server;

fn document(server: &Server) -> OpenApi {
    OpenApi::from_answer(&server.get("/openapi.json"))
}

/// Starts an engine, checks it against its document, and returns both.
fn checked(builder: EngineBuilder, examples: usize) -> (Server, OpenApi) {
    let server = Server::start(builder);
    let document = document(&server);
    assert_eq!(document.examples().len(), examples);
    document.check_routes(|method, path, body| server.ask(method, path, &[], body));
    (server, document)
}

#[test]
fn engines_of_every_task_match_their_documents() {
    let columns = |builder: EngineBuilder| builder.setting("CHARIOT_ENGINE_OUTPUT_LAYOUT", "columns");
    let objects = |builder: EngineBuilder| builder.setting("CHARIOT_ENGINE_OUTPUT_LAYOUT", "objects");
    for builder in [
        builder::<Photo>(),
        objects(builder::<Photo>()),
        builder::<Boxes>(),
        columns(builder::<Boxes>()),
        builder::<Turned>(),
        columns(builder::<Turned>()),
        builder::<Mask>(),
        builder::<Vector>(),
        builder::<Mood>(),
        builder::<Names>(),
        builder::<kinds::Prompt>(),
        builder::<Short>(),
        builder::<German>(),
        builder::<Gap>(),
        builder::<Sampled>(),
        builder::<Picky>(),
        builder::<Photo>().setting("CHARIOT_ENGINE_OUTPUT_ENCODING", "string"),
    ] {
        checked(builder, 2);
    }
    for builder in [
        builder::<Reader>(),
        builder::<Price>(),
        builder::<Tensorial>(),
        builder::<Photo>().setting("CHARIOT_INFERENCE_PROTOCOL", "chariot-v2"),
        builder::<Photo>().setting("CHARIOT_INFERENCE_PROTOCOL", "chariot-v2-kserve"),
    ] {
        checked(builder, 1);
    }
    checked(builder::<Echo>(), 0);
}

#[test]
fn routes_are_served_under_the_servers_of_the_document() {
    for (base, servers, of_tree) in [
        ("/a//b/", json!([{"url": "/a/b"}, {"url": "/"}]), Value::Null),
        ("/v2/models/m-{model_id}", json!([{"url": "/v2/models/m-2abc"}, {"url": "/"}]), json!([{"url": "/"}])),
    ] {
        let builder = builder::<Mood>().setting("CHARIOT_MODEL_ID", "2AbC").setting("CHARIOT_ENGINE_BASE_URL", base);
        let (server, document) = checked(builder.version("1.2"), 2);
        assert_eq!(document.json()["servers"], servers);
        assert_eq!(document.json()["paths"]["/v2/models/described"]["servers"], of_tree);
        assert!(document.json()["paths"].get("/v2/models/described/versions/1.2/infer").is_some());
        let under = format!("{}/openapi.json", servers[0]["url"].as_str().unwrap());
        assert_eq!(server.get(&under).text, server.get("/openapi.json").text);
    }
}

#[test]
fn the_document_is_served_like_any_route() {
    let engine = TestEngine::start(builder::<Mood>()).unwrap();
    let ask =
        |method: &str| engine.send(Request::builder().method(method).uri("/openapi.json").body(Bytes::new()).unwrap());
    let (got, head, posted) = (ask("GET"), ask("HEAD"), ask("POST"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.headers["content-length"], got.body.len().to_string());
    assert_eq!(head.headers["content-type"], "application/json");
    assert_eq!((posted.status, &posted.headers["allow"]), (405, &"GET, HEAD, OPTIONS".parse().unwrap()));
}

#[test]
fn streaming_is_documented_only_where_it_is_offered() {
    let plain = Server::start(builder::<Mood>());
    let text = plain.get("/openapi.json").text;
    assert!(!text.contains("generate_stream") && !text.contains("event-stream"));

    let engine = TestEngine::start(builder::<Streamed>()).unwrap();
    let ask = |method: &str, path: &str, accept: &str, body: &str| {
        let request = Request::builder().method(method).uri(path).header("accept", accept);
        let answer = engine.send(request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap());
        let headers =
            answer.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_string()));
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        Answer { status: answer.status, headers: headers.collect(), text }
    };
    let document = OpenApi::from_answer(&ask("GET", "/openapi.json", "*/*", ""));
    let mut streamed = 0;
    for accept in ["*/*", "text/event-stream"] {
        document.check_routes(|method, path, body| {
            let answer = ask(method, path, accept, body);
            let is_streamed = answer.header("content-type") == Some("text/event-stream");
            streamed += usize::from(is_streamed);
            answer
        });
    }
    // Two examples: on the two paths of streaming, and with the header on all five paths of inference.
    assert_eq!(streamed, 2 * 2 + 2 * 5);
}

#[test]
fn typed_parameters_are_described_as_they_are_read() {
    let engine = checked(builder::<Sampled>(), 2);
    let request = |parameters: Value| json!({"inputs": [{"name": "a", "data": ["x"], "parameters": parameters}]});
    assert!(accepts(&engine, &request(json!({"most": 3, "action": null, "unknown": true}))));
    for parameters in [json!({}), json!({"most": 256}), json!({"most": -1}), json!({"most": null}), Value::Null] {
        assert!(!accepts(&engine, &request(parameters.clone())), "{parameters}");
        assert!(!accepts(&engine, &json!({"input": "x", "parameters": parameters})), "{parameters}");
    }
    assert!(!accepts(&engine, &json!({"inputs": [{"name": "a", "data": ["x"]}]})));
    assert!(!accepts(&engine, &json!({"input": "x"})));
}

#[test]
fn an_invalid_example_fails_the_start() {
    struct Wrong;
    impl Kind for Wrong {
        type Input = Text;
        type Output = Json<u8>;

        fn spec(spec: Spec) -> Spec {
            spec.example(r#"{"input": "a"}"#)
        }

        fn infer(_: Item<Text>) -> Result<Json<u8>> {
            Ok(Json(0))
        }
    }
    let error = TestEngine::start(builder::<Wrong>()).unwrap_err();
    assert_eq!(error.exit_code(), 78);
    insta::assert_snapshot!("invalid_example", error);
}

/// Returns `true` if the engine accepts a body. Its schema must agree.
#[track_caller]
fn accepts((server, document): &(Server, OpenApi), body: &Value) -> bool {
    let answer = server.infer(body.to_string());
    document.check_answer(&answer);
    let verdict = document.check_request(body);
    assert_eq!(answer.status == 200, verdict.is_ok(), "{body}: {verdict:?}, {answer:?}");
    assert!([200, 400].contains(&answer.status), "{answer:?}");
    verdict.is_ok()
}

/// Changes a part of a body; null removes it.
fn changed(body: &Value, part: &str, value: Value) -> Value {
    let (mut body, (owner, name)) = (body.clone(), part.rsplit_once('/').unwrap());
    let owner = body.pointer_mut(owner).unwrap();
    match (owner, value) {
        (Value::Array(items), Value::Null) => drop(items.remove(name.parse().unwrap())),
        (Value::Array(items), value) => items.insert(name.parse().unwrap(), value),
        (Value::Object(members), Value::Null) => drop(members.remove(name)),
        (owner, value) => owner[name] = value,
    }
    body
}

#[test]
fn a_tensor_engine_accepts_exactly_what_its_schema_allows() {
    let engine = checked(builder::<Tensorial>(), 1);
    let good = json!({"inputs": [
        {"name": "counts", "datatype": "INT16", "shape": [2, 2], "data": [1, 2, 3, -4]},
        {"name": "weights", "datatype": "FP32", "shape": [2], "data": [0.5, 1]},
        {"name": "words", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]},
        {"name": "flag", "datatype": "BOOL", "shape": [], "data": [true]},
    ]});
    assert!(accepts(&engine, &good));
    for (part, value) in [
        ("/id", json!("7")),
        ("/parameters", json!({"score_threshold": "0.5"})),
        ("/outputs", json!([{"name": "words"}, {"name": "flag", "parameters": {"binary_data": false}}])),
        ("/inputs/0/data", json!([[1, 2], [3, 4]])),
        ("/inputs/0/parameters", json!({"metadata": {"any": 1}})),
        ("/inputs/1/datatype", json!("UINT8")),
        ("/inputs/1/data", json!([1, 2])),
        ("/anything", json!("else")),
    ] {
        let body =
            if part == "/inputs/1/datatype" { changed(&good, "/inputs/1/data", json!([1, 2])) } else { good.clone() };
        assert!(accepts(&engine, &changed(&body, part, value)), "{part}");
    }
    let mut turned = good.clone();
    turned["inputs"].as_array_mut().unwrap().reverse();
    assert!(accepts(&engine, &turned), "inputs may come in any order");
    for (part, value) in [
        ("/inputs", Value::Null),
        ("/inputs", json!([])),
        ("/inputs/0", Value::Null),
        ("/inputs/1", good["inputs"][0].clone()),
        ("/inputs/0/name", json!("other")),
        ("/inputs/0/name", Value::Null),
        ("/inputs/0/datatype", json!("INT32")),
        ("/inputs/0/datatype", json!("FP128")),
        ("/inputs/0/datatype", Value::Null),
        ("/inputs/0/shape", json!([4])),
        ("/inputs/0/shape", json!([1, 4])),
        ("/inputs/0/shape", json!([0, 2])),
        ("/inputs/0/shape", json!([-2, -2])),
        ("/inputs/0/data", json!([1, 2, 3, 32_768])),
        ("/inputs/0/data", json!([1, 2, 3, 4.5])),
        ("/inputs/0/data", json!([1, 2, 3, "4"])),
        ("/inputs/0/data", json!([[1, 2, 3], [4]])),
        ("/inputs/0/data", json!("1234")),
        ("/inputs/0/data", Value::Null),
        ("/inputs/1/datatype", json!("BOOL")),
        ("/inputs/2/data", json!(["a", 1])),
        ("/inputs/3/data", json!([0])),
        ("/inputs/3/data", json!([[true]])),
        ("/outputs", json!([{"name": "other"}])),
        ("/outputs", json!([{}])),
        ("/outputs", json!("words")),
        ("/id", json!(7)),
        ("/parameters", json!([])),
        ("/parameters", json!({"action": 1})),
        ("/parameters", json!({"score_threshold": true})),
        ("/parameters", json!({"binary_data_output": "yes"})),
    ] {
        let body = changed(&good, part, value.clone());
        assert!(!accepts(&engine, &body), "{part} = {value}");
    }
}

#[test]
fn an_item_engine_accepts_exactly_what_its_schema_allows() {
    let engine = checked(builder::<Picky>(), 2);
    let good = json!({"inputs": [{"name": "a", "datatype": "BYTES", "shape": [1], "data": ["one"]}]});
    assert!(accepts(&engine, &good));
    for (part, value) in [
        ("/inputs/0/name", Value::Null),
        ("/inputs/0/datatype", Value::Null),
        ("/inputs/0/shape", Value::Null),
        ("/inputs/0/shape", json!([480, 640, 3])),
        ("/inputs/0/data", json!("one")),
        ("/inputs/0/data", json!(["one", "two"])),
        ("/inputs/0/parameters", json!({})),
        ("/inputs/0/parameters", json!({"action": "double", "score_threshold": 0.25, "metadata": "{}", "own": 1})),
        ("/inputs/0/parameters", json!({"action": null, "score_threshold": null, "metadata": null})),
        ("/inputs/1", json!({"data": ["two"]})),
    ] {
        assert!(accepts(&engine, &changed(&good, part, value.clone())), "{part} = {value}");
    }
    for (part, value) in [
        ("/inputs/0/datatype", json!("FP32")),
        ("/inputs/0/name", json!(1)),
        ("/inputs/0/shape", json!("1")),
        ("/inputs/0/data", Value::Null),
        ("/inputs/0/data", json!([])),
        ("/inputs/0/data", json!([1])),
        ("/inputs/0/data", json!({"0": "one"})),
        ("/inputs/0/parameters", json!("count")),
        ("/inputs/0/parameters", json!({"action": "halve"})),
        ("/inputs/0", Value::Null),
        ("/input", json!("one")),
    ] {
        assert!(!accepts(&engine, &changed(&good, part, value.clone())), "{part} = {value}");
    }
    assert!(accepts(&engine, &json!({"input": "one"})));
    assert!(accepts(&engine, &json!({"input": "one", "parameters": {"action": "double"}})));
    for body in [json!({}), json!([]), json!({"input": 1}), json!({"input": "one", "parameters": {"action": "halve"}})]
    {
        assert!(!accepts(&engine, &body), "{body}");
    }
}

#[test]
fn responses_to_other_actions_match_the_document_too() {
    for builder in [builder::<Photo>(), builder::<Mood>()] {
        let (server, document) = checked(builder, 2);
        let mut body = document.examples()[1].1.clone();
        body["inputs"][0]["parameters"] = json!({"action": "predict_proba", "metadata": [1, 2]});
        let answer = server.infer(body.to_string());
        assert_eq!(answer.values(), [json!([0.25, 0.75])]);
        document.check_answer(&answer);
    }
}

#[test]
fn rows_are_accepted_in_every_documented_form() {
    let engine = checked(builder::<Price>(), 1);
    let column = |name: &str, datatype: &str| json!({"name": name, "datatype": datatype, "shape": [2], "data": [2, 3]});
    for inputs in [
        json!([{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]}]),
        json!([column("area", "FP64"), column("rooms", "INT64")]),
        json!([{"data": [{"area": 1.5, "rooms": 2}, "{\"area\": 2, \"rooms\": 3}"]}]),
    ] {
        assert!(accepts(&engine, &json!({ "inputs": inputs })));
    }
    assert!(!accepts(&engine, &json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2]}]})));
}

/// Makes a request for the inputs that the metadata announces, with `item` for every element of BYTES.
fn announced(metadata: &Value, item: &Value) -> Value {
    let input = |input: &Value| {
        let lengths = input["shape"].as_array().unwrap().iter().map(|length| length.as_i64().unwrap());
        let shape: Vec<i64> = lengths.map(|length| if length < 0 { 1 } else { length }).collect();
        let element = match input["datatype"].as_str().unwrap() {
            "BYTES" => item.clone(),
            "BOOL" => json!(false),
            _ => json!(1),
        };
        let data = vec![element; shape.iter().product::<i64>() as usize];
        json!({"name": input["name"], "datatype": input["datatype"], "shape": shape, "data": data})
    };
    let inputs = metadata["inputs"].as_array().unwrap().iter().map(input);
    json!({ "inputs": inputs.collect::<Vec<_>>() })
}

#[test]
fn inputs_and_outputs_match_the_metadata() {
    let mut png = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(3, 2).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let image = json!(base64(png.into_inner()));
    for (builder, item) in [
        (builder::<Photo>(), image),
        (builder::<Mood>(), json!("text")),
        (builder::<Reader>(), json!({"question": "who", "context": "they"})),
        (builder::<Price>(), json!("unused")),
        (builder::<Tensorial>(), json!("text")),
    ] {
        let server = Server::start(builder);
        let metadata = server.get("/v2/models/described").ok();
        let body = announced(&metadata, &item);
        let answer = server.infer(body.to_string());
        let (outputs, announced) = (answer.ok(), metadata["outputs"].as_array().unwrap());
        let outputs = outputs["outputs"].as_array().unwrap();
        assert_eq!(outputs.len(), announced.len());
        for (output, announced) in outputs.iter().zip(announced) {
            assert_eq!((&output["name"], &output["datatype"]), (&announced["name"], &announced["datatype"]));
            let (shape, announced) = (output["shape"].as_array().unwrap(), announced["shape"].as_array().unwrap());
            assert_eq!(shape.len(), announced.len());
            let fits = shape.iter().zip(announced).all(|(length, announced)| *announced == -1 || length == announced);
            assert!(fits, "{shape:?} {announced:?}");
        }
    }
}
