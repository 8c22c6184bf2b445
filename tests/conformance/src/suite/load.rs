//! The parser of files of cases. An error names the file and the case; all errors are reported at once.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;

use super::{case::Case, embedded::FILES, needs, placeholder};

/// The cases of one section of the specification.
///
/// ```
/// let suite = conformance::Suite::embedded();
/// assert!(suite.sections().iter().any(|section| section.number == "4"));
/// ```
#[derive(Clone, Debug)]
pub struct Section {
    /// The number of the section
    pub number: String,
    /// The title of the section
    pub title: String,
    /// The cases, in the order in which they run
    pub cases: Vec<Case>,
}

/// All cases.
///
/// ```
/// let suite = conformance::Suite::embedded();
/// assert!(suite.cases().len() > 100);
/// ```
#[derive(Clone, Debug)]
pub struct Suite {
    sections: Vec<Section>,
}

/// The errors in files of cases, each with its file and its case.
///
/// ```
/// let faults = conformance::Suite::read([("4.toml", "section = 4")]).unwrap_err();
/// assert!(faults.to_string().contains("4.toml"));
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct LoadError(pub Vec<String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    section: String,
    title: String,
    #[serde(default)]
    case: Vec<Case>,
}

impl Suite {
    /// Returns the cases of this library.
    ///
    /// # Panics
    /// Panics if a file is invalid, which a test excludes.
    pub fn embedded() -> Self {
        Suite::read(FILES.iter().copied()).expect("the cases of the library are valid")
    }

    /// Parses cases from files, given as names, which appear in errors, and texts.
    ///
    /// # Errors
    /// Returns an error if a file is malformed, a name occurs twice, or a case uses an unknown condition or
    /// placeholder.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, LoadError> {
        let (mut sections, mut faults, mut names) = (Vec::<Section>::new(), Vec::new(), HashSet::new());
        for (name, text) in files {
            let (file, raw) = match (toml::from_str::<File>(text), toml::from_str::<Value>(text)) {
                (Ok(file), Ok(raw)) => (file, raw),
                (Err(error), _) | (_, Err(error)) => {
                    faults.push(format!("{name}: {error}"));
                    continue;
                }
            };
            for (case, raw) in file.case.iter().zip(raw["case"].as_array().into_iter().flatten()) {
                if !names.insert(case.name.clone()) {
                    faults.push(format!("{name}: two cases are called '{}'", case.name));
                }
                faults
                    .extend(faults_of(case, raw).into_iter().map(|fault| format!("{name}: '{}': {fault}", case.name)));
            }
            match sections.iter_mut().find(|section| section.number == file.section) {
                Some(section) => section.cases.extend(file.case),
                None => sections.push(Section { number: file.section, title: file.title, cases: file.case }),
            }
        }
        if faults.is_empty() { Ok(Suite { sections }) } else { Err(LoadError(faults)) }
    }

    /// Returns the sections.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Returns the cases with their sections.
    pub fn cases(&self) -> Vec<(&Section, &Case)> {
        self.sections.iter().flat_map(|section| section.cases.iter().map(move |case| (section, case))).collect()
    }

    /// Keeps only the cases for which `keep` returns `true`.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(&Section, &Case) -> bool) -> Self {
        for section in &mut self.sections {
            let cases = std::mem::take(&mut section.cases);
            section.cases = cases.into_iter().filter(|case| keep(section, case)).collect();
        }
        self.sections.retain(|section| !section.cases.is_empty());
        self
    }
}

/// Returns the errors in a case that the parser does not find.
fn faults_of(case: &Case, raw: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let sweeps = case.sweep.iter().filter_map(|entry| entry.get("needs"));
    for need in case.needs.iter().map(String::as_str).chain(sweeps.flat_map(strings)) {
        if !needs::is_known(need) {
            faults.push(format!("unknown condition '{need}'"));
        }
    }
    let steps = case.steps();
    if case.is_ambiguous() {
        faults.push("both steps and a request of its own".into());
    }
    let captured: HashSet<&str> = steps.iter().flat_map(|step| step.capture.keys().map(String::as_str)).collect();
    for (index, step) in steps.iter().enumerate() {
        if step.expect.is_empty() {
            faults.push(format!("request {}: no expectation", index + 1));
        }
        let predicates = step.expect.iter().flat_map(|expect| &expect.body);
        for predicate in predicates.filter(|predicate| !predicate.asks()) {
            faults.push(format!("request {}: no check of '{}'", index + 1, predicate.path));
        }
        let bodies = [step.base.is_some(), step.body.is_some(), step.body_base64.is_some(), step.body_item];
        if bodies.iter().filter(|given| **given).count() > 1 {
            faults.push(format!("request {}: two bodies", index + 1));
        }
    }
    let mut texts = Vec::new();
    collect(raw, &mut texts);
    for text in texts {
        match placeholder::names_in(text) {
            Ok(names) => faults.extend(
                names.into_iter().filter(|name| !is_known(name, case, &captured)).map(|name| format!("no '{name}'")),
            ),
            Err(fault) => faults.push(fault),
        }
    }
    faults
}

/// Returns `true` if a placeholder of this name will have a value.
fn is_known(name: &str, case: &Case, captured: &HashSet<&str>) -> bool {
    match name.split_once('.') {
        Some(("sweep", name)) => !case.sweep.is_empty() && case.sweep.iter().all(|entry| entry.contains_key(name)),
        Some(("captured", name)) => captured.contains(name),
        _ => placeholder::is_fact(name),
    }
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Returns every text of a case that can have placeholders.
fn collect<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(list) => list.iter().for_each(|value| collect(value, texts)),
        Value::Object(members) => {
            let read = members.iter().filter(|(name, _)| !matches!(name.as_str(), "says" | "source"));
            read.for_each(|(_, value)| collect(value, texts));
        }
        _ => {}
    }
}
