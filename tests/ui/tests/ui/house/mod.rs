//! The rules for imports in `chariot-engine/src`, as ARCHITECTURE.md states them: a room imports only rooms above its line
//! in the table of rooms, and no files of a room import each other.
//!
//! | file | holds |
//! |---|---|
//! | `sources` | the module tree, read with `syn` from the source files |
//! | `imports` | which file refers to which, through imports and re-exports |
//! | `rules` | the two rules, as functions of imports |
//! | `tests` | the checker itself, on small sources made up for it |
//!
//! Methods and traits in scope are not seen: only what a path names. Code under `#[cfg(test)]` is free.

mod imports;
mod rules;
mod sources;
mod tests;

use std::{collections::BTreeSet, fs, path::Path};

use self::{imports::imports, sources::Files};

#[test]
fn rooms_import_only_rooms_above_them() {
    let (files, rooms) = (sources_of_the_sdk(), rooms());
    let wrong = rules::upward_imports(&rooms, &imports(&files));
    assert!(wrong.is_empty(), "chariot-engine/src, {} imports:\n{}\n", wrong.len(), wrong.join("\n"));
}

#[test]
fn files_of_a_room_do_not_import_each_other() {
    let wrong = rules::cycles(&imports(&sources_of_the_sdk()));
    assert!(wrong.is_empty(), "chariot-engine/src, {} imports:\n{}\n", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_lists_every_room() {
    let rooms = rooms();
    let listed: BTreeSet<&str> = rooms.iter().map(String::as_str).collect();
    assert_eq!(listed.len(), rooms.len(), "a room is listed twice in ARCHITECTURE.md: {rooms:?}");
    let files = sources_of_the_sdk();
    let found: BTreeSet<&str> = files.keys().filter_map(|file| rules::room_of(file)).collect();
    let missing: Vec<_> = found.difference(&listed).collect();
    assert!(missing.is_empty(), "not in ARCHITECTURE.md's table of rooms: {missing:?}");
    // `docs` holds Markdown only.
    let gone: Vec<_> = listed.difference(&found).filter(|room| !source_folder().join(room).is_dir()).collect();
    assert!(gone.is_empty(), "in ARCHITECTURE.md's table of rooms, but not in chariot-engine/src: {gone:?}");
}

fn rooms() -> Vec<String> {
    rules::rooms_of(include_str!("../../../../../ARCHITECTURE.md"))
}

fn source_folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../chariot-engine/src")
}

fn sources_of_the_sdk() -> Files {
    let root = source_folder();
    let mut files = Files::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("a path in the folder").to_str().expect("UTF-8");
                files.insert(name.replace('\\', "/"), fs::read_to_string(&path).expect("the file can be read"));
            }
        }
    }
    files
}
