//! A vector with two dimensions of unknown size.

use chariot_engine::prelude::*;

#[derive(TensorInput)]
struct Tokens {
    #[tensor(shape = [n, _])]
    tokens: Vec<i64>,
}

fn main() {}
