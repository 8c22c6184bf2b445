//! Faults that the macro can find without types: all are reported together.

use chariot_engine::prelude::*;

#[derive(Settings)]
struct Limits {
    #[setting(default = 0, range = 1..=10)]
    below: usize,
    #[setting(default = 10, range = ..=9.5)]
    above: f32,
    #[setting(range = 1..10)]
    half_open: usize,
    #[setting(range = 10..=1)]
    empty: usize,
    #[setting(defualt = 3)]
    misspelt: usize,
    #[setting(default = 3)]
    optional: Option<usize>,
    #[setting(name = "BELOW")]
    twice: usize,
    #[setting(default)]
    without: usize,
    #[setting = 3]
    no_list: usize,
}

fn main() {}
