//! Conversions of images that do not stand upright, compared with the files and the numbers of Pillow, OpenCV and SAHI that
//! `references/make.py` writes, and the way back to stored pixels.

use ::image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgba, metadata::Orientation};
use proptest::prelude::*;
use serde_json::Value;

use crate::{
    input::image::*,
    tasks::{ClassLabels, Detection, Keypoint, MaskLabels, OrientedDetection, Segmentation},
};

fn cases() -> Vec<Value> {
    let mut file: Value = serde_json::from_str(include_str!("../references/orientations.json")).unwrap();
    serde_json::from_value(file["orientations"].take()).unwrap()
}

fn image(case: &Value, format: &str) -> Image {
    Image::decode_base64(case[format].as_str().unwrap(), &ImageLimits::default()).unwrap()
}

fn list<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Returns the conversion to the size of a picture that keeps its values.
fn pixels(image: &Image, to: &Value) -> Pixels {
    let (width, height) = (to["width"].as_u64().unwrap() as u32, to["height"].as_u64().unwrap() as u32);
    let is_gray = !image.as_dynamic().color().has_color();
    let pixels = if is_gray { Pixels::gray(width, height) } else { Pixels::rgb(width, height) };
    pixels.scale(1.0).layout(ChannelLayout::Last)
}

fn numbers(pixels: Pixels, image: &Image) -> Vec<f32> {
    let mut numbers = Vec::new();
    pixels.write(image, &mut numbers).unwrap();
    numbers
}

/// Asserts that numbers are those of a reference, but for a difference.
#[track_caller]
fn assert_close(found: &[f32], expected: &[f32], difference: f32) {
    assert_eq!(found.len(), expected.len());
    let largest = found.iter().zip(expected).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
    assert!(largest <= difference, "{largest}: {found:?} and {expected:?}");
}

#[test]
fn the_eight_orientations_are_turned_as_by_pillow() {
    let mut seen = Vec::new();
    for case in cases() {
        let phone = image(&case, "png");
        let of = |to: &Value| pixels(&phone, to).upright();
        let exact = |to: &Value, pixels: Pixels| assert_eq!(numbers(pixels, &phone), list::<f32>(&to["values"]));
        exact(&case["to"], of(&case["to"]));
        exact(&case["equalized"], of(&case["equalized"]).contrast(Contrast::Clahe { clip: 2.0, columns: 2, rows: 2 }));
        let filters = [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos];
        for (resized, filter) in case["resized"].as_array().unwrap().iter().zip(filters) {
            assert_close(&numbers(of(resized).filter(filter), &phone), &list::<f32>(&resized["values"]), 1.0);
        }
        let tiles: Vec<_> = of(&case["tiles"][0]).tiles(&phone, (5, 4), 0.2).unwrap().collect();
        assert_eq!(tiles.len(), case["tiles"].as_array().unwrap().len());
        for (tile, expected) in tiles.iter().zip(case["tiles"].as_array().unwrap()) {
            let mut found = Vec::new();
            tile.write(&mut found).unwrap();
            assert_eq!(found, list::<f32>(&expected["values"]));
        }
        // The stored image is as it was, in a photograph as well.
        let jpeg = image(&case, "jpeg");
        assert_eq!((jpeg.width(), jpeg.height()), (phone.width(), phone.height()));
        assert_eq!(
            numbers(pixels(&jpeg, &case["to"]).upright(), &jpeg),
            numbers(pixels(&jpeg, &case["to"]), &jpeg.clone().upright())
        );
        seen.push(case["orientation"].as_u64().unwrap());
    }
    seen.dedup();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn boxes_of_the_upright_image_lead_to_the_stored_pixels() {
    for case in cases() {
        let image = image(&case, "png");
        let placement = pixels(&image, &case["to"]).upright().placement(&image);
        for pair in case["boxes"].as_array().unwrap() {
            let (stored, upright) = (list::<f32>(&pair["stored"]), list::<f32>(&pair["upright"]));
            let [xmin, ymin, xmax, ymax] = upright[..] else { panic!("{pair}") };
            let [left, top, right, bottom] = stored[..] else { panic!("{pair}") };
            assert_eq!(placement.box_to_image([xmin, ymin, xmax, ymax]), stored[..], "{case}");
            assert_eq!(placement.box_to_model([left, top, right, bottom]), upright[..], "{case}");
            // A keypoint in the box stays in it, a quarter from a corner.
            let quarter = |from: f32, to: f32| from + (to - from) / 4.0;
            let point = Keypoint { x: quarter(xmin, xmax), y: quarter(ymin, ymax), score: Some(0.5) };
            let found = Detection::new(0, 0.9, [xmin, ymin, xmax, ymax]).with_keypoints([point]).to_image(&placement);
            assert_eq!([found.xmin, found.ymin, found.xmax, found.ymax], stored[..]);
            let (x, y) = (found.keypoints[0].x, found.keypoints[0].y);
            let near = |at: f32, from: f32, to: f32| [quarter(from, to), quarter(to, from)].contains(&at);
            assert!(near(x, left, right) && near(y, top, bottom), "{case}: {x} {y}");
        }
    }
}

#[test]
fn rotated_boxes_and_masks_lead_to_the_stored_pixels() {
    let labels: ClassLabels = (0..256).map(|id| id.to_string()).collect();
    for case in cases() {
        let image = image(&case, "png");
        let conversion = pixels(&image, &case["to"]).upright();
        let placement = conversion.placement(&image);
        // A mask of the upright image whose IDs are the values of one channel.
        let [_, height, width, channels] = conversion.shape(1);
        let values: Vec<u32> = list::<u32>(&case["to"]["values"]).into_iter().step_by(channels).collect();
        let size = (width as u32, height as u32);
        let mask = Segmentation::new(values, MaskLabels::ById(&labels), size).unwrap();
        let mask = mask.to_image(&placement, (image.width(), image.height())).unwrap();
        let stored: Vec<u32> =
            image.as_dynamic().as_bytes().iter().step_by(channels).map(|value| u32::from(*value)).collect();
        assert_eq!(mask.ids(), stored, "{case}");

        // The corners of a rotated box, each turned by itself.
        let corners = |one: &OrientedDetection| {
            let (sine, cosine) = one.r.sin_cos();
            let mut all = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)].map(|(across, down)| {
                let (x, y) = (one.w * across, one.h * down);
                (one.cx + x * cosine - y * sine, one.cy + x * sine + y * cosine)
            });
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            all
        };
        for r in [-4.0, -1.25, 0.25, 1.0, 3.0] {
            let one = OrientedDetection { class: 0, score: 0.9, cx: 4.0, cy: 3.0, w: 5.0, h: 2.0, r };
            let placed = one.to_image(&placement);
            let mut expected = corners(&one).map(|(x, y)| placement.to_image(x, y));
            expected.sort_by(|a, b| a.0.total_cmp(&b.0));
            for (found, expected) in corners(&placed).iter().zip(expected) {
                let distance = (found.0 - expected.0).abs().max((found.1 - expected.1).abs());
                assert!(distance < 1e-4, "{case}: {placed:?}");
            }
            assert_eq!((placed.w, placed.h), (5.0, 2.0));
        }
    }
}

/// Returns an image of which no two neighbors are alike, with an orientation.
fn turned(width: u32, height: u32, kind: u8, orientation: u8) -> Image {
    let gray = GrayImage::from_fn(width, height, |x, y| Luma([(x * 37 + y * 101) as u8]));
    let pixels: DynamicImage = match kind {
        0 => gray.into(),
        1 => DynamicImage::from(gray).to_rgb8().into(),
        2 => {
            ImageBuffer::from_fn(width, height, |x, y| Rgba([(x * 8) as u8, (y * 12) as u8, 7, (x * 37) as u8])).into()
        }
        _ => ImageBuffer::from_fn(width, height, |x, y| Luma([(x * 3700 + y * 10_100) as u16])).into(),
    };
    Image { orientation: Orientation::from_exif(orientation).unwrap(), ..Image::from_dynamic(pixels) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_conversion_turns_as_if_the_image_had_been_turned(
        (width, height) in (1_u32..40, 1_u32..40),
        (to_width, to_height) in (1_u32..40, 1_u32..40),
        (kind, orientation) in (0_u8..4, 1_u8..=8),
        filter in prop_oneof![
            Just(Filter::Nearest), Just(Filter::Area), Just(Filter::Bilinear), Just(Filter::Bicubic), Just(Filter::Lanczos)
        ],
        resize in prop_oneof![Just(Resize::Stretch), Just(Resize::Fit { pad: 9 }), Just(Resize::Crop)],
        part in proptest::option::of((-20_i64..40, -20_i64..40, 1_u32..50, 1_u32..50)),
        is_deep: bool,
    ) {
        let phone = turned(width, height, kind, orientation);
        let upright = phone.clone().upright();
        let pixels = Pixels::rgb(to_width, to_height).resize(resize).filter(filter).scale(1.0);
        let pixels = if is_deep { pixels.sixteen_bits() } else { pixels };
        // The region of the stored image, and the same one of the upright image.
        let turn = turn::Turn::of(phone.orientation);
        let region = part.map(|(left, top, width, height)| Region::new(left, top, width, height));
        let of_stored = region.map_or(pixels, |region| pixels.region(region)).upright();
        let of_upright = region.map_or(pixels, |region| pixels.region(turn.region(region, (width, height))));
        let (found, expected) = (numbers(of_stored, &phone), numbers(of_upright, &upright));
        // The weights of a filter are rounded, and mirrored ones are not always the same.
        let most = match filter {
            Filter::Nearest => 0.0,
            _ => if is_deep { 2.0 } else { 1.0 },
        };
        for (one, other) in found.iter().zip(&expected) {
            prop_assert!((one - other).abs() <= most, "{:?} and {:?}", one, other);
        }
        let (x, y) = of_upright.placement(&upright).to_image(3.0, 5.0);
        let stored = of_stored.placement(&phone).to_image(3.0, 5.0);
        let expected = turn.point_back((x.into(), y.into()), (width.into(), height.into()));
        prop_assert!((stored.0 - expected.0 as f32).abs() < 1e-3 && (stored.1 - expected.1 as f32).abs() < 1e-3);
    }
}
