//! A report for people: a table of the sections, every failure, and the reasons for skipped cases.

use std::fmt::Write;

use super::{CaseReport, Fault, Outcome, Report, SectionReport};

/// The number of violations shown per case; further ones are counted.
const FAULTS: usize = 3;

impl Report {
    /// Formats the report as text.
    pub fn table(&self) -> String {
        let mut text = format!("{}, model {}, level {}\n\n", self.url, self.model, self.level.name());
        let titles = self.sections.iter().map(|section| title(section).chars().count());
        let width = titles.max().unwrap_or(0).max("section".len());
        row(&mut text, width, "section", ["passed", "failed", "skipped"].map(String::from));
        for section in &self.sections {
            let counts = [section.passed(), section.failed(), section.skipped()];
            row(&mut text, width, &title(section), counts.map(|count| count.to_string()));
        }
        row(&mut text, width, "all", [self.passed(), self.failed(), self.skipped()].map(|count| count.to_string()));
        for (section, case) in self.cases() {
            if let Outcome::Failed { faults } = &case.outcome {
                failure(&mut text, section, case, faults);
            }
        }
        self.skips(&mut text);
        text
    }

    fn skips(&self, text: &mut String) {
        let unmet = self.unmet();
        if unmet.is_empty() {
            return;
        }
        line(text, "\nskipped, because these conditions are not known to hold:");
        for (condition, count) in unmet {
            line(text, &format!("  {count:>4}  {condition}"));
        }
    }
}

fn title(section: &SectionReport) -> String {
    format!("{} {}", section.number, section.title)
}

fn row(text: &mut String, width: usize, name: &str, [passed, failed, skipped]: [String; 3]) {
    line(text, &format!("{name:<width$}  {passed:>7}  {failed:>7}  {skipped:>7}"));
}

fn failure(text: &mut String, section: &SectionReport, case: &CaseReport, faults: &[Fault]) {
    line(text, &format!("\nFAILED {}: {}", title(section), case.name));
    line(text, &format!("  says      {}", case.says));
    line(text, &format!("  source    {} ({})", case.source, case.level.name()));
    for fault in faults.iter().take(FAULTS) {
        if !fault.of.is_empty() {
            line(text, &format!("  of        {}", fault.of));
        }
        line(text, &format!("  expected  {}", indented(&fault.expected)));
        line(text, &format!("  got      {}", indented(&fault.got)));
        line(text, &format!("  request   {}", indented(&fault.request)));
        line(text, &format!("  answer    {}", indented(&fault.answer)));
    }
    if faults.len() > FAULTS {
        line(text, &format!("  and {} more", faults.len() - FAULTS));
    }
}

fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n            ")
}

fn line(text: &mut String, line: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{line}");
}
