//! A report as JUnit XML, for CI servers.

use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::{Fault, Outcome, Report};

impl Report {
    /// Formats the report as JUnit XML, with one test suite per section.
    ///
    /// # Errors
    /// Returns an error if the report cannot be serialized.
    pub fn junit(&self) -> Result<String, SerializeError> {
        let mut report = quick_junit::Report::new(format!("conformance of {}", self.model));
        for section in &self.sections {
            let mut suite = TestSuite::new(format!("{} {}", section.number, section.title));
            for case in &section.cases {
                let status = match &case.outcome {
                    Outcome::Passed => TestCaseStatus::success(),
                    Outcome::Skipped { reason } => {
                        let mut status = TestCaseStatus::skipped();
                        status.set_message(reason.clone());
                        status
                    }
                    Outcome::Failed { faults } => {
                        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                        status.set_message(faults.first().map(Fault::line).unwrap_or_default());
                        status.set_description(faults.iter().map(Fault::text).collect::<Vec<_>>().join("\n\n"));
                        status
                    }
                };
                let mut test = TestCase::new(case.name.clone(), status);
                test.set_classname(format!("{}.{}", section.number, case.level.name()));
                test.set_time(case.took);
                suite.add_test_case(test);
            }
            report.add_test_suite(suite);
        }
        report.to_string()
    }
}

impl Fault {
    fn line(&self) -> String {
        format!("expected {}, got {}", self.expected, self.got)
    }

    fn text(&self) -> String {
        let of = if self.of.is_empty() { String::new() } else { format!("{}\n", self.of) };
        format!("{of}{}\nrequest:\n{}\nanswer: {}", self.line(), self.request, self.answer)
    }
}
