//! The results as tables, and the part of `docs/ops.md` that a run writes.

use std::{fmt::Write, fs, path::Path, process::Command};

use crate::{Failure, worker::Case};

const BEGIN: &str = "<!-- ops:begin -->\n";
const END: &str = "<!-- ops:end -->\n";

/// The difference that results may have: a part of the largest number, or of 1.
const TOLERANCE: f64 = 1e-4;

/// The results of all contestants for one case.
pub(crate) struct Section {
    case: Case,
    /// The names, and the seconds of a call for each round.
    rows: Vec<(String, Vec<f64>)>,
    sample: Option<Vec<f64>>,
}

impl Section {
    pub(crate) fn new(case: Case) -> Self {
        Self { case, rows: Vec::new(), sample: None }
    }

    /// Adds a result, whose numbers are to be those of all others.
    pub(crate) fn add(&mut self, name: &str, seconds: f64, sample: &[f64]) -> Result<(), Failure> {
        let expected = self.sample.get_or_insert_with(|| sample.to_vec());
        let largest = expected.iter().fold(1.0, |largest, number| number.abs().max(largest));
        let differs = |(got, expected): (&f64, &f64)| (got - expected).abs() > TOLERANCE * largest;
        if sample.len() != expected.len() || sample.iter().zip(&*expected).any(differs) {
            return Err(format!("{name}, {}: expected {expected:?}, got {sample:?}", self.case).into());
        }
        match self.rows.iter_mut().find(|(other, _)| other == name) {
            Some((_, rounds)) => rounds.push(seconds),
            None => self.rows.push((name.to_string(), vec![seconds])),
        }
        Ok(())
    }

    pub(crate) fn table(&self) -> String {
        let (title, unit, parts) = match self.case {
            Case::Encoder { texts: 1, tokens } => (format!("1 text of {tokens} tokens"), "text", 1),
            Case::Encoder { texts, tokens } => (format!("{texts} texts of {tokens} tokens"), "text", texts),
            Case::Depthwise { channels, rows, stride } => {
                (format!("Depthwise convolution, {channels} channels of {rows} x {rows}, stride {stride}"), "image", 1)
            }
        };
        let bases: Vec<&(String, Vec<f64>)> = ["ONNX Runtime", "candle, as in an engine"]
            .iter()
            .filter_map(|base| self.rows.iter().find(|(name, _)| name == base))
            .collect();
        let mut text = format!("### {title}\n\n| | CPU per {unit} |");
        bases.iter().for_each(|(name, _)| text += &format!(" times as fast as {name} |"));
        text += "\n|---|---:|";
        text += &"---|".repeat(bases.len());
        text.push('\n');
        for (name, rounds) in &self.rows {
            let _ = write!(text, "| {name} | {:.3} ms |", median(rounds) * 1e3 / parts as f64);
            for (base, theirs) in &bases {
                if base == name {
                    text += " 1 |";
                    continue;
                }
                let ratios: Vec<f64> = theirs.iter().zip(rounds).map(|(theirs, ours)| theirs / ours).collect();
                let (low, high) = ratios.iter().fold((f64::MAX, 0.0_f64), |(low, high), r| (low.min(*r), high.max(*r)));
                let _ = write!(text, " {:.2} ({low:.2} to {high:.2}) |", median(&ratios));
            }
            text.push('\n');
        }
        text
    }
}

fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Writes the tables between the markers of `docs/ops.md`.
pub(crate) fn write(sections: &[Section], rounds: u32, seconds: f64) -> Result<(), Failure> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ops.md");
    let text = fs::read_to_string(&page)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("expected the begin marker in docs/ops.md")?;
    let (_, after) = rest.split_once(END).ok_or("expected the end marker in docs/ops.md")?;
    let tables: Vec<String> = sections.iter().map(Section::table).collect();
    let title = format!("{}. {rounds} rounds of {seconds} s.", machine());
    fs::write(&page, format!("{before}{BEGIN}{title}\n\n{}{END}{after}", tables.join("\n")))?;
    Ok(())
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let rustc = said("rustc", "--version").unwrap_or_default();
    let date = said("date", "+%F").unwrap_or_default();
    let vectors = if info.contains(" avx512f") { "AVX-512" } else { "AVX2" };
    format!(
        "{} ({vectors}); {}; {}",
        named.map_or("unknown processor", |(_, name)| name),
        rustc.split(" (").next().unwrap_or_default(),
        date.trim()
    )
}
