//! A default that does not fit into its type.

use chariot_engine::prelude::*;

#[derive(Settings)]
struct Limits {
    #[setting(default = 300)]
    longest: u8,
}

fn main() {}
