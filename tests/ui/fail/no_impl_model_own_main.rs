//! An engine without `impl Model`, in a program with a `main` of its own.

use chariot_engine::prelude::*;

#[chariot_engine(main = false)]
struct Lengths;

fn main() {}
