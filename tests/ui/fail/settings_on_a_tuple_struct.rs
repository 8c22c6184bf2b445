//! Settings need field names.

use chariot_engine::prelude::*;

#[derive(Settings)]
struct Limits(usize, usize);

fn main() {}
