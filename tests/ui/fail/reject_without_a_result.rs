//! `reject!` returns from a function that returns a `Result`.

use chariot_engine::prelude::*;

fn check(text: &str) {
    if text.is_empty() {
        reject!("a text is expected, nothing came");
    }
}

fn main() {
    check("");
}
