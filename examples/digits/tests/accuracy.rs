//! The accuracy of the shipped weights: on the held-out rows, and on the samples in every size, color and polarity.

use std::{fs, path::Path};

use chariot_engine::{
    candle::{D, DType, Device, Tensor, safetensors},
    candle_nn::VarBuilder,
    image::{self, DynamicImage, GrayImage, Rgb, RgbImage, imageops},
};
use digits::{CLASSES, Cnn, SIDE, accuracy, read, split};

fn shipped() -> Cnn {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("model/model.safetensors");
    let tensors = safetensors::load(file, &Device::Cpu).unwrap();
    Cnn::new(VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)).unwrap()
}

/// Returns the file name, label and image of every sample, in the order of the names.
fn samples() -> Vec<(String, usize, GrayImage)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut samples: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let label = name[..1].parse().unwrap();
            (name, label, image::open(path).unwrap().into_luma8())
        })
        .collect();
    samples.sort_by(|a, b| a.0.cmp(&b.0));
    samples
}

/// Asserts that every sample is classified correctly after `change`.
fn assert_all_correct(what: &str, change: impl Fn(&GrayImage) -> DynamicImage) {
    let samples = samples();
    let values: Vec<f32> = samples
        .iter()
        .flat_map(|(_, _, image)| {
            let gray = change(image).into_luma8();
            let small = imageops::resize(&gray, SIDE as u32, SIDE as u32, imageops::FilterType::Triangle);
            small.into_raw().into_iter().map(|value| f32::from(value) / 255.0)
        })
        .collect();
    let images = Tensor::from_vec(values, (samples.len(), 1, SIDE, SIDE), &Device::Cpu).unwrap();
    let classes = shipped().forward(&images).unwrap().argmax(D::Minus1).unwrap().to_vec1::<u32>().unwrap();
    let wrong: Vec<_> =
        samples.iter().zip(classes).filter(|((_, label, _), class)| *label != *class as usize).collect();
    let wrong: Vec<_> = wrong.iter().map(|((name, _, _), class)| format!("{name} as {class}")).collect();
    assert!(wrong.is_empty(), "{what}: misclassified: {wrong:?}");
}

fn inverted(image: &GrayImage) -> GrayImage {
    let mut negative = image.clone();
    imageops::invert(&mut negative);
    negative
}

fn resized(image: &GrayImage, side: u32) -> GrayImage {
    imageops::resize(image, side, side, imageops::FilterType::CatmullRom)
}

/// Recolors an image: black becomes `black`, white becomes `white`, and gray a mixture.
fn coloured(image: &GrayImage, black: [u8; 3], white: [u8; 3]) -> DynamicImage {
    let mix = |value: u8| {
        std::array::from_fn(|at| {
            let share = f32::from(value) / 255.0;
            (f32::from(black[at]) * (1.0 - share) + f32::from(white[at]) * share).round() as u8
        })
    };
    RgbImage::from_fn(image.width(), image.height(), |x, y| Rgb(mix(image.get_pixel(x, y).0[0]))).into()
}

#[test]
fn the_accuracy_on_the_held_out_rows_is_at_least_97_percent() {
    let (_, held_out) = split(read(include_str!("../data/digits.csv")).unwrap());
    let share = accuracy(&shipped(), &held_out).unwrap();
    assert!(share >= 0.97, "accuracy on the held-out rows: {:.2} %", share * 100.0);
}

#[test]
fn the_samples_are_two_held_out_rows_of_every_digit_in_both_polarities() {
    let (_, held_out) = split(read(include_str!("../data/digits.csv")).unwrap());
    let samples = samples();
    assert_eq!(samples.len(), 2 * CLASSES);
    for label in 0..CLASSES {
        let of_label: Vec<_> = samples.iter().filter(|sample| sample.1 == label).collect();
        let light = of_label.iter().filter(|(_, _, image)| image.get_pixel(0, 0).0[0] > 127).count();
        assert_eq!((of_label.len(), light), (2, 1), "samples of {label}");
    }
    for (name, label, _) in samples {
        let row: usize = name[2..].trim_end_matches(".png").parse().unwrap();
        assert!(held_out.iter().any(|digit| (digit.row, digit.label) == (row, label)), "{name} is not held out");
    }
}

#[test]
fn the_samples_are_classified_correctly_in_both_polarities() {
    assert_all_correct("unchanged", |image| image.clone().into());
    assert_all_correct("inverted", |image| inverted(image).into());
}

#[test]
fn the_samples_are_classified_correctly_at_any_size() {
    for side in [8, 28, 100, 333] {
        assert_all_correct(&format!("{side} pixels"), |image| resized(image, side).into());
        assert_all_correct(&format!("{side} pixels, inverted"), |image| inverted(&resized(image, side)).into());
    }
}

#[test]
fn the_samples_are_classified_correctly_in_colour_and_at_low_contrast() {
    for (black, white) in [([20, 30, 120], [250, 230, 120]), ([90, 0, 0], [240, 240, 255]), ([100; 3], [150; 3])] {
        assert_all_correct(&format!("{black:?} to {white:?}"), |image| coloured(image, black, white));
        assert_all_correct(&format!("{white:?} to {black:?}"), |image| coloured(image, white, black));
    }
}

#[test]
fn the_samples_are_classified_correctly_with_a_margin() {
    for margin in [4, 8, 12] {
        assert_all_correct(&format!("{margin} of 64 pixels"), |image| {
            let side = 64 + 2 * margin;
            let mut sheet = GrayImage::from_pixel(side, side, *image.get_pixel(0, 0));
            imageops::replace(&mut sheet, image, i64::from(margin), i64::from(margin));
            sheet.into()
        });
    }
}

#[test]
fn the_weights_are_small_enough_to_keep_with_the_code() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("model/model.safetensors");
    assert!(fs::metadata(file).unwrap().len() < 200_000);
}
