//! The checker itself, on small sources made up for it.

use super::{
    imports::imports,
    rules::{cycles, rooms_of, upward_imports},
    sources::Files,
};

fn files(sources: &[(&str, &str)]) -> Files {
    sources.iter().map(|(file, text)| ((*file).to_string(), (*text).to_string())).collect()
}

/// The imports of made-up sources as `from -> to`, each once.
fn edges(sources: &[(&str, &str)]) -> Vec<String> {
    let mut edges: Vec<_> =
        imports(&files(sources)).into_iter().map(|import| format!("{} -> {}", import.from, import.to)).collect();
    edges.dedup();
    edges
}

const LIB: (&str, &str) = ("lib.rs", "mod low; mod high;");

#[test]
fn the_table_of_rooms_is_read_in_order() {
    let text = "# Map\n| | |\n|---|---|\n| `x/` | |\n\n| room | holds |\n|---|---|\n| `a` | `not` |\n\
                | `b/`, `c` | |\n\n| `d` | |\n";
    assert_eq!(rooms_of(text), ["a", "b", "c"]);
}

#[test]
fn an_import_of_a_room_below_names_both_files_and_the_path() {
    let sources = files(&[
        ("lib.rs", "mod low; mod high;"),
        ("low.rs", "\nuse crate::high::part::Thing;"),
        ("high/mod.rs", "pub mod part;"),
        ("high/part.rs", "use crate::low; pub struct Thing;"),
    ]);
    let rooms = ["low", "high"].map(String::from);
    assert_eq!(
        upward_imports(&rooms, &imports(&sources)),
        ["low.rs:2: `crate::high::part::Thing` imports high/part.rs: `high` is below `low` in the table of rooms"]
    );
    let reversed = ["high", "low"].map(String::from);
    assert_eq!(upward_imports(&reversed, &imports(&sources)).len(), 1);
}

#[test]
fn paths_lead_through_reexports_to_the_file_that_defines_the_name() {
    let of_low = |low: &'static str| {
        edges(&[
            LIB,
            ("low.rs", low),
            ("high/mod.rs", "mod one; mod two; pub use one::*; pub(crate) use two::Two as Second; pub struct Own;"),
            ("high/one.rs", "pub struct One; pub mod deep { pub struct Deep; }"),
            ("high/two.rs", "pub struct Two;"),
        ])
        .into_iter()
        .filter(|edge| edge.starts_with("low.rs"))
        .collect::<Vec<_>>()
    };
    assert_eq!(of_low("use crate::high::One;"), ["low.rs -> high/one.rs"]);
    assert_eq!(of_low("use crate::high::{Second, Own};"), ["low.rs -> high/mod.rs", "low.rs -> high/two.rs"]);
    assert_eq!(
        of_low("use crate::high; fn f() { high::deep::Deep; }"),
        ["low.rs -> high/mod.rs", "low.rs -> high/one.rs"]
    );
    assert_eq!(of_low("fn f() -> super::high::One { todo!() }"), ["low.rs -> high/one.rs"]);
    assert_eq!(of_low("mod inner { use super::super::high::One; }"), ["low.rs -> high/one.rs"]);
    assert_eq!(of_low("fn f() { assert_eq!(1, crate::high::Second::new()) }"), ["low.rs -> high/two.rs"]);
    assert_eq!(of_low("use chariot_engine::high::One;"), ["low.rs -> high/one.rs"]);
    assert_eq!(of_low("use ::high::One; use std::high::Two; fn f() { Vec::<u8>::new(); }"), [""; 0]);
}

#[test]
fn code_for_tests_is_free() {
    let low =
        "#[cfg(test)] use crate::high::One; #[cfg(all(test, unix))] mod gone; #[cfg(any(test, unix))] mod there {}
               struct S { #[cfg(test)] one: crate::high::One }
               impl S { #[cfg(test)] fn f() -> crate::high::One { todo!() } }
               #[test] fn f() { crate::high::One; }";
    assert_eq!(edges(&[LIB, ("low.rs", low), ("high.rs", "pub struct One;")]), [""; 0]);
}

#[test]
fn files_that_import_each_other_are_a_cycle() {
    let found = |a: &str, b: &str, c: &str| {
        let room = "mod a; mod b; mod c; pub use a::A; pub use b::B; pub use c::C; pub trait Own {}";
        cycles(&imports(&files(&[
            ("lib.rs", "mod room;"),
            ("room/mod.rs", room),
            ("room/a.rs", &format!("{a} pub struct A;")),
            ("room/b.rs", &format!("{b} pub struct B;")),
            ("room/c.rs", &format!("{c} pub struct C;")),
        ])))
    };
    assert_eq!(found("use super::B;", "use super::c::C;", ""), [""; 0]);
    assert_eq!(
        found("use super::B;", "fn f(_: super::a::A) {}", ""),
        [
            "room/a.rs:1: `super::B` imports room/b.rs, part of a cycle",
            "room/b.rs:1: `super::a::A` imports room/a.rs, part of a cycle"
        ]
    );
    assert_eq!(found("use super::B;", "use super::C;", "use crate::room::A;").len(), 3);
    // What the table of contents defines is for all files of the folder.
    assert_eq!(found("use super::Own;", "use super::{A, Own};", ""), [""; 0]);
}

#[test]
fn a_folder_within_a_folder_is_one_file_of_it() {
    let found = |outer: &str, deep: &str| {
        cycles(&imports(&files(&[
            ("lib.rs", "mod room;"),
            ("room/mod.rs", "mod inner; mod outer;"),
            ("room/inner.rs", "mod deep; mod other; pub use deep::Deep;"),
            ("room/inner/deep.rs", &format!("{deep} pub struct Deep;")),
            ("room/inner/other.rs", "use super::Deep; pub struct Other;"),
            ("room/outer.rs", &format!("{outer} pub struct Outer;")),
        ])))
    };
    assert_eq!(found("use super::inner::Deep;", ""), [""; 0]);
    assert_eq!(found("use super::inner::Deep;", "use super::super::outer::Outer;").len(), 2);
    assert_eq!(found("", "use super::other::Other;").len(), 2);
}

#[test]
fn modules_may_name_their_file() {
    let sources = [
        ("lib.rs", "#[path = \"private.rs\"] pub mod __private; mod low;"),
        ("private.rs", "use crate::low::Low;"),
        ("low.rs", "pub struct Low;"),
    ];
    assert_eq!(edges(&sources), ["private.rs -> low.rs"]);
}
