//! A struct of tensors that goes both ways has one derive and a word.

use chariot_engine::prelude::*;

#[derive(TensorInput, TensorOutput)]
struct Flowers {
    #[tensor(shape = [n, 4])]
    features: Vec<f32>,
}

fn main() {}
