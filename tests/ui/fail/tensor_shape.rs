//! Invalid shapes.

use chariot_engine::prelude::*;

const WIDTH: usize = 4;

#[derive(TensorInput)]
struct Flowers {
    #[tensor(shape = 4)]
    number: Vec<f32>,
    #[tensor(shape = [n, 0])]
    nothing: Vec<f32>,
    #[tensor(shape = [n, WIDTH])]
    constant: Vec<f32>,
    #[tensor(shape = [n, -1])]
    negative: Vec<f32>,
    #[tensor(shape = [m, 4])]
    rows: Vec<f32>,
    #[tensor(shape = [n], datatype = "float")]
    datatype: Vec<f32>,
}

fn main() {}
