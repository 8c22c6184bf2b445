//! A tensor that does not say its shape.

use chariot_engine::prelude::*;

#[derive(TensorInput)]
struct Flowers {
    features: Vec<f32>,
}

fn main() {}
