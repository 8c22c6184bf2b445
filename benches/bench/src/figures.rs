//! Medians and percentiles, and their formatting.

use std::fmt;

use serde::Serialize;

/// Returns the smallest value that this share of all values does not exceed; NaN if there are no values.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The median over rounds, with the lowest and the highest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Spread { median: percentile(&values, 0.5), lowest: percentile(&values, 0.0), highest: percentile(&values, 1.0) }
    }

    /// Formats the three values.
    pub(crate) fn with(&self, format: impl Fn(f64) -> String) -> String {
        let Spread { median, lowest, highest } = *self;
        format!("{} ({} to {})", format(median), format(lowest), format(highest))
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with(significant))
    }
}

/// Formats a number with three significant digits, and thousands with commas.
pub(crate) fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_string();
    }
    let decimals = match value.abs() {
        abs if abs >= 100.0 || abs == 0.0 => 0,
        abs if abs >= 10.0 => 1,
        abs if abs >= 0.01 => 2,
        _ => 4,
    };
    grouped(&format!("{value:.decimals$}"))
}

/// Formats a whole number.
pub(crate) fn count(value: usize) -> String {
    grouped(&value.to_string())
}

/// Puts commas between the thousands of a number.
fn grouped(text: &str) -> String {
    let whole = text.find('.').unwrap_or(text.len());
    let (digits, rest) = text.split_at(whole);
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && grouped != "-" {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// Formats seconds in a suitable unit.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1e-3 => format!("{} µs", significant(seconds * 1e6)),
        seconds if seconds < 1.0 => format!("{} ms", significant(seconds * 1e3)),
        seconds => format!("{} s", significant(seconds)),
    }
}

/// Formats bytes in megabytes.
pub(crate) fn megabytes(bytes: f64) -> String {
    format!("{} MB", significant(bytes / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        for (share, expected) in [(0.0, 1.0), (0.2, 1.0), (0.5, 3.0), (0.99, 5.0), (1.0, 5.0)] {
            assert_eq!(percentile(&values, share), expected, "{share}");
        }
        assert!(percentile(&[], 0.5).is_nan());
        assert_eq!(Spread::of([5.0, 1.0, 3.0]).to_string(), "3.00 (1.00 to 5.00)");
    }

    #[test]
    fn numbers_have_three_digits_that_matter() {
        let texts = [0.0, 0.00123, 0.123, 12.34, 123.4, 1_234.5, 1_234_567.0, -1_234.0].map(significant);
        assert_eq!(texts, ["0", "0.0012", "0.12", "12.3", "123", "1,234", "1,234,567", "-1,234"]);
        assert_eq!([0, 999, 12_345].map(count), ["0", "999", "12,345"]);
        assert_eq!([1e-5, 0.0123, 2.0].map(duration), ["10.0 µs", "12.3 ms", "2.00 s"]);
    }
}
