//! A report: every case and what came of it.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::suite::Level;

/// What came of a run.
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
    /// Where the server is
    pub url: String,
    /// The model that was asked
    pub model: String,
    /// Up to which level
    pub level: Level,
    /// What was known of the server
    pub conditions: Vec<String>,
    /// The sections
    pub sections: Vec<SectionReport>,
}

/// What came of the cases of a section.
///
/// ```
/// let section = conformance::SectionReport { number: "4".into(), title: "Tensors".into(), cases: vec![] };
/// assert_eq!(section.passed(), 0);
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct SectionReport {
    /// The section's number
    pub number: String,
    /// What it is about
    pub title: String,
    /// The cases in their order
    pub cases: Vec<CaseReport>,
}

/// What came of a case.
///
/// ```
/// use conformance::Outcome;
///
/// let skipped = Outcome::Skipped { reason: "echo: it is not known that the outputs are the inputs".into() };
/// assert!(!matches!(skipped, Outcome::Passed));
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct CaseReport {
    /// What it is called
    pub name: String,
    /// The sentence that it rests on
    pub says: String,
    /// Where that is published
    pub source: String,
    /// From which level on it is asked
    pub level: Level,
    /// How many requests were sent
    pub requests: usize,
    /// How long it took, in seconds
    #[serde(serialize_with = "seconds")]
    pub took: Duration,
    /// What came of it
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a case.
///
/// ```
/// use conformance::Outcome;
///
/// assert!(matches!(Outcome::Passed, Outcome::Passed));
/// ```
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// The server keeps the sentence.
    Passed,
    /// It does not.
    Failed {
        /// What was seen
        faults: Vec<Fault>,
    },
    /// It was not asked.
    Skipped {
        /// The condition that does not hold
        reason: String,
    },
}

/// What was not as it should be.
///
/// ```
/// let fault = conformance::Fault {
///     of: "datatype FP16".into(),
///     expected: "status 200".into(),
///     came: "status 400".into(),
///     request: "POST /v2/models/x/infer".into(),
///     answer: "400 application/json".into(),
/// };
/// assert_eq!(fault.expected, "status 200");
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// Which request of the case, where it has several
    pub of: String,
    /// What was expected
    pub expected: String,
    /// What came
    pub came: String,
    /// What was sent
    pub request: String,
    /// The answer in a line
    pub answer: String,
}

impl SectionReport {
    /// How many cases passed.
    pub fn passed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Passed))
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    /// How many were not asked.
    pub fn skipped(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Skipped { .. }))
    }

    fn count(&self, of: impl Fn(&Outcome) -> bool) -> usize {
        self.cases.iter().filter(|case| of(&case.outcome)).count()
    }
}

impl Report {
    /// How many cases passed.
    pub fn passed(&self) -> usize {
        self.sections.iter().map(SectionReport::passed).sum()
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.sections.iter().map(SectionReport::failed).sum()
    }

    /// How many were not asked.
    pub fn skipped(&self) -> usize {
        self.sections.iter().map(SectionReport::skipped).sum()
    }

    /// The cases with their sections.
    pub fn cases(&self) -> impl Iterator<Item = (&SectionReport, &CaseReport)> {
        self.sections.iter().flat_map(|section| section.cases.iter().map(move |case| (section, case)))
    }

    /// The names of conditions that do not hold, with how many cases were skipped for each.
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

    /// The report as a JSON document.
    ///
    /// # Errors
    /// Never, in practice: it is the serializer's.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

fn seconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64())
}
