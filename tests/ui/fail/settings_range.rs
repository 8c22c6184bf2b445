//! Bounds of a range that are invalid for the type.

use chariot_engine::prelude::*;

#[derive(Settings)]
struct Limits {
    #[setting(range = 0.5..=1.0)]
    longest: usize,
    #[setting(range = 0..=1)]
    share: f32,
    #[setting(range = 1..)]
    words: Option<bool>,
}

fn main() {}
