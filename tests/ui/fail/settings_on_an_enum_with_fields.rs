//! A choice is one word.

use chariot_engine::prelude::*;

#[derive(Settings)]
enum Limit {
    None,
    Letters(usize),
}

fn main() {}
