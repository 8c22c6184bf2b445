//! Both derives on one struct.

use chariot_engine::prelude::*;

#[derive(TensorInput, TensorOutput)]
struct Flowers {
    #[tensor(shape = [n, 4])]
    features: Vec<f32>,
}

fn main() {}
