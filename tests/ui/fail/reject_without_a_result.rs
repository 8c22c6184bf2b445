//! `reject!` returns from a function that returns a `Result`.

use chariot_engine::prelude::*;

fn check(text: &str) {
    if text.is_empty() {
        reject!("expected a text, got an empty one");
    }
}

fn main() {
    check("");
}
