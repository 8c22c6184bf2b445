//! A vector of two dimensions that vary: it does not know the inner one.

use chariot_engine::prelude::*;

#[derive(TensorInput)]
struct Tokens {
    #[tensor(shape = [n, _])]
    tokens: Vec<i64>,
}

fn main() {}
