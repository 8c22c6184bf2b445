//! Conversions compared with the numbers of Pillow, OpenCV, scikit-image and SAHI, which `references/make.py` writes.

use ::image::{DynamicImage, GrayImage, ImageBuffer, Luma, RgbImage};
use serde_json::Value;

use crate::input::image::*;

fn cases(file: &str, name: &str) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(file).unwrap();
    serde_json::from_value(file[name].take()).unwrap()
}

fn pictures(name: &str) -> Vec<Value> {
    cases(include_str!("../references/pictures.json"), name)
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap() as u32
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Returns the picture of this name, and the conversion that keeps its channels and its values, to the size of another.
fn picture(name: &Value, to: &Value) -> (Image, Pixels) {
    let picture = pictures("pictures").into_iter().find(|picture| picture["name"] == *name).unwrap();
    let (width, height) = (number(&picture["width"]), number(&picture["height"]));
    let values = &picture["values"];
    let size = (number(&to["width"]), number(&to["height"]));
    let (pixels, conversion): (DynamicImage, Pixels) = match name.as_str().unwrap() {
        "gray" => (GrayImage::from_raw(width, height, numbers(values)).unwrap().into(), Pixels::gray(size.0, size.1)),
        "deep" => (
            ImageBuffer::<Luma<u16>, _>::from_raw(width, height, numbers(values)).unwrap().into(),
            Pixels::gray(size.0, size.1).sixteen_bits(),
        ),
        _ => (RgbImage::from_raw(width, height, numbers(values)).unwrap().into(), Pixels::rgb(size.0, size.1)),
    };
    (pixels.into(), conversion.scale(1.0).layout(ChannelLayout::Last))
}

/// Asserts that a conversion has the numbers of a reference, but for a difference.
#[track_caller]
fn assert_close(case: &Value, difference: f32, adjust: impl FnOnce(Pixels) -> Pixels) {
    let (image, pixels) = picture(&case["from"], &case["to"]);
    let mut converted = Vec::new();
    adjust(pixels).write(&image, &mut converted).unwrap();
    let expected: Vec<f32> = numbers(&case["to"]["values"]);
    assert_eq!(converted.len(), expected.len());
    let largest = converted.iter().zip(&expected).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    assert!(largest <= difference, "{case}: {largest}");
}

#[test]
fn area_is_that_of_opencv() {
    for case in pictures("area") {
        assert_close(&case, 1.0, |pixels| pixels.filter(Filter::Area));
    }
}

#[test]
fn percentiles_are_stretched_as_by_scikit_image() {
    for case in pictures("percentiles") {
        let (low, high) = (case["low"].as_f64().unwrap(), case["high"].as_f64().unwrap());
        assert_close(&case, 0.0, |pixels| pixels.contrast(Contrast::Percentiles { low, high }));
    }
}

#[test]
fn histograms_are_equalized_as_by_opencv() {
    for case in pictures("clahe") {
        let (columns, rows) = (number(&case["grid"][0]), number(&case["grid"][1]));
        let clip = case["clip"].as_f64().unwrap();
        assert_close(&case, 0.0, |pixels| pixels.contrast(Contrast::Clahe { clip, columns, rows }));
    }
}

#[test]
fn a_region_is_cropped_as_by_pillow() {
    for case in pictures("region") {
        let [left, top, right, bottom] = numbers::<i64>(&case["box"])[..] else { panic!("{case}") };
        let region = Region::new(left, top, (right - left) as u32, (bottom - top) as u32);
        assert_close(&case, 0.0, |pixels| pixels.region(region));
    }
}

#[test]
fn tiles_are_those_of_sahi() {
    for case in cases(include_str!("../references/tiles.json"), "tiles") {
        let sides = |name: &str| (number(&case[name][0]), number(&case[name][1]));
        let (width, height) = sides("image");
        let image = Image::from_dynamic(DynamicImage::new_luma8(width, height));
        let tiles = Pixels::gray(8, 8).tiles(&image, sides("size"), case["overlap"].as_f64().unwrap()).unwrap();
        let edges = |Region { left, top, width, height }: Region| {
            vec![left, top, left + i64::from(width), top + i64::from(height)]
        };
        let found: Vec<Vec<i64>> = tiles.clone().map(|tile| edges(tile.region())).collect();
        assert_eq!(found, numbers::<Vec<i64>>(&case["boxes"]));
        assert_eq!(tiles.size_hint(), (found.len(), Some(found.len())));
    }
}
