//! The cases of the scripted engines, and the whole suite against engines of each kind: everything passes, and every case
//! runs against some engine.

use std::collections::BTreeSet;

use chariot_engine::{Engine, settings::Environment};
use conformance::{Outcome, Report, Spec, Suite, Target, run};
use serde_json::{Value, json};

use crate::{
    golden,
    planted::Echo,
    scripted::{self, Chats, Pairs, Scripted},
    served::{Fault, Served},
};

/// Describes a scripted engine: its name in the cases, and an item that it accepts.
fn spec_of(engine: &Scripted) -> Spec {
    let item = match engine.task {
        "Structured Data Classification" | "Structured Data Regression" => json!({"rooms": 6, "floors": 2}),
        _ => Value::Null,
    };
    let input = json!({"name": "a", "datatype": "BYTES", "shape": [1], "data": [item]});
    let streams = engine.condition().ends_with("-streaming").then(|| "streaming".to_string());
    Spec {
        item: Some(engine.item.into()),
        inputs: (!item.is_null()).then(|| vec![input.as_object().cloned().unwrap_or_default()]),
        conditions: streams.into_iter().chain([engine.condition()]).collect(),
        ..Spec::default()
    }
}

#[track_caller]
fn passes(report: &Report) {
    assert_eq!(report.failed(), 0, "{}", report.table());
}

/// Returns the names and conditions of the cases that need a scripted engine.
fn scripted_cases() -> Vec<(String, String)> {
    let suite = Suite::embedded();
    let cases = suite.cases().into_iter().flat_map(|(_, case)| {
        case.needs.iter().filter(|need| need.starts_with("scripted:")).map(|need| (case.name.clone(), need.clone()))
    });
    cases.collect()
}

#[test]
fn every_scripted_engine_passes_its_cases() {
    let wanted = scripted_cases();
    let mut asked = BTreeSet::new();
    for engine in scripted::all() {
        let (condition, spec) = (engine.condition(), spec_of(&engine));
        let names: BTreeSet<&str> =
            wanted.iter().filter(|(_, need)| *need == condition).map(|(name, _)| &**name).collect();
        assert!(!names.is_empty(), "no case needs '{condition}'");
        let served = Served::start(engine.builder);
        let suite = Suite::embedded().only(|_, case| names.contains(&*case.name));
        let report = run(&served.target("scripted").spec(spec), &suite).unwrap();
        passes(&report);
        assert_eq!((report.passed(), report.skipped()), (names.len(), 0), "{condition}: {}", report.table());
        asked.extend(names.into_iter().map(str::to_string));
    }
    let never: Vec<_> = wanted.iter().filter(|(name, _)| !asked.contains(name)).collect();
    assert!(never.is_empty(), "cases without an engine: {never:?}");
}

/// Runs the whole suite against the scripted engine of this task.
fn items(task: &str) -> Report {
    let engine = scripted::all().into_iter().find(|engine| engine.task == task).expect("an engine of the task");
    let spec = spec_of(&engine);
    whole_suite(Served::start(engine.builder).target("scripted").spec(spec))
}

/// The id of a model on the platform, as in its environment.
const ID: &str = "2ABCdefGHIjklMNOpqrSTUvwxYZ";

/// Runs the whole suite against an engine on the platform: under a base URL, with the id of the model, and with
/// compressed responses.
fn on_the_platform() -> Report {
    let environment = Environment::from_iter([
        ("CHARIOT_MODEL_ID", ID),
        ("CHARIOT_ENGINE_BASE_URL", "/engines/m-{model_id}"),
        ("CHARIOT_ENGINE_COMPRESS_RESPONSES", "true"),
    ]);
    let served = Served::start(Engine::builder().model::<Echo>("same").version("7").environment(environment));
    let base = format!("/engines/m-{}", ID.to_ascii_lowercase());
    let spec = Spec { model_id: Some(ID.into()), conditions: vec!["compress-responses".into()], ..Spec::default() };
    whole_suite(served.target("same").base(&base).spec(spec))
}

#[test]
fn the_whole_suite_passes_on_engines_of_each_kind_and_every_case_runs() {
    let runs: [fn() -> Report; 8] = [
        conversations::<true>,
        conversations::<false>,
        || items("Object Detection"),
        || whole_suite(golden::served("Text Embedding", "default").target("golden")),
        || items("Anything"),
        || whole_suite(Served::start(Engine::builder().model::<Pairs>("pairs")).target("pairs")),
        || whole_suite(Served::start(Engine::builder().model::<Echo>("echo")).target("echo")),
        on_the_platform,
    ];
    let runs = runs.map(std::thread::spawn);
    let reports = runs.map(|run| run.join().unwrap_or_else(|fault| std::panic::resume_unwind(fault)));
    let passed = |name: &str| {
        let mut cases = reports.iter().flat_map(Report::cases);
        cases.any(|(_, case)| case.name == name && matches!(case.outcome, Outcome::Passed))
    };
    let of_one = |needs: &[String]| needs.iter().any(|need| need.starts_with("scripted:"));
    let suite = Suite::embedded();
    let cases = suite.cases().into_iter().map(|(_, case)| case);
    let left: Vec<_> =
        cases.filter(|case| !of_one(&case.needs) && !passed(&case.name)).map(|case| &case.name).collect();
    assert!(left.is_empty(), "cases without an engine: {left:?}");
}

/// Runs the cases of OpenAI's API against a model that answers conversations.
fn conversations<const LOGPROBS: bool>() -> Report {
    let served = Served::start(Engine::builder().model::<Chats<LOGPROBS>>("chats"));
    let report = run(&served.target("chats"), &openai()).expect("the server is usable");
    passes(&report);
    report
}

/// Returns the cases of OpenAI's API.
fn openai() -> Suite {
    Suite::embedded().only(|section, _| section.number == "9")
}

#[test]
fn faults_of_openais_api_are_found() {
    for (from, to) in [
        ("chat.completion", "chat"),
        ("[DONE]", "[END]"),
        ("\"finish_reason\":\"stop\"", "\"finish_reason\":null"),
        ("\"assistant\"", "\"robot\""),
        ("total_tokens", "tokens"),
        ("model_not_found", "not_found"),
        ("\"text\":", "\"content\":"),
        ("\"param\"", "\"member\""),
        ("\"content\":[{\"token\"", "\"tokens\":[{\"token\""),
        ("\"bytes\"", "\"utf8\""),
        ("\"top_logprobs\":[{", "\"top_logprobs\":[],\"top\":[{"),
        ("\"token_logprobs\"", "\"logprobs\""),
        ("\"text_offset\":[0", "\"text_offset\":[1"),
    ] {
        // What a fault changes, as the function of a fault takes nothing of its surroundings.
        static CHANGE: std::sync::Mutex<(&str, &str)> = std::sync::Mutex::new(("", ""));
        *CHANGE.lock().unwrap() = (from, to);
        let fault = Fault::of_answers(|_, answer| {
            let (from, to) = *CHANGE.lock().unwrap();
            answer.body = String::from_utf8_lossy(&answer.body).replace(from, to).into_bytes();
        });
        let served = Served::with_fault(Engine::builder().model::<Chats<true>>("chats"), fault);
        let report = run(&served.target("chats"), &openai()).expect("the server is usable");
        assert!(report.failed() > 0, "{from} as {to} is not found");
    }
}

#[track_caller]
fn whole_suite(target: Target) -> Report {
    let report = run(&target, &Suite::embedded()).expect("the server is usable");
    passes(&report);
    report
}
