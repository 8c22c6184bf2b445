//! Settings have the names of their fields.

use chariot_engine::prelude::*;

#[derive(Settings)]
struct Limits(usize, usize);

fn main() {}
