//! A report: the outcome of every case.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::suite::Level;

/// The results of a run.
///
/// ```no_run
/// use conformance::{Suite, Target, run};
///
/// let report = run(&Target::new("http://127.0.0.1:8080", "iris").unwrap(), &Suite::embedded()).unwrap();
/// assert_eq!(report.failed(), 0, "{}", report.table());
/// std::fs::write("report.xml", report.junit().unwrap()).unwrap();
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The URL of the server
    pub url: String,
    /// The name of the model
    pub model: String,
    /// The level of the run
    pub level: Level,
    /// The facts known about the server
    pub conditions: Vec<String>,
    /// The sections
    pub sections: Vec<SectionReport>,
}

/// The results of a section.
///
/// ```
/// let section = conformance::SectionReport { number: "4".into(), title: "Tensors".into(), cases: vec![] };
/// assert_eq!(section.passed(), 0);
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct SectionReport {
    /// The number of the section
    pub number: String,
    /// The title of the section
    pub title: String,
    /// The cases, in order
    pub cases: Vec<CaseReport>,
}

/// The result of a case.
///
/// ```
/// use conformance::Outcome;
///
/// let skipped = Outcome::Skipped { reason: "echo: not known to hold: the outputs are the inputs".into() };
/// assert!(!matches!(skipped, Outcome::Passed));
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct CaseReport {
    /// The name of the case
    pub name: String,
    /// The requirement that the case checks
    pub says: String,
    /// The source of the requirement
    pub source: String,
    /// The lowest level that includes the case
    pub level: Level,
    /// The number of requests sent
    pub requests: usize,
    /// The duration in seconds
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// The outcome of the case
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The outcome of a case.
///
/// ```
/// use conformance::Outcome;
///
/// assert!(matches!(Outcome::Passed, Outcome::Passed));
/// ```
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// The server meets the requirement.
    Passed,
    /// The server violates the requirement.
    Failed {
        /// The violations
        faults: Vec<Fault>,
    },
    /// The case was not run.
    Skipped {
        /// The condition that does not hold, and its meaning
        reason: String,
    },
}

/// A violation of an expectation.
///
/// ```
/// let fault = conformance::Fault {
///     of: "datatype FP16".into(),
///     expected: "status 200".into(),
///     got: "status 400".into(),
///     request: "POST /v2/models/x/infer".into(),
///     answer: "400 application/json".into(),
/// };
/// assert_eq!(fault.expected, "status 200");
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// The request of the case, if it has several
    pub of: String,
    /// The expectation
    pub expected: String,
    /// The actual value
    pub got: String,
    /// The request
    pub request: String,
    /// The response as one line
    pub answer: String,
}

impl SectionReport {
    /// Returns the number of cases that passed.
    pub fn passed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Passed))
    }

    /// Returns the number of cases that failed.
    pub fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    /// Returns the number of cases that were skipped.
    pub fn skipped(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Skipped { .. }))
    }

    fn count(&self, of: impl Fn(&Outcome) -> bool) -> usize {
        self.cases.iter().filter(|case| of(&case.outcome)).count()
    }
}

impl Report {
    /// Returns the number of cases that passed.
    pub fn passed(&self) -> usize {
        self.sections.iter().map(SectionReport::passed).sum()
    }

    /// Returns the number of cases that failed.
    pub fn failed(&self) -> usize {
        self.sections.iter().map(SectionReport::failed).sum()
    }

    /// Returns the number of cases that were skipped.
    pub fn skipped(&self) -> usize {
        self.sections.iter().map(SectionReport::skipped).sum()
    }

    /// Returns the cases with their sections.
    pub fn cases(&self) -> impl Iterator<Item = (&SectionReport, &CaseReport)> {
        self.sections.iter().flat_map(|section| section.cases.iter().map(move |case| (section, case)))
    }

    /// Returns the conditions that do not hold, with the number of cases skipped for each.
    pub fn unmet(&self) -> BTreeMap<&str, usize> {
        let mut unmet = BTreeMap::new();
        for (_, case) in self.cases() {
            if let Outcome::Skipped { reason } = &case.outcome {
                let condition = reason.split_once(": ").map_or(reason.as_str(), |(condition, _)| condition);
                *unmet.entry(condition).or_default() += 1;
            }
        }
        unmet
    }

    /// Formats the report as a JSON document.
    ///
    /// # Errors
    /// Returns the error of the serializer, which does not occur in practice.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

fn seconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64())
}
