//! An engine without a model, where the program has a `main` of its own.

use chariot_engine::prelude::*;

#[chariot_engine(main = false)]
struct Lengths;

fn main() {}
