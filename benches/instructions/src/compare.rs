//! The comparison of counts with the baseline.

use crate::baseline::{Baseline, Counts, growth};

/// The growth above which a path fails, as a share of its baseline.
const LIMIT: f64 = 0.03;

/// Paths of which the second does the work of the first so many times, and so may cost at most as many times as much.
const MULTIPLES: [(&str, &str, u64); 1] = [("rows", "rows-10000", 100)];

/// The command that takes new counts over.
pub(crate) const ACCEPT: &str = "cargo run --release -p instructions -- --accept \"the reason\"";

/// The result of a comparison.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Verdict {
    /// The faults, one line each.
    pub(crate) failures: Vec<String>,
    /// Advice on what is no fault.
    pub(crate) hints: Vec<String>,
}

/// Returns `true` if a path has grown by more than the limit.
pub(crate) fn has_grown(baseline: &Baseline, counts: &Counts, name: &str) -> bool {
    let count = counts.get(name);
    let entry = baseline.paths.get(name);
    count.zip(entry).is_some_and(|(count, entry)| growth(entry.instructions, *count) > LIMIT)
}

/// Compares the counts of all paths with the baseline.
pub(crate) fn compare(baseline: &Baseline, counts: &Counts) -> Verdict {
    let mut verdict = Verdict::default();
    for (name, &count) in counts {
        let Some(entry) = baseline.paths.get(name) else {
            verdict.failures.push(format!("{name}: expected a baseline, got none; accept one with: {ACCEPT}"));
            continue;
        };
        let before = entry.instructions;
        let grown = growth(before, count);
        let figures = format!("baseline {}, got {} ({})", grouped(before), grouped(count), percent(grown));
        if grown > LIMIT {
            verdict.failures.push(format!(
                "{name}: {figures}; expected a growth of at most {:.0} %: make the path cheaper, or accept the cost with: \
                 {ACCEPT}",
                LIMIT * 100.0
            ));
        } else if grown < -LIMIT {
            verdict.hints.push(format!("{name}: {figures}; keep the gain with: {ACCEPT}"));
        }
    }
    for name in baseline.paths.keys().filter(|name| !counts.contains_key(*name)) {
        verdict
            .failures
            .push(format!("{name}: expected a count for the baseline, got none; remove it from baseline.json"));
    }
    for (one, many, times) in MULTIPLES {
        let (Some(&of_one), Some(&of_many)) = (counts.get(one), counts.get(many)) else { continue };
        let most = of_one.saturating_mul(times);
        if of_many > most {
            let (got, most) = (grouped(of_many), grouped(most));
            verdict
                .failures
                .push(format!("{many}: expected at most {times} times the count of {one}, {most}, got {got}"));
        }
    }
    verdict
}

/// Writes a share as percent, with its sign.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    format!("{} {:.1} %", if percent < 0.0 { '-' } else { '+' }, percent.abs())
}

/// Writes a number with a comma between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::Build;

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(name, count)| (name.to_string(), *count)).collect()
    }

    /// Compares counts with a baseline of `json` at 100,000 and `rows` at 1,000,000.
    fn verdict(of: &[(&str, u64)]) -> Verdict {
        let mut baseline = Baseline::default();
        baseline.accept(&counts(&[("json", 100_000), ("rows", 1_000_000)]), Build::default(), "first");
        compare(&baseline, &counts(of))
    }

    #[test]
    fn a_growth_of_3_1_percent_fails_with_the_figures_and_the_remedy() {
        let found = verdict(&[("json", 103_100), ("rows", 1_000_000)]);
        let expected = "json: baseline 100,000, got 103,100 (+ 3.1 %); expected a growth of at most 3 %: make the path \
                        cheaper, or accept the cost with: cargo run --release -p instructions -- --accept \"the reason\"";
        assert_eq!(found, Verdict { failures: vec![expected.into()], hints: vec![] });
    }

    #[test]
    fn a_growth_of_2_9_percent_passes() {
        assert_eq!(verdict(&[("json", 102_900), ("rows", 1_029_000)]), Verdict::default());
    }

    #[test]
    fn a_path_without_a_baseline_and_a_baseline_without_a_path_fail_by_name() {
        let found = verdict(&[("json", 100_000), ("picture", 5)]);
        assert!(found.hints.is_empty(), "{found:?}");
        let [picture, rows] = &found.failures[..] else { panic!("expected two failures, got {found:?}") };
        assert!(picture.starts_with("picture: expected a baseline, got none;"), "{picture}");
        assert!(rows.starts_with("rows: expected a count for the baseline, got none;"), "{rows}");
    }

    #[test]
    fn a_path_that_shrank_passes_with_a_hint() {
        let found = verdict(&[("json", 96_900), ("rows", 971_000)]);
        assert!(found.failures.is_empty(), "{found:?}");
        let [hint] = &found.hints[..] else { panic!("expected one hint, got {found:?}") };
        assert!(hint.starts_with("json: baseline 100,000, got 96,900 (- 3.1 %); keep the gain with: "), "{hint}");
    }

    #[test]
    fn a_request_of_a_hundred_times_the_rows_costs_at_most_a_hundred_times_as_much() {
        let mut baseline = Baseline::default();
        let of = |rows, many| counts(&[("rows", rows), ("rows-10000", many)]);
        baseline.accept(&of(1_000, 100_001), Build::default(), "first");
        let found = compare(&baseline, &of(1_000, 100_001));
        let expected = "rows-10000: expected at most 100 times the count of rows, 100,000, got 100,001";
        assert_eq!(found, Verdict { failures: vec![expected.into()], hints: vec![] });
        assert_eq!(compare(&baseline, &of(1_001, 100_001)), Verdict::default());
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
