//! A tensor without a shape.

use chariot_engine::prelude::*;

#[derive(TensorInput)]
struct Flowers {
    features: Vec<f32>,
}

fn main() {}
