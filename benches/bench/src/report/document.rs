//! The part of `docs/performance.md` that a run writes, and the charts beside it.

use std::{fs, path::Path};

use super::{charts, tables};
use crate::{Failure, results::Results};

const BEGIN: &str = "<!-- bench:begin -->\n";
const END: &str = "<!-- bench:end -->\n";

/// Writes the tables and the charts.
pub(crate) fn write(results: &Results) -> Result<(), Failure> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let page = docs.join("performance.md");
    let text = replaced(&fs::read_to_string(&page)?, &part(results))?;
    if !results.workloads.is_empty() {
        fs::write(docs.join("performance-rates.svg"), charts::rates(results)?)?;
        fs::write(docs.join("performance-latency.svg"), charts::latencies(results)?)?;
    }
    fs::write(page, text)?;
    Ok(())
}

/// Replaces what stands between the markers of a page.
pub(crate) fn replaced(page: &str, part: &str) -> Result<String, Failure> {
    let (before, rest) = page.split_once(BEGIN).ok_or("expected the begin marker in the page")?;
    let (_, after) = rest.split_once(END).ok_or("expected the end marker in the page")?;
    Ok(format!("{before}{BEGIN}{part}{END}{after}"))
}

fn part(results: &Results) -> String {
    let mut parts = vec![tables::title(results)];
    if !results.workloads.is_empty() {
        parts.push(tables::others(results));
        parts.push(tables::summary(results));
        parts.push(
            "![Rates of all workloads](performance-rates.svg)\n\n![Latencies of all workloads](performance-latency.svg)\n"
                .to_string(),
        );
    }
    for (found, table) in [
        (!results.probes.is_empty(), tables::probes(&results.probes)),
        (!results.scaling.is_empty(), tables::scaling(&results.scaling)),
        (!results.at_rest.is_empty(), tables::at_rest(&results.at_rest)),
    ] {
        if found {
            parts.push(table);
        }
    }
    if !results.workloads.is_empty() {
        let all: Vec<String> = results.workloads.iter().map(tables::workload).collect();
        parts.push(format!("<details><summary>All figures</summary>\n\n{}\n</details>\n", all.join("\n")));
    }
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_between_the_markers_is_replaced() {
        let page = format!("a\n{BEGIN}old\n{END}z\n");
        assert_eq!(replaced(&page, "new\n").unwrap(), format!("a\n{BEGIN}new\n{END}z\n"));
        assert!(replaced("no markers", "").is_err());
    }
}
