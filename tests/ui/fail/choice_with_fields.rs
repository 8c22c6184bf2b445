//! A variant of a choice has no fields.

use chariot_engine::prelude::*;

#[derive(SettingChoice)]
enum Limit {
    None,
    Letters(usize),
}

fn main() {}
