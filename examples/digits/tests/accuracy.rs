//! What the shipped weights read right: the held-out rows, and the samples in every size, colour and polarity.

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

/// File name, label and picture of every sample, in the order of their names.
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

/// Asserts that every sample is still read right after `change`.
fn assert_all_right(what: &str, change: impl Fn(&GrayImage) -> DynamicImage) {
    let samples = samples();
    let values: Vec<f32> = samples
        .iter()
        .flat_map(|(_, _, picture)| {
            let grey = change(picture).into_luma8();
            let small = imageops::resize(&grey, SIDE as u32, SIDE as u32, imageops::FilterType::Triangle);
            small.into_raw().into_iter().map(|value| f32::from(value) / 255.0)
        })
        .collect();
    let pictures = Tensor::from_vec(values, (samples.len(), 1, SIDE, SIDE), &Device::Cpu).unwrap();
    let answers = shipped().forward(&pictures).unwrap().argmax(D::Minus1).unwrap().to_vec1::<u32>().unwrap();
    let wrong: Vec<_> =
        samples.iter().zip(answers).filter(|((_, label, _), answer)| *label != *answer as usize).collect();
    let wrong: Vec<_> = wrong.iter().map(|((name, _, _), answer)| format!("{name} as {answer}")).collect();
    assert!(wrong.is_empty(), "{what}: read wrong: {wrong:?}");
}

fn inverted(picture: &GrayImage) -> GrayImage {
    let mut negative = picture.clone();
    imageops::invert(&mut negative);
    negative
}

fn resized(picture: &GrayImage, side: u32) -> GrayImage {
    imageops::resize(picture, side, side, imageops::FilterType::CatmullRom)
}

/// The picture with `black` where it is black, `white` where it is white, and what lies between.
fn coloured(picture: &GrayImage, black: [u8; 3], white: [u8; 3]) -> DynamicImage {
    let mix = |value: u8| {
        std::array::from_fn(|at| {
            let share = f32::from(value) / 255.0;
            (f32::from(black[at]) * (1.0 - share) + f32::from(white[at]) * share).round() as u8
        })
    };
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| Rgb(mix(picture.get_pixel(x, y).0[0]))).into()
}

#[test]
fn at_least_97_percent_of_the_held_out_rows_are_read_right() {
    let (_, held_out) = split(read(include_str!("../data/digits.csv")).unwrap());
    let right = accuracy(&shipped(), &held_out).unwrap();
    assert!(right >= 0.97, "{:.2} % of the held-out rows are read right", right * 100.0);
}

#[test]
fn the_samples_are_two_held_out_rows_of_every_digit_one_of_them_dark_on_light() {
    let (_, held_out) = split(read(include_str!("../data/digits.csv")).unwrap());
    let samples = samples();
    assert_eq!(samples.len(), 2 * CLASSES);
    for label in 0..CLASSES {
        let of_label: Vec<_> = samples.iter().filter(|sample| sample.1 == label).collect();
        let light = of_label.iter().filter(|(_, _, picture)| picture.get_pixel(0, 0).0[0] > 127).count();
        assert_eq!((of_label.len(), light), (2, 1), "samples of {label}");
    }
    for (name, label, _) in samples {
        let row: usize = name[2..].trim_end_matches(".png").parse().unwrap();
        assert!(held_out.iter().any(|digit| (digit.row, digit.label) == (row, label)), "{name} is not held out");
    }
}

#[test]
fn the_samples_are_read_right_in_both_polarities() {
    assert_all_right("as they are", |picture| picture.clone().into());
    assert_all_right("inverted", |picture| inverted(picture).into());
}

#[test]
fn the_samples_are_read_right_at_any_size() {
    for side in [8, 28, 100, 333] {
        assert_all_right(&format!("{side} pixels"), |picture| resized(picture, side).into());
        assert_all_right(&format!("{side} pixels, inverted"), |picture| inverted(&resized(picture, side)).into());
    }
}

#[test]
fn the_samples_are_read_right_in_colour_and_at_low_contrast() {
    for (black, white) in [([20, 30, 120], [250, 230, 120]), ([90, 0, 0], [240, 240, 255]), ([100; 3], [150; 3])] {
        assert_all_right(&format!("{black:?} to {white:?}"), |picture| coloured(picture, black, white));
        assert_all_right(&format!("{white:?} to {black:?}"), |picture| coloured(picture, white, black));
    }
}

#[test]
fn the_samples_are_read_right_with_a_margin() {
    for margin in [4, 8, 12] {
        assert_all_right(&format!("{margin} of 64 pixels"), |picture| {
            let side = 64 + 2 * margin;
            let mut sheet = GrayImage::from_pixel(side, side, *picture.get_pixel(0, 0));
            imageops::replace(&mut sheet, picture, i64::from(margin), i64::from(margin));
            sheet.into()
        });
    }
}

#[test]
fn the_weights_are_small_enough_to_be_kept_with_the_code() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("model/model.safetensors");
    assert!(fs::metadata(file).unwrap().len() < 200_000);
}
