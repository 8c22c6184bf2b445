//! A value of a setting is one word.

use chariot_engine::prelude::*;

#[derive(Settings)]
enum Limit {
    None,
    Letters(usize),
}

fn main() {}
