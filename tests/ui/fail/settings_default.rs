//! Defaults that are invalid for their types.

use std::time::Duration;

use chariot_engine::prelude::*;

#[derive(Settings)]
struct Limits {
    #[setting(default = "eighty")]
    longest: usize,
    #[setting(default = 0.5)]
    shortest: usize,
    #[setting(default = 30)]
    patience: Duration,
    #[setting(default = 3)]
    language: String,
}

fn main() {}
