//! An enum is a choice, not a settings type.

use chariot_engine::prelude::*;

#[derive(Settings)]
enum Mode {
    Fast,
    Accurate,
}

fn main() {}
