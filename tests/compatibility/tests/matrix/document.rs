//! The tables of `docs/compatibility.md`: compared with results, or written. `table` calls it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{FOLDER, cell::Cell};

/// The results of a row. Without a version the program was skipped.
pub(crate) struct Shown {
    /// The first cell.
    pub(crate) name: String,
    /// The version of the program.
    pub(crate) version: Option<String>,
    /// The other cells.
    pub(crate) cells: Vec<Cell>,
}

/// Held while the page is read and written.
static PAGE: Mutex<()> = Mutex::new(());

/// Compares the rows of a table with the page, versions apart, or writes them if `UPDATE_COMPATIBILITY` is set. A row of a
/// skipped program is taken from the page. `whole` tells that these are all rows.
///
/// # Panics
/// Panics if the page differs.
#[track_caller]
pub(crate) fn compare(table: &str, scenarios: &[&str], rows: &[Shown], whole: bool) {
    let _held = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let page = page();
    let text = fs::read_to_string(&page).expect("docs/compatibility.md");
    let (begin, end) = (format!("<!-- {table} -->\n"), format!("<!-- /{table} -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("expected '{begin}' in the page"));
    let (current, after) = rest.split_once(&end).unwrap_or_else(|| panic!("expected '{end}' in the page"));
    let current: Vec<&str> = current.lines().filter(|line| line.starts_with('|')).collect();
    let old = |name: &str| current.iter().find(|line| line.starts_with(&format!("| {name} |"))).copied();

    let update = std::env::var_os("UPDATE_COMPATIBILITY").is_some();
    if update && whole {
        let lines: Vec<String> =
            rows.iter().filter_map(|row| line(row).or_else(|| old(&row.name).map(Into::into))).collect();
        let columns = scenarios.len() + 2;
        let header = format!("| | version | {} |\n|{}", scenarios.join(" | "), "---|".repeat(columns));
        fs::write(&page, format!("{before}{begin}{header}\n{}\n{end}{after}", lines.join("\n")))
            .expect("the page is written");
        return;
    }
    for row in rows {
        let Some(new) = line(row) else { continue };
        assert_eq!(
            old(&row.name).map(without_version),
            Some(without_version(&new)),
            "the row '{}' of docs/compatibility.md is not current; run tests/compatibility/run",
            row.name
        );
    }
}

/// Formats a row; a skipped program has none.
fn line(row: &Shown) -> Option<String> {
    let cells = row.cells.iter().map(|cell| match cell {
        Cell::Holds => "yes",
        Cell::Shows(shown) => shown,
        Cell::Beside => "–",
        Cell::Fails(_) => "no",
    });
    let cells: Vec<&str> = cells.collect();
    Some(format!("| {} | {} | {} |", row.name, row.version.as_ref()?, cells.join(" | ")))
}

/// Returns the cells of a row but for the version.
fn without_version(line: &str) -> Vec<&str> {
    let mut cells: Vec<&str> = line.split('|').map(str::trim).collect();
    if cells.len() > 2 {
        cells.remove(2);
    }
    cells
}

fn page() -> PathBuf {
    Path::new(FOLDER).join("../../docs/compatibility.md")
}
