//! The accuracy of the shipped weights: on the held-out rows, and on a typical flower of each species.

use std::path::Path;

use chariot_engine::{
    candle::{D, DType, Device, Tensor, safetensors},
    candle_nn::VarBuilder,
};
use iris::{Net, accuracy, read, split};

fn shipped() -> Net {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("model/model.safetensors");
    let tensors = safetensors::load(file, &Device::Cpu).unwrap();
    Net::new(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)).unwrap()
}

#[test]
fn the_accuracy_on_the_held_out_rows_is_at_least_93_percent() {
    let (_, held_out) = split(read(include_str!("../data/iris.csv")).unwrap());
    let share = accuracy(&shipped(), &held_out).unwrap();
    assert!(share >= 0.93, "accuracy on the held-out rows: {:.2} %", share * 100.0);
}

#[test]
fn a_typical_flower_of_each_species_is_classified_correctly() {
    let flowers = [[5.0_f32, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]];
    let flowers = Tensor::new(&flowers, &Device::Cpu).unwrap();
    let classes = shipped().forward(&flowers).unwrap().argmax(D::Minus1).unwrap().to_vec1::<u32>().unwrap();
    assert_eq!(classes, [0, 1, 2]);
}
