//! Fields that cannot be tensors.

use chariot_engine::prelude::*;

#[derive(TensorInput)]
struct Flowers {
    #[tensor(shape = [1])]
    number: f32,
    #[tensor(shape = [n, 4])]
    features: Vec<[f32; 4]>,
}

fn main() {}
