//! The document as a whole: what it refers to is there, and what it says is what the engine declares.

use std::collections::HashSet;

use serde_json::Value;

use super::*;
use crate::{
    model::{Batch, Dim, LoadContext, Model, TensorSpec},
    prelude::*,
    protocol::DataType,
    settings::OutputEncoding,
};

/// A model of these types that is never loaded.
struct Of<I, O>(std::marker::PhantomData<fn() -> (I, O)>);

impl<I: Input, O: Output<I::Modality>> Model for Of<I, O> {
    type Settings = ();
    type Input = I;
    type Output = O;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("it is only described".into())
    }

    async fn infer(&self, _: Batch<I>) -> Result<Vec<O>> {
        Err("it is only described".into())
    }
}

fn spec<I: Input, O: Output<I::Modality>>() -> Spec {
    Spec::new::<Of<I, O>>()
}

fn with(spec: &Spec, takes: &Accepts, change: impl FnOnce(&mut Described<'_>)) -> Value {
    let servers = Servers { base: vec![String::new()], tree: vec![String::new()] };
    behind(servers, spec, takes, change)
}

fn behind(servers: Servers, spec: &Spec, takes: &Accepts, change: impl FnOnce(&mut Described<'_>)) -> Value {
    let server = Served { name: "shout", version: "1.0", models: vec!["shout"], default: Some(0), servers };
    let mut engine = Described {
        server: &server,
        name: "shout",
        version: "1.0",
        spec,
        takes,
        layout: None,
        encoding: OutputEncoding::default(),
        score_threshold: 0.5,
    };
    change(&mut engine);
    serde_json::from_slice(&document(&server, &[engine])).unwrap()
}

fn of(spec: &Spec) -> Value {
    with(spec, &takes(spec, None), |_| {})
}

fn takes(spec: &Spec, protocol: Option<Protocol>) -> Accepts {
    Accepts { protocol, items: spec.element.is_some(), ..Accepts::default() }
}

fn content(document: &Value) -> &Value {
    &document["components"]["requestBodies"]["Inference"]["content"]
}

fn example<'a>(document: &'a Value, protocol: &str) -> &'a Value {
    &content(document)["application/json"]["examples"][protocol]["value"]
}

/// Every `$ref` in a value.
fn references<'a>(value: &'a Value, found: &mut HashSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn tensors() -> [TensorSpec; 2] {
    [
        TensorSpec::new("features", DataType::Fp32, &[Dim::Batch("n"), Dim::Fixed(4)], "in cm").converting(),
        TensorSpec::new("names", DataType::Bytes, &[Dim::Batch("n")], ""),
    ]
}

/// Every reference has its target, and every component is referred to.
#[track_caller]
fn is_whole(document: &Value) {
    let mut found = HashSet::new();
    references(document, &mut found);
    for reference in &found {
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference} is nowhere");
    }
    for (kind, of_kind) in document["components"].as_object().unwrap() {
        for name in of_kind.as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            let only_told_of = ["ItemRequest", "ItemResponse"].iter().any(|of| name.ends_with(of));
            assert!(found.contains(&*reference) || only_told_of, "{reference} is for nothing");
        }
    }
}

#[test]
fn a_document_of_several_models_is_whole_too() {
    let specs = [spec::<Text, Json<String>>().streaming(), spec::<Json<u8>, Json<u8>>(), spec::<Tensors, Tensors>()];
    let names = ["a", "b", "c"];
    let takes: Vec<Accepts> = specs.iter().map(|spec| takes(spec, None)).collect();
    for default in [None, Some(0), Some(2)] {
        let servers = Servers { base: vec!["/x".into(), String::new()], tree: vec![String::new()] };
        let server = Served { name: "all", version: "1", models: names.to_vec(), default, servers };
        let models: Vec<_> = (0..3)
            .map(|index| Described {
                server: &server,
                name: names[index],
                version: "1",
                spec: &specs[index],
                takes: &takes[index],
                layout: None,
                encoding: OutputEncoding::Json,
                score_threshold: 0.5,
            })
            .collect();
        let whole: Value = serde_json::from_slice(&document(&server, &models)).unwrap();
        is_whole(&whole);
        let infer = whole["paths"].get("/infer");
        assert_eq!(infer.is_some(), default.is_some());
        if let (Some(infer), Some(index)) = (infer, default) {
            let path = format!("/v2/models/{}/infer", names[index]);
            let own = &whole["paths"][path]["post"]["requestBody"];
            assert_eq!(&infer["post"]["requestBody"], own, "the default model's");
        }
    }
}

#[test]
fn what_is_referred_to_is_there_and_what_is_there_is_referred_to() {
    let specs = [
        spec::<Text, Json<String>>(),
        spec::<Text, Json<String>>().streaming(),
        spec::<Json<u8>, Json<u8>>(),
        spec::<Row<[f32; 2]>, Regression>(),
        spec::<Tensors, Tensors>(),
        spec::<Tensors, Tensors>().inputs(tensors()).outputs(tensors()),
    ];
    for spec in specs {
        for protocol in [None, Some(Protocol::V2Kserve), Some(Protocol::V2)] {
            if spec.element.is_none() && protocol == Some(Protocol::V2) {
                continue;
            }
            let takes = takes(&spec, protocol);
            let servers = Servers { base: vec!["/a".into(), String::new()], tree: vec![String::new()] };
            let document = behind(servers, &spec, &takes, |engine| {
                engine.encoding = OutputEncoding::String;
            });
            is_whole(&document);
        }
    }
}

#[test]
fn every_path_is_there_once_with_an_operation_of_its_own() {
    let text = spec::<Text, Json<String>>();
    let document = of(&text);
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/ready",
        "/infer",
        "/openapi.json",
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models",
        "/v2/repository/index",
        "/v2/models/shout",
        "/v2/models/shout/ready",
        "/v2/models/shout/infer",
        "/v2/models/shout/versions/1.0",
        "/v2/models/shout/versions/1.0/ready",
        "/v2/models/shout/versions/1.0/infer",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    assert_eq!(paths.len(), 14);
    let operations: HashSet<&str> = paths
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(operations.len(), 14);

    let odd = with(&text, &takes(&text, None), |engine| engine.version = "a/b");
    assert_eq!(odd["paths"].as_object().unwrap().len(), 11, "a version that no path can hold is in none");
}

#[test]
fn servers_are_what_stands_before_the_paths() {
    let text = spec::<Text, Json<String>>();
    let document = of(&text);
    assert_eq!(document["servers"], json!([{"url": "/"}]));
    assert_eq!(document["paths"]["/v2"].get("servers"), None);

    let servers = Servers { base: vec!["/a/b".into(), String::new()], tree: vec![String::new()] };
    let document = behind(servers, &text, &takes(&text, None), |_| {});
    assert_eq!(document["servers"], json!([{"url": "/a/b"}, {"url": "/"}]));
    assert_eq!(document["paths"]["/v2"]["servers"], json!([{"url": "/"}]));
    assert_eq!(document["paths"]["/infer"].get("servers"), None);
}

#[test]
fn declared_actions_are_all_there_are() {
    let action = |spec: &Spec| of(spec)["components"]["schemas"]["Parameters"]["properties"]["action"].take();
    let open = action(&spec::<Text, Json<String>>());
    assert_eq!((&open["type"], open.get("enum"), open.get("default")), (&json!(["string", "null"]), None, None));
    let closed = action(&spec::<Text, Json<String>>().actions(["a", "b"]));
    assert_eq!((&closed["enum"], &closed["default"]), (&json!(["a", "b", null]), &json!("a")));
    let convention = action(&spec::<Text, Classification>());
    assert_eq!((convention.get("enum"), &convention["default"]), (None, &json!("predict")));
}

#[test]
fn an_example_is_the_authors_or_the_types_or_one_of_zeros() {
    let text = of(&spec::<Text, Json<String>>());
    let sentence = &example(&text, "chariot-v2-kserve")["inputs"][0]["data"][0];
    assert!(sentence.is_string());
    assert_eq!(example(&text, "chariot-v2"), &json!({ "input": sentence }));

    let declared = spec::<Tensors, Tensors>().inputs(tensors());
    let zeros = json!({"inputs": [
        {"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [0.0, 0.0, 0.0, 0.0]},
        {"name": "names", "datatype": "BYTES", "shape": [1], "data": [""]},
    ]});
    assert_eq!(example(&of(&declared), "chariot-v2-kserve"), &zeros);
    assert!(example(&of(&declared), "chariot-v2").is_null());

    let large = TensorSpec::new("x", DataType::Fp32, &[Dim::Fixed(usize::MAX), Dim::Fixed(2)], "");
    for spec in [spec::<Tensors, Tensors>(), spec::<Tensors, Tensors>().inputs([large])] {
        assert!(content(&of(&spec))["application/json"].get("examples").is_none());
    }

    let given = r#"{"inputs": [{"data": ["a", "b"]}]}"#;
    let of_author = of(&spec::<Text, Json<String>>().example(given));
    assert_eq!(example(&of_author, "chariot-v2-kserve")["inputs"][0]["data"], json!(["a", "b"]));
    assert!(example(&of_author, "chariot-v2").is_null(), "two items are no request of one");
}

#[test]
fn an_engine_of_one_protocol_speaks_of_no_other() {
    let text = spec::<Text, Json<String>>();
    let schema = |protocol| {
        let takes = takes(&text, protocol);
        let document = with(&text, &takes, |_| {});
        let content = content(&document);
        let types: Vec<String> = content.as_object().unwrap().keys().cloned().collect();
        (content["application/json"]["schema"].clone(), types.join(" "))
    };
    let (kserve, v2) = (super::schema("InferRequest"), super::schema("ItemRequest"));
    assert_eq!(schema(Some(Protocol::V2Kserve)), (kserve.clone(), "application/json application/octet-stream".into()));
    let all = "application/json application/jsonl application/octet-stream text/plain";
    assert_eq!(schema(Some(Protocol::V2)), (v2.clone(), all.into()));
    assert_eq!(schema(None), (json!({ "oneOf": [kserve, v2] }), all.into()));
}
