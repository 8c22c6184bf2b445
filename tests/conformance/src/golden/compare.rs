//! The comparison of a server with golden files: one case per exchange and protocol. Called by the binary and by tests.

use std::time::Instant;

use serde_json::Value;

use super::{
    envelope::Expected,
    file::{Exchange, Exchanged, Golden, GoldenFile},
};
use crate::{
    check::Mismatch,
    http::Request,
    report::{CaseReport, Fault, Outcome, SectionReport},
    suite::{Level, means, same_name},
    target::{Facts, Target, Unusable, learn},
    tensor::document,
};

/// The number of the section of these cases.
const SECTION: &str = "golden";

/// Sends every request of the golden file of the server's task, and compares the responses: their members and kinds, and
/// the rules of the file. With `values` the server has the model of the file, and its values are compared too.
///
/// The task and the layout are the conditions `task:` and `layout:` of the server, which its OpenAPI document or the
/// target's [`Spec`](crate::Spec) tells.
///
/// ```no_run
/// use conformance::{Golden, Target, compare};
///
/// let target = Target::new("http://127.0.0.1:8080", "ships").unwrap();
/// let golden = Golden::read("chariot-engine/src/tasks/golden".as_ref()).unwrap();
/// let section = compare(&target, &golden, false).unwrap();
/// assert_eq!(section.failed(), 0);
/// ```
///
/// # Errors
/// Returns an error if the server does not respond, if no valid request is found, if the task is not known, or if no file
/// is of this task. No request of a file is sent then.
pub fn compare(target: &Target, golden: &Golden, values: bool) -> Result<SectionReport, Unusable> {
    let facts = learn(target)?;
    let Some(task) = facts.named("task:") else {
        let text = format!("the task of model '{}' is not known; name it with --task", target.model());
        return Err(Unusable(text));
    };
    let files: Vec<_> = golden.files().iter().filter(|file| same_name(&file.task, task)).collect();
    if files.is_empty() {
        return Err(Unusable(format!("expected a golden file of the task '{task}', got none")));
    }
    let layout = facts.named("layout:").unwrap_or("default");
    let mut cases = Vec::new();
    for file in files {
        for exchange in &file.exchanges {
            for (protocol, bodies) in exchange.protocols() {
                let begin = Instant::now();
                let outcome = if exchange.layouts.iter().any(|of| same_name(of, layout)) {
                    asked(target, &facts, file, exchange, bodies, values)
                } else {
                    let need = format!("layout:{}", exchange.layouts[0]);
                    let means = means(&need).unwrap_or_default();
                    Outcome::Skipped { reason: format!("{need}: not known to hold: {means}") }
                };
                cases.push(CaseReport {
                    name: format!("{}: {} in {protocol}", file.task, exchange.name),
                    says: "The response has the form of the golden file.".into(),
                    source: file.source.clone(),
                    level: Level::Chariot,
                    requests: usize::from(!matches!(outcome, Outcome::Skipped { .. })),
                    took: begin.elapsed(),
                    outcome,
                });
            }
        }
    }
    Ok(SectionReport { number: SECTION.into(), title: "Golden files".into(), cases })
}

fn asked(
    target: &Target,
    facts: &Facts,
    file: &GoldenFile,
    exchange: &Exchange,
    bodies: &Exchanged,
    values: bool,
) -> Outcome {
    let mut body = bodies.request.clone();
    if file.own_item && !values && !replace_item(&mut body, facts) {
        return Outcome::Skipped { reason: "items: not known to hold: an item of this server is known".into() };
    }
    let request = Request::post(format!("/v2/models/{}/infer", target.model()), body.to_string());
    let (found, answer) = match target.ask(&request) {
        Err(fault) => (vec![Mismatch::new("a response", fault)], "none".to_string()),
        Ok(answer) if answer.status != 200 => {
            (vec![Mismatch::new("status 200", format!("status {}", answer.status))], answer.summary())
        }
        Ok(answer) => {
            let expected = Expected { exchange, response: &bodies.response, values };
            let found = match document(&answer) {
                Ok(got) => expected.check(&got),
                Err(fault) => vec![Mismatch::new("a body of JSON", fault)],
            };
            (found, answer.summary())
        }
    };
    if found.is_empty() {
        return Outcome::Passed;
    }
    let fault = |mismatch: Mismatch| Fault {
        of: String::new(),
        expected: mismatch.expected,
        got: mismatch.got,
        request: request.summary(),
        answer: answer.clone(),
    };
    Outcome::Failed { faults: found.into_iter().map(fault).collect() }
}

/// Puts an item of the server into a request, in the form of its protocol. Returns `false` if none is known.
fn replace_item(body: &mut Value, facts: &Facts) -> bool {
    let Some(sample) = &facts.sample else { return false };
    match body.pointer_mut("/inputs/0/data/0") {
        Some(element) => *element = sample.json.clone(),
        None => body["input"] = sample.text().into(),
    }
    true
}
