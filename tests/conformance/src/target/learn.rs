//! Discovery of facts about a server from its own responses: its metadata, its OpenAPI document, a request that it
//! accepts, and whether its outputs are its inputs. Nothing is checked here.

use serde_json::{Value, json};

use super::{
    Facts, Target, Unusable,
    candidates::{Candidate, candidates, example, kind_of_items},
};
use crate::{
    Level,
    http::{Answer, Request},
    tensor::{document, of_answer, of_request},
};

/// Discovers the facts about a server.
pub(crate) fn learn(target: &Target) -> Result<Facts, Unusable> {
    let root = fetch(target, "/v2").map_err(|error| Unusable(format!("the server at {}: {error}", target.url())))?;
    let metadata = fetch(target, &format!("/v2/models/{}", target.model())).map_err(Unusable)?;
    let openapi = fetch(target, "/openapi.json").map_err(Unusable)?;

    let kind = kind_of_items(&target.spec, &metadata, &openapi);
    let (valid, answer) = first_valid(target, candidates(&target.spec, &metadata, &openapi, kind.as_deref()))?;
    let mut facts = Facts::new(target.model(), target.base.as_deref(), valid.request, valid.sample);
    for extension in root["extensions"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        facts.hold_if(&format!("extension:{extension}"), true);
    }
    facts.hold_if("openapi", openapi.is_object());
    if let Some(example) = example(&openapi) {
        facts.name("example", example);
        facts.hold_if("example", true);
    }
    facts.hold_if("closed-actions", has_closed_actions(&openapi));
    about_task(&mut facts, &openapi, target);
    let outputs = |answer: &Answer| document(answer).unwrap_or_default()["outputs"].take();
    if target.asked_level() >= Level::OpenAi {
        about_openai(&mut facts, target);
    }
    let again = infer(target, &facts.valid).map_err(Unusable)?;
    facts.hold_if("repeatable", again.status == 200 && outputs(&again) == outputs(&answer));
    about_metadata(&mut facts, &metadata, kind.as_deref());
    about_inputs(&mut facts, &metadata, kind.as_deref());
    let echo = || facts.holds.contains("tensors") && is_echo(target, &facts.valid, &answer);
    let echo = target.spec.echo.unwrap_or_else(echo);
    facts.hold_if("echo", echo);

    if let Some(id) = &target.spec.model_id {
        facts.name("model_id", id.as_str().into());
        facts.hold_if("model-id", true);
    }
    facts.holds.extend(target.spec.conditions.iter().cloned());
    for condition in &target.spec.not {
        facts.holds.remove(condition);
    }
    Ok(facts)
}

/// Fetches a document; null if there is none.
fn fetch(target: &Target, path: &str) -> Result<Value, String> {
    let answer = target.ask(&Request::get(path))?;
    Ok(if answer.status == 200 { document(&answer).unwrap_or_default() } else { Value::Null })
}

/// Returns the first request that the server accepts.
fn first_valid(target: &Target, candidates: Vec<Candidate>) -> Result<(Candidate, Answer), Unusable> {
    let mut failures = Vec::new();
    for candidate in candidates {
        let answer = infer(target, &candidate.request).map_err(Unusable)?;
        if answer.status == 200 {
            return Ok((candidate, answer));
        }
        failures.push(format!("  {}: {}", candidate.from, answer.summary()));
    }
    Err(Unusable(format!(
        "no valid request found for model '{}'; describe its inputs with --inputs. Tried:\n{}",
        target.model(),
        failures.join("\n")
    )))
}

fn infer(target: &Target, request: &Value) -> Result<Answer, String> {
    target.ask(&Request::post(format!("/v2/models/{}/infer", target.model()), request.to_string()))
}

/// Learns which requests of OpenAI's API the model serves.
fn about_openai(facts: &mut Facts, target: &Target) {
    let models = fetch(target, "/v1/models").unwrap_or_default();
    let is_listed = |models: &Vec<Value>| models.iter().any(|model| model["id"] == target.model());
    facts.hold_if("openai", models["data"].as_array().is_some_and(is_listed));
    let (model, messages) = (target.model(), json!([{ "role": "user", "content": "a" }]));
    for (condition, path, body) in [
        ("openai-chat", "/v1/chat/completions", json!({ "model": model, "messages": messages })),
        ("openai-logprobs", "/v1/chat/completions", json!({ "model": model, "messages": messages, "logprobs": true })),
        ("openai-completions", "/v1/completions", json!({ "model": model, "prompt": "a" })),
        ("openai-embeddings", "/v1/embeddings", json!({ "model": model, "input": "a" })),
    ] {
        let answer = target.ask(&Request::post(path.to_owned(), body.to_string()));
        facts.hold_if(condition, answer.is_ok_and(|answer| answer.status == 200));
    }
}

/// Learns the task and the layout from the target's conditions, or else from the document.
fn about_task(facts: &mut Facts, openapi: &Value, target: &Target) {
    for (family, member) in [("task:", "x-chariot-task"), ("layout:", "x-chariot-output-layout")] {
        let is_given = target.spec.conditions.iter().any(|condition| condition.starts_with(family));
        if let Some(name) = openapi["info"][member].as_str().filter(|_| !is_given) {
            facts.hold_if(&format!("{family}{name}"), true);
        }
    }
    let is_named = facts.named("task:").is_some() || target.spec.conditions.iter().any(|of| of.starts_with("task:"));
    facts.hold_if("task", is_named);
}

fn about_metadata(facts: &mut Facts, metadata: &Value, kind: Option<&str>) {
    facts.hold_if("metadata", metadata.is_object());
    if let Some(version) = metadata["versions"][0].as_str() {
        facts.name("version", version.into());
        facts.hold_if("version", true);
    }
    // The outputs announced for rows are those of columns; an item is answered under its own name.
    let outputs = metadata["outputs"].as_array().filter(|outputs| !outputs.is_empty() && kind != Some("row"));
    if let Some(outputs) = outputs {
        facts.name("output.name", outputs[0]["name"].clone());
        facts.hold_if("outputs", true);
        facts.hold_if("two-outputs", outputs.len() > 1);
        if let Some(second) = outputs.get(1) {
            facts.name("output2.name", second["name"].clone());
        }
    }
}

fn about_inputs(facts: &mut Facts, metadata: &Value, kind: Option<&str>) {
    if let Some(kind) = kind {
        facts.hold_if("items", true);
        facts.hold_if(kind, true);
        return;
    }
    let declared = metadata["inputs"].as_array().filter(|inputs| !inputs.is_empty());
    facts.hold_if("declared-inputs", declared.is_some());
    facts.hold_if("any-inputs", declared.is_none());
    facts.hold_if("tensors", true);
    let datatype = facts.valid["inputs"][0]["datatype"].clone();
    facts.hold_if("numeric", !matches!(datatype.as_str(), None | Some("BYTES" | "BOOL")));
    let name = facts.valid["inputs"][0]["name"].clone();
    let shape =
        declared.and_then(|inputs| inputs.iter().find(|input| input["name"] == name)).map(|input| &input["shape"]);
    let shape: Vec<_> = shape.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_i64).collect();
    facts.hold_if("variable-batch", shape.first().is_some_and(|length| *length < 0));
    facts.hold_if("fixed-shape", shape.iter().skip(1).any(|length| *length > 0));
}

/// Returns `true` if the outputs are the inputs, also for values without zeros.
fn is_echo(target: &Target, valid: &Value, answer: &Answer) -> bool {
    let same = |request: &Value, answer: &Answer| {
        let (sent, got) = (of_request(request), of_answer(answer).unwrap_or_default());
        sent.len() == got.len()
            && sent.iter().zip(&got).all(|(sent, got)| sent.datatype == got.datatype && sent.values == got.values)
    };
    let mut other = valid.clone();
    for input in other["inputs"].as_array_mut().into_iter().flatten() {
        let one = match input["datatype"].as_str() {
            Some("BYTES") => json!("one"),
            Some("BOOL") => json!(true),
            _ => json!(1),
        };
        let count = of_request(&json!({ "inputs": [&*input] }))[0].values.len();
        input["data"] = Value::Array(vec![one; count]);
    }
    same(valid, answer) && infer(target, &other).is_ok_and(|answer| answer.status == 200 && same(&other, &answer))
}

/// Returns `true` if a document lists the actions.
fn has_closed_actions(openapi: &Value) -> bool {
    match openapi {
        Value::Object(members) => {
            let action = &openapi["properties"]["action"];
            action["enum"].is_array() || action.get("const").is_some() || members.values().any(has_closed_actions)
        }
        Value::Array(list) => list.iter().any(has_closed_actions),
        _ => false,
    }
}
