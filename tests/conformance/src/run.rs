//! A run of all cases of a suite against a server. Used by the binary and by tests.

use std::time::Instant;

use serde_json::Value;

use crate::{
    check::check,
    report::{CaseReport, Fault, Outcome, Report, SectionReport},
    request::make,
    suite::{Case, Names, Suite},
    target::{Facts, Target, Unusable, learn},
    tensor::document,
};

/// Runs every case of a suite that the level includes and whose conditions hold.
///
/// # Errors
/// Returns an error if the server does not respond or no valid request is found. No case is run then.
pub fn run(target: &Target, suite: &Suite) -> Result<Report, Unusable> {
    let facts = learn(target)?;
    let sections = suite.sections().iter().map(|section| SectionReport {
        number: section.number.clone(),
        title: section.title.clone(),
        cases: section
            .cases
            .iter()
            .filter(|case| case.level <= target.asked_level())
            .map(|case| one(target, &facts, case))
            .collect(),
    });
    Ok(Report {
        url: target.url().to_string(),
        model: target.model().to_string(),
        level: target.asked_level(),
        conditions: facts.holds.iter().cloned().collect(),
        sections: sections.filter(|section| !section.cases.is_empty()).collect(),
    })
}

fn one(target: &Target, facts: &Facts, case: &Case) -> CaseReport {
    let begin = Instant::now();
    let (requests, outcome) = match facts.unmet(case.needs.iter().map(String::as_str)) {
        Some(reason) => (0, Outcome::Skipped { reason }),
        None => asked(target, facts, case),
    };
    CaseReport {
        name: case.name.clone(),
        says: case.says.clone(),
        source: case.source.clone(),
        level: case.level,
        requests,
        took: begin.elapsed(),
        outcome,
    }
}

/// Runs a case once, or once per entry of its sweep.
fn asked(target: &Target, facts: &Facts, case: &Case) -> (usize, Outcome) {
    if case.sweep.is_empty() {
        let (requests, faults) = round(target, case, facts, &facts.names, "");
        return (requests, if faults.is_empty() { Outcome::Passed } else { Outcome::Failed { faults } });
    }
    let (mut requests, mut all, mut skipped) = (0, Vec::new(), None);
    for entry in &case.sweep {
        let needs = entry.get("needs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        if let Some(reason) = facts.unmet(needs) {
            skipped = Some(reason);
            continue;
        }
        let (mut names, mut of) = (facts.names.clone(), Vec::new());
        for (name, value) in entry.iter().filter(|(name, _)| *name != "needs") {
            of.push(format!("{name} {}", crate::text::short(&value.to_string(), 80)));
            match facts.names.sweep(value) {
                Ok(value) => drop(names.0.insert(format!("sweep.{name}"), value)),
                Err(fault) => all.push(of_case(&of.join(", "), fault)),
            }
        }
        let (sent, faults) = round(target, case, facts, &names, &of.join(", "));
        requests += sent;
        all.extend(faults);
    }
    let outcome = match skipped {
        _ if !all.is_empty() => Outcome::Failed { faults: all },
        Some(reason) if requests == 0 => Outcome::Skipped { reason },
        _ => Outcome::Passed,
    };
    (requests, outcome)
}

/// Runs the steps of a case until one fails. Also returns the number of requests sent.
fn round(target: &Target, case: &Case, facts: &Facts, names: &Names, of: &str) -> (usize, Vec<Fault>) {
    let mut names = names.clone();
    let steps = case.steps();
    for (index, step) in steps.iter().enumerate() {
        let of = if steps.len() > 1 { format!("request {} {of}", index + 1) } else { of.to_string() };
        let made = match make(step, facts, &names) {
            Ok(made) => made,
            Err(fault) => return (index, vec![of_case(&of, fault)]),
        };
        let request = made.request.summary();
        let answer = match target.ask(&made.request) {
            Ok(answer) => answer,
            Err(got) => {
                let (expected, answer) = ("a response".to_string(), "none".to_string());
                return (index + 1, vec![Fault { of, expected, got, request, answer }]);
            }
        };
        let found = match check(&step.expect, &made, &answer, &names) {
            Ok(found) => found,
            Err(fault) => return (index + 1, vec![of_case(&of, fault)]),
        };
        if !found.is_empty() {
            let fault = |mismatch: crate::check::Mismatch| Fault {
                of: of.clone(),
                expected: mismatch.expected,
                got: mismatch.got,
                request: request.clone(),
                answer: answer.summary(),
            };
            return (index + 1, found.into_iter().map(fault).collect());
        }
        let document = document(&answer).unwrap_or_default();
        for (name, pointer) in &step.capture {
            let value = document.pointer(pointer).cloned().unwrap_or_default();
            names.0.insert(format!("captured.{name}"), value);
        }
    }
    (steps.len(), Vec::new())
}

/// Makes the result of a case that cannot be run against this server.
fn of_case(of: &str, fault: String) -> Fault {
    Fault {
        of: of.to_string(),
        expected: "a request that can be built for this server".into(),
        got: fault,
        request: "not sent".into(),
        answer: "none".into(),
    }
}
