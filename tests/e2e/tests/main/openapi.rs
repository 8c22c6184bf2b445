//! The OpenAPI document and the metadata of engines of every kind: what they say is what the engine does. Every route,
//! example and answer is held against the document, and what its schemas forbid is refused.

mod kinds;

use bytes::Bytes;
use chariot_engine::{EngineBuilder, prelude::*, testing::TestEngine};
use e2e::{Answer, OpenApi, base64};
use http::Request;
use serde_json::{Value, json};

use self::kinds::*;
use crate::support::Server;

fn document(server: &Server) -> OpenApi {
    OpenApi::of(&server.get("/openapi.json"))
}

/// Starts an engine, holds its document against it, and returns both.
fn held(builder: EngineBuilder, examples: usize) -> (Server, OpenApi) {
    let server = Server::start(builder);
    let document = document(&server);
    assert_eq!(document.examples().len(), examples);
    document.holds(|method, path, body| server.ask(method, path, &[], body));
    (server, document)
}

#[test]
fn engines_of_every_task_do_what_their_documents_say() {
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
        builder::<Prompt>(),
        builder::<Short>(),
        builder::<German>(),
        builder::<Gap>(),
        builder::<Sampled>(),
        builder::<Picky>(),
        builder::<Photo>().setting("CHARIOT_ENGINE_OUTPUT_ENCODING", "string"),
    ] {
        held(builder, 2);
    }
    for builder in [
        builder::<Reader>(),
        builder::<Price>(),
        builder::<Tensorial>(),
        builder::<Photo>().setting("CHARIOT_INFERENCE_PROTOCOL", "chariot-v2"),
        builder::<Photo>().setting("CHARIOT_INFERENCE_PROTOCOL", "chariot-v2-kserve"),
    ] {
        held(builder, 1);
    }
    held(builder::<Echo>(), 0);
}

#[test]
fn routes_stand_under_the_servers_that_the_document_names() {
    for (base, servers, of_tree) in [
        ("/a//b/", json!([{"url": "/a/b"}, {"url": "/"}]), Value::Null),
        ("/v2/models/m-{model_id}", json!([{"url": "/v2/models/m-2abc"}, {"url": "/"}]), json!([{"url": "/"}])),
    ] {
        let builder = builder::<Mood>().setting("CHARIOT_MODEL_ID", "2AbC").setting("CHARIOT_ENGINE_BASE_URL", base);
        let (server, document) = held(builder.version("1.2"), 2);
        assert_eq!(document.json()["servers"], servers);
        assert_eq!(document.json()["paths"]["/v2/models/described"]["servers"], of_tree);
        assert!(document.json()["paths"].get("/v2/models/described/versions/1.2/infer").is_some());
        let under = format!("{}/openapi.json", servers[0]["url"].as_str().unwrap());
        assert_eq!(server.get(&under).text, server.get("/openapi.json").text);
    }
}

#[test]
fn the_document_is_asked_like_any_route() {
    let engine = TestEngine::start(builder::<Mood>()).unwrap();
    let ask =
        |method: &str| engine.send(Request::builder().method(method).uri("/openapi.json").body(Bytes::new()).unwrap());
    let (got, head, posted) = (ask("GET"), ask("HEAD"), ask("POST"));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.headers["content-length"], got.body.len().to_string());
    assert_eq!(head.headers["content-type"], "application/json");
    assert_eq!((posted.status, &posted.headers["allow"]), (405, &"GET, HEAD".parse().unwrap()));
}

#[test]
fn what_is_streamed_is_told_of_and_what_is_not_is_not() {
    let plain = Server::start(builder::<Prompt>());
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
    let document = OpenApi::of(&ask("GET", "/openapi.json", "*/*", ""));
    let mut streamed = 0;
    for accept in ["*/*", "text/event-stream"] {
        document.holds(|method, path, body| {
            let answer = ask(method, path, accept, body);
            let is_streamed = answer.header("content-type") == Some("text/event-stream");
            streamed += usize::from(is_streamed);
            answer
        });
    }
    // Two examples, by the name and by the version: twice by the path, and on all five paths of an inference by the header.
    assert_eq!(streamed, 2 * 2 + 2 * 5);
}

#[test]
fn an_example_that_is_no_request_is_found_at_the_start() {
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
    assert!(error.to_string().contains("example request: inputs: "), "{error}");
}

/// What the schema and the engine make of a body, which must be the same.
#[track_caller]
fn judged((server, document): &(Server, OpenApi), body: &Value) -> bool {
    let answer = server.infer(body.to_string());
    document.check_answer(&answer);
    let says = document.check_request(body);
    assert_eq!(answer.status == 200, says.is_ok(), "{body}: {says:?}, {answer:?}");
    assert!([200, 400].contains(&answer.status), "{answer:?}");
    says.is_ok()
}

/// Changes a part of a body; null takes it away.
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
fn what_the_schema_of_named_tensors_forbids_is_refused_and_the_rest_is_taken() {
    let engine = held(builder::<Tensorial>(), 1);
    let good = json!({"inputs": [
        {"name": "counts", "datatype": "INT16", "shape": [2, 2], "data": [1, 2, 3, -4]},
        {"name": "weights", "datatype": "FP32", "shape": [2], "data": [0.5, 1]},
        {"name": "words", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]},
        {"name": "flag", "datatype": "BOOL", "shape": [], "data": [true]},
    ]});
    assert!(judged(&engine, &good));
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
        assert!(judged(&engine, &changed(&body, part, value)), "{part}");
    }
    let mut turned = good.clone();
    turned["inputs"].as_array_mut().unwrap().reverse();
    assert!(judged(&engine, &turned), "the order of inputs is free");
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
        assert!(!judged(&engine, &body), "{part} = {value}");
    }
}

#[test]
fn what_the_schema_of_items_forbids_is_refused_and_the_rest_is_taken() {
    let engine = held(builder::<Picky>(), 2);
    let good = json!({"inputs": [{"name": "a", "datatype": "BYTES", "shape": [1], "data": ["one"]}]});
    assert!(judged(&engine, &good));
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
        assert!(judged(&engine, &changed(&good, part, value.clone())), "{part} = {value}");
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
        assert!(!judged(&engine, &changed(&good, part, value.clone())), "{part} = {value}");
    }
    assert!(judged(&engine, &json!({"input": "one"})));
    assert!(judged(&engine, &json!({"input": "one", "parameters": {"action": "double"}})));
    for body in [json!({}), json!([]), json!({"input": 1}), json!({"input": "one", "parameters": {"action": "halve"}})]
    {
        assert!(!judged(&engine, &body), "{body}");
    }
}

#[test]
fn answers_to_other_actions_are_as_the_document_says_too() {
    for builder in [builder::<Photo>(), builder::<Mood>()] {
        let (server, document) = held(builder, 2);
        let mut body = document.examples()[1].1.clone();
        body["inputs"][0]["parameters"] = json!({"action": "predict_proba", "metadata": [1, 2]});
        let answer = server.infer(body.to_string());
        assert_eq!(answer.values(), [json!([0.25, 0.75])]);
        document.check_answer(&answer);
    }
}

#[test]
fn rows_are_taken_in_the_forms_that_the_document_has() {
    let engine = held(builder::<Price>(), 1);
    let column = |name: &str, datatype: &str| json!({"name": name, "datatype": datatype, "shape": [2], "data": [2, 3]});
    for inputs in [
        json!([{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 3, 4]}]),
        json!([column("area", "FP64"), column("rooms", "INT64")]),
        json!([{"data": [{"area": 1.5, "rooms": 2}, "{\"area\": 2, \"rooms\": 3}"]}]),
    ] {
        assert!(judged(&engine, &json!({ "inputs": inputs })));
    }
    assert!(!judged(&engine, &json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2]}]})));
}

/// A request of what metadata announces: zeros, empty texts, or what an item is.
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
fn what_the_metadata_announces_is_taken_and_answered_as_announced() {
    let mut png = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(3, 2).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let picture = json!(base64(png.into_inner()));
    for (builder, item) in [
        (builder::<Photo>(), picture),
        (builder::<Mood>(), json!("text")),
        (builder::<Reader>(), json!({"question": "who", "context": "they"})),
        (builder::<Price>(), json!("unused")),
        (builder::<Tensorial>(), json!("text")),
    ] {
        let server = Server::start(builder);
        let metadata = server.get("/v2/models/described").ok();
        let body = announced(&metadata, &item);
        let answer = server.infer(body.to_string());
        let (came, outputs) = (answer.ok(), metadata["outputs"].as_array().unwrap());
        let came = came["outputs"].as_array().unwrap();
        assert_eq!(came.len(), outputs.len());
        for (came, said) in came.iter().zip(outputs) {
            assert_eq!((&came["name"], &came["datatype"]), (&said["name"], &said["datatype"]));
            let (shape, said) = (came["shape"].as_array().unwrap(), said["shape"].as_array().unwrap());
            assert_eq!(shape.len(), said.len());
            assert!(shape.iter().zip(said).all(|(came, said)| *said == -1 || came == said), "{shape:?} {said:?}");
        }
    }
}
