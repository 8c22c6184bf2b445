//! Lists of values that are invalid for their types.

use chariot_engine::{prelude::*, settings::Secret};

#[derive(Settings)]
struct Limits {
    #[setting(values = ["1", "2"])]
    longest: usize,
    #[setting(values = [1, 2.5])]
    shortest: usize,
    #[setting(values = [true])]
    words: bool,
    #[setting(default = "sesame")]
    key: Secret,
}

fn main() {}
