//! The two rules, as functions of imports.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::Import;

/// The rooms of a table in ARCHITECTURE.md, from the ground up. Rooms of one row keep their order.
pub(super) fn rooms_of(architecture: &str) -> Vec<String> {
    let mut lines = architecture.lines().skip_while(|line| first_cell(line) != Some("room"));
    assert!(lines.next().is_some(), "ARCHITECTURE.md: expected a table whose first column is `room`");
    let rows = lines.take_while(|line| line.starts_with('|')).skip(1);
    let names = |row| first_cell(row).unwrap_or_default().split('`').skip(1).step_by(2);
    rows.flat_map(names).map(|name| name.trim_end_matches('/').to_string()).collect()
}

fn first_cell(row: &str) -> Option<&str> {
    Some(row.strip_prefix('|')?.split('|').next()?.trim())
}

/// The room of a file: the first folder, or the file itself. The root of the crate is in none.
pub(super) fn room_of(file: &str) -> Option<&str> {
    match file.split_once('/') {
        Some((room, _)) => Some(room),
        None => file.strip_suffix(".rs").filter(|name| *name != "lib"),
    }
}

/// Rule 1: a room imports only rooms above its line in the table. Describes each import that does not.
pub(super) fn upward_imports(rooms: &[String], imports: &BTreeSet<Import>) -> Vec<String> {
    let line_of = |file| rooms.iter().position(|name| Some(name.as_str()) == room_of(file));
    let wrong = imports
        .iter()
        .filter(|import| matches!((line_of(&import.from), line_of(&import.to)), (Some(from), Some(to)) if to > from));
    wrong
        .map(|import| {
            let rooms = (room_of(&import.to).unwrap_or_default(), room_of(&import.from).unwrap_or_default());
            format!("{}: `{}` is below `{}` in the table of rooms", describe(import), rooms.0, rooms.1)
        })
        .collect()
}

/// Rule 2: no files of one folder import each other, directly or through others of that folder. A folder within the
/// folder counts as one file. Describes one import for each step of a cycle.
///
/// A folder's `mod.rs` is its table of contents: what it re-exports is not an import, and a path through it leads to the
/// file that defines the name. What `mod.rs` defines itself is an import of `mod.rs` like any other, but files may use
/// it freely, as they may use what a parent module defines: `mod.rs` takes no part in cycles.
pub(super) fn cycles(imports: &BTreeSet<Import>) -> Vec<String> {
    let mut folders: BTreeMap<String, BTreeMap<(String, String), Vec<&Import>>> = BTreeMap::new();
    for import in imports {
        if let Some((folder, from, to)) = within_folder(&import.from, &import.to) {
            folders.entry(folder).or_default().entry((from, to)).or_default().push(import);
        }
    }
    folders.values().flat_map(cycles_of).collect()
}

/// The deepest folder that holds both files, and the entries of that folder in which they are. `None` if that is the
/// root of the crate, if one of them is the folder's `mod.rs`, or if both are in one entry.
fn within_folder(from: &str, to: &str) -> Option<(String, String, String)> {
    let (mut from, mut to): (Vec<_>, Vec<_>) = (from.split('/').collect(), to.split('/').collect());
    // `name.rs` beside `name/` is the table of contents of that folder, as `name/mod.rs` is.
    for path in [&mut from, &mut to] {
        let file = path.last_mut()?;
        *file = file.strip_suffix(".rs").unwrap_or(file);
        if *file == "mod" {
            path.pop();
        }
    }
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let (entry, other) = (from.get(shared)?, to.get(shared)?);
    (shared > 0).then(|| (from[..shared].join("/"), (*entry).to_string(), (*other).to_string()))
}

/// Describes the imports between entries of one folder that can reach each other.
fn cycles_of(edges: &BTreeMap<(String, String), Vec<&Import>>) -> Vec<String> {
    let reaches = |from: &str, to: &str| {
        let (mut left, mut seen) = (vec![from], BTreeSet::new());
        while let Some(next) = left.pop() {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                left.extend(edges.keys().filter(|(from, _)| from == next).map(|(_, to)| to.as_str()));
            }
        }
        false
    };
    let circular = edges.iter().filter(|((from, to), _)| reaches(to, from));
    // The first import of each pair of files is enough to find the others.
    circular.map(|(_, imports)| format!("{}, part of a cycle", describe(imports[0]))).collect()
}

fn describe(import: &Import) -> String {
    format!("{}:{}: `{}` imports {}", import.from, import.line, import.path, import.to)
}
