//! The document as a whole: its references resolve, and it matches the declarations of the engine.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::*;
#[cfg(feature = "image")]
use crate::settings::OutputLayout;
use crate::{
    model::{Dim, TensorSpec},
    prelude::*,
    protocol::{Accepts, DataType, Protocol},
    settings::OutputEncoding,
};

/// A model of these types, which is never loaded.
struct Of<I, O>(std::marker::PhantomData<fn() -> (I, O)>);

impl<I: Input, O: Output<I::Modality>> Model for Of<I, O> {
    type Settings = ();
    type Input = I;
    type Output = O;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("this model is never loaded".into())
    }

    async fn infer(&self, _: Batch<I>) -> Result<Vec<O>> {
        Err("this model is never loaded".into())
    }
}

fn spec<I: Input, O: Output<I::Modality>>() -> Spec {
    Spec::new::<Of<I, O>>()
}

fn with(spec: &Spec, takes: &Accepts, change: impl FnOnce(&mut ModelInfo<'_>)) -> Value {
    let servers = Servers { base: vec![String::new()], tree: vec![String::new()] };
    behind(servers, spec, takes, change)
}

fn behind(servers: Servers, spec: &Spec, takes: &Accepts, change: impl FnOnce(&mut ModelInfo<'_>)) -> Value {
    let engine_info = EngineInfo {
        name: "shout",
        version: "1.0",
        description: "Says it louder.",
        models: vec!["shout"],
        default: Some(0),
        servers,
        needs_token: false,
        is_in_loop: false,
    };
    let mut engine = ModelInfo {
        engine: &engine_info,
        name: "shout",
        version: "1.0",
        spec,
        takes,
        layout: None,
        encoding: OutputEncoding::default(),
        score_threshold: 0.5,
    };
    change(&mut engine);
    serde_json::from_slice(&document(&engine_info, &[engine])).unwrap()
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

/// Collects every `$ref` in a value.
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

/// Asserts that every reference resolves and that every component is used.
#[track_caller]
fn is_whole(document: &Value) {
    let mut found = HashSet::new();
    references(document, &mut found);
    for reference in &found {
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference} does not resolve");
    }
    for (kind, of_kind) in document["components"].as_object().unwrap() {
        for name in of_kind.as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            let may_be_unused = ["ItemRequest", "ItemResponse"].iter().any(|of| name.ends_with(of));
            assert!(found.contains(&*reference) || may_be_unused, "{reference} is unused");
        }
    }
}

#[test]
fn references_resolve_in_a_document_of_several_models() {
    let specs = [spec::<Text, Json<String>>().streaming(), spec::<Json<u8>, Json<u8>>(), spec::<Tensors, Tensors>()];
    let names = ["a", "b", "c"];
    let takes: Vec<Accepts> = specs.iter().map(|spec| takes(spec, None)).collect();
    for default in [None, Some(0), Some(2)] {
        let servers = Servers { base: vec!["/x".into(), String::new()], tree: vec![String::new()] };
        let engine_info = EngineInfo {
            name: "all",
            version: "1",
            description: "Does everything.",
            models: names.to_vec(),
            default,
            servers,
            needs_token: false,
            is_in_loop: false,
        };
        let models: Vec<_> = (0..3)
            .map(|index| ModelInfo {
                engine: &engine_info,
                name: names[index],
                version: "1",
                spec: &specs[index],
                takes: &takes[index],
                layout: None,
                encoding: OutputEncoding::Json,
                score_threshold: 0.5,
            })
            .collect();
        let whole: Value = serde_json::from_slice(&document(&engine_info, &models)).unwrap();
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
fn references_resolve_and_components_are_used() {
    let specs = [
        spec::<Text, Json<String>>(),
        spec::<Text, Json<String>>().streaming(),
        spec::<Json<u8>, Json<u8>>(),
        spec::<Row<[f32; 2]>, Regression>(),
        spec::<WithParams<Text, Sampling>, Json<String>>(),
        spec::<WithParams<Row<[f32; 2]>, Sampling>, Json<String>>(),
        spec::<Tensors, Tensors>(),
        spec::<WithParams<Tensors, Sampling>, Tensors>(),
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
fn every_path_has_an_operation_of_its_own() {
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
    assert_eq!(odd["paths"].as_object().unwrap().len(), 11, "a version with a slash is in no path");
}

#[test]
fn servers_are_the_prefixes_of_the_paths() {
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
fn declared_actions_are_an_enum() {
    let action = |spec: &Spec| of(spec)["components"]["schemas"]["Parameters"]["properties"]["action"].take();
    let open = action(&spec::<Text, Json<String>>());
    assert_eq!((&open["type"], open.get("enum"), open.get("default")), (&json!(["string", "null"]), None, None));
    let closed = action(&spec::<Text, Json<String>>().actions(["a", "b"]));
    assert_eq!((&closed["enum"], &closed["default"]), (&json!(["a", "b", null]), &json!("a")));
    let convention = action(&spec::<Text, Classification>());
    assert_eq!((convention.get("enum"), &convention["default"]), (None, &json!("predict")));
}

#[test]
fn an_example_is_that_of_the_author_or_of_the_type_or_zeros() {
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
    assert!(example(&of_author, "chariot-v2").is_null(), "`chariot-v2` has one item");
}

#[cfg(feature = "image")]
#[test]
fn examples_of_a_task_are_its_golden_ones() {
    let responses = |spec: &Spec, change: fn(&mut ModelInfo<'_>)| {
        let document = with(spec, &takes(spec, None), change);
        document["components"]["responses"]["Inference"]["content"]["application/json"]["examples"].clone()
    };
    let ships = spec::<Image, Detections>();
    let golden = crate::tasks::golden::exchange("Object Detection", None).unwrap();
    assert_eq!(example(&of(&ships), "chariot-v2-kserve"), &golden["chariot-v2-kserve"]["request"]);
    assert_eq!(example(&of(&ships), "chariot-v2"), &golden["chariot-v2"]["request"]);
    let examples = responses(&ships, |_| {});
    assert_eq!(examples["chariot-v2"]["value"], golden["chariot-v2"]["response"]);
    let mut named = golden["chariot-v2-kserve"]["response"].clone();
    (named["model_name"], named["model_version"]) = ("shout".into(), "1.0".into());
    assert_eq!(examples["chariot-v2-kserve"]["value"], named);

    let in_columns = responses(&ships, |engine| engine.layout = Some(OutputLayout::Columns));
    assert_ne!(in_columns["chariot-v2"]["value"]["output"], golden["chariot-v2"]["response"]["output"]);
    let as_text = responses(&ships, |engine| engine.encoding = OutputEncoding::String);
    let element = as_text["chariot-v2-kserve"]["value"]["outputs"][0]["data"][0].as_str().expect("a string");
    assert_eq!(serde_json::from_str::<Value>(element).unwrap(), golden["chariot-v2"]["response"]["output"]);

    let other_actions = spec::<Image, Detections>().actions(["find"]);
    assert_eq!(example(&of(&other_actions), "chariot-v2-kserve")["inputs"][0].get("parameters"), None);
    assert!(responses(&spec::<Text, Json<String>>().task("Object Detection"), |_| {}).is_null(), "no schema");
    assert!(responses(&spec::<Text, Json<String>>(), |_| {}).is_null(), "no task");
    let rows = spec::<Row<[f32; 2]>, Regression>();
    assert!(!responses(&rows, |_| {}).is_null());
    assert_ne!(example(&of(&rows), "chariot-v2-kserve")["inputs"][0]["data"][0]["rooms"], json!(6), "its own row");
}

#[cfg(feature = "image")]
#[test]
fn the_document_names_the_task_and_the_layout_for_programs() {
    let info = |spec: &Spec, layout| with(spec, &takes(spec, None), |engine| engine.layout = layout)["info"].clone();
    let ships = spec::<Image, Detections>();
    assert_eq!(info(&ships, None)["x-chariot-task"], "Object Detection");
    assert_eq!(info(&ships, None).get("x-chariot-output-layout"), None);
    assert_eq!(info(&ships, Some(OutputLayout::Columns))["x-chariot-output-layout"], "columns");
    assert_eq!(info(&spec::<Text, Json<String>>(), None).get("x-chariot-task"), None);
}

#[test]
fn the_document_of_one_protocol_has_no_other() {
    let text = spec::<Text, Json<String>>();
    let schema = |protocol| {
        let takes = takes(&text, protocol);
        let document = with(&text, &takes, |_| {});
        let content = content(&document);
        let types: Vec<String> = content.as_object().unwrap().keys().cloned().collect();
        (content["application/json"]["schema"].clone(), types.join(" "))
    };
    let (kserve, v2) = (super::json::schema("InferRequest"), super::json::schema("ItemRequest"));
    assert_eq!(
        schema(Some(Protocol::V2Kserve)),
        (kserve.clone(), "application/json application/octet-stream multipart/form-data".into())
    );
    let all = "application/json application/jsonl application/octet-stream application/x-ndjson multipart/form-data text/plain";
    assert_eq!(schema(Some(Protocol::V2)), (v2.clone(), all.into()));
    assert_eq!(schema(None), (json!({ "oneOf": [kserve, v2] }), all.into()));
}

#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "only its schema is read")]
struct Sampling {
    top_k: u8,
    temperature: Option<f32>,
}

#[test]
fn typed_parameters_are_in_the_document() {
    let schemas = |document: &Value| document["components"]["schemas"].clone();
    let text = schemas(&of(&spec::<WithParams<Text, Sampling>, Json<String>>()));
    let typed = &text["TypedParameters"];
    assert_eq!(typed["required"], json!(["top_k"]));
    assert_eq!(typed["properties"]["top_k"], json!({ "type": "integer", "minimum": 0, "maximum": 255 }));
    assert_eq!(typed["properties"]["temperature"], json!({ "type": ["number", "null"] }));
    let reference = super::json::schema("TypedParameters");
    assert_eq!(text["ItemRequest"]["properties"]["parameters"], reference);
    assert_eq!(text["ItemRequest"]["required"], json!(["input", "parameters"]));
    let input = &text["InferRequest"]["properties"]["inputs"]["items"];
    assert_eq!((&input["properties"]["parameters"], &input["required"]), (&reference, &json!(["data", "parameters"])));
    assert_eq!(text["InferRequest"]["required"], json!(["inputs"]), "the parameters are those of the inputs");

    let rows = schemas(&of(&spec::<WithParams<Row<[f32; 2]>, Sampling>, Json<String>>()));
    assert_eq!(rows["TypedParameters"].get("required"), None, "they are those of the input or of the request");

    let document = of(&spec::<WithParams<Tensors, Sampling>, Tensors>().inputs(tensors()));
    let named = schemas(&document);
    assert_eq!(named["TypedParameters"].get("required"), None, "they are those of the request or of its only input");
    assert_eq!(named["InferRequest"]["properties"]["parameters"]["anyOf"], json!([reference]));
    assert_eq!(content(&document)["application/json"].get("examples"), None, "zeros would lack parameters");

    assert_eq!(schemas(&of(&spec::<Text, Json<String>>())).get("TypedParameters"), None);
}

#[test]
fn the_description_starts_with_that_of_the_author() {
    let description = of(&spec::<Text, Classification>())["info"]["description"].take();
    let paragraphs: Vec<&str> = description.as_str().unwrap().split("\n\n").collect();
    assert_eq!(paragraphs[..2], ["Says it louder.", "Chariot task: Text Classification."]);
}

/// The text of the document, so that it is reviewed.
#[test]
fn descriptions() {
    fn collect(value: &Value, pointer: &str, lines: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(text) if ["description", "summary"].contains(&name.as_str()) => {
                            lines.push(format!("{pointer}: {}\n", text.replace('\n', " ")));
                        }
                        value => collect(value, &format!("{pointer}/{name}"), lines),
                    }
                }
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| collect(item, &format!("{pointer}/{at}"), lines));
            }
            _ => {}
        }
    }
    let specs = [
        ("text", spec::<WithParams<Text, Sampling>, Json<String>>().streaming()),
        ("rows", spec::<Row<House>, Regression>()),
        ("tensors", spec::<Tensors, Tensors>().inputs(tensors()).outputs(tensors())),
        ("json", spec::<Json<u8>, Json<u8>>()),
    ];
    let mut lines = Vec::new();
    for (name, spec) in &specs {
        let mut of_spec = Vec::new();
        let components = of(spec)["components"].take();
        for kind in ["schemas", "requestBodies", "responses", "headers", "parameters"] {
            collect(&components[kind], kind, &mut of_spec);
        }
        of_spec.retain(|line| !lines.contains(line));
        lines.push(format!("\n{name}\n"));
        lines.extend(of_spec);
    }
    insta::assert_snapshot!("descriptions", lines.concat());
}

#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "only its schema is read")]
struct House {
    area: f64,
    rooms: u8,
}
