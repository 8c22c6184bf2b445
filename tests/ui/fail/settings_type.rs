//! Types that cannot be read from one environment variable.

use std::collections::HashMap;

use chariot_engine::prelude::*;

#[derive(Settings)]
struct Limits {
    /// The longest text, by language
    longest: HashMap<String, usize>,
    /// The color
    color: Option<[u8; 3]>,
}

fn main() {}
