//! Tests of regions, tiles and the way back from them, of 16 bits, and of numbers that no image can be converted with.

use ::image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, Rgba, metadata::Orientation};
use proptest::prelude::*;

use super::file;
use crate::{
    ErrorKind,
    input::image::{turn::Turn, *},
};

fn numbers(pixels: Pixels, image: &Image) -> Vec<f32> {
    let mut numbers = Vec::new();
    pixels.write(image, &mut numbers).unwrap();
    assert_eq!(numbers.len(), pixels.len());
    numbers
}

/// Returns an image of which no two neighbors are alike.
fn gray(width: u32, height: u32) -> Image {
    DynamicImage::from(GrayImage::from_fn(width, height, |x, y| Luma([(x * 37 + y * 101) as u8]))).into()
}

#[test]
fn a_region_is_converted_as_if_it_had_been_cropped() {
    let alpha = DynamicImage::from(ImageBuffer::from_fn(30, 20, |x, y| {
        Rgba([(x * 8) as u8, (y * 12) as u8, (x * y) as u8, (x * 37) as u8])
    }));
    let deep = DynamicImage::from(ImageBuffer::from_fn(30, 20, |x, y| Rgb([x as u16 * 2000, y as u16 * 3000, 7])));
    for image in [alpha.clone(), DynamicImage::from(alpha.to_rgb8()), alpha.to_luma8().into(), deep] {
        let cropped = Image::from_dynamic(image.crop_imm(4, 3, 17, 11));
        let image = Image::from_dynamic(image);
        for filter in [Filter::Nearest, Filter::Area, Filter::Bilinear, Filter::Lanczos] {
            for resize in [Resize::Stretch, Resize::Fit { pad: 9 }, Resize::Crop] {
                for pixels in [Pixels::rgb(8, 8), Pixels::gray(40, 13).sixteen_bits(), Pixels::rgb(17, 11).bgr()] {
                    let pixels = pixels.filter(filter).resize(resize);
                    let region = pixels.region(Region::new(4, 3, 17, 11));
                    assert_eq!(numbers(region, &image), numbers(pixels, &cropped), "{region:?}");
                }
            }
        }
    }
}

#[test]
fn the_part_of_a_region_outside_the_image_is_filled() {
    let image = gray(4, 4);
    let white = |left, top| {
        let pixels = Pixels::gray(6, 6).scale(1.0).resize(Resize::Fit { pad: 255 });
        numbers(pixels.region(Region::new(left, top, 12, 12)), &image).iter().filter(|value| **value == 255.0).count()
    };
    // Two of six columns and rows are those of the image.
    assert_eq!(white(-2, -2), 36 - 4);
    assert_eq!(white(100, 0), 36);
    assert_eq!(white(i64::MIN, i64::MAX), 36);
    let region = Pixels::rgb(2, 2).region(Region::new(4, 0, 2, 2));
    assert_eq!(numbers(region, &image), [0.0; 12]);
    // A region that is far larger than the image takes the memory of the result.
    let huge = Pixels::gray(3, 3).scale(1.0).region(Region::new(-2_000_000_000, -1, u32::MAX, 6));
    assert_eq!(numbers(huge, &image), [0.0; 9]);
}

#[test]
fn pixels_stay_sharp_when_an_area_grows() {
    let image = DynamicImage::from(GrayImage::from_raw(2, 1, vec![10, 110]).unwrap()).into();
    let pixels = Pixels::gray(5, 2).scale(1.0).filter(Filter::Area);
    assert_eq!(numbers(pixels, &image), [10.0, 10.0, 60.0, 110.0, 110.0].repeat(2));
}

#[test]
fn sixteen_bits_are_kept_on_request() {
    let values: Vec<u16> = vec![0, 1, 257, 4095, 40_000, 65_535];
    let gray = DynamicImage::from(ImageBuffer::<Luma<u16>, _>::from_raw(3, 2, values.clone()).unwrap());
    let color = DynamicImage::from(ImageBuffer::<Rgb<u16>, _>::from_raw(2, 1, values.clone()).unwrap());
    for format in [::image::ImageFormat::Png, ::image::ImageFormat::Tiff] {
        let decode =
            |image: &DynamicImage| Image::decode(&file(image.clone(), format), &ImageLimits::default()).unwrap();
        let expected: Vec<f32> = values.iter().map(|value| f32::from(*value)).collect();
        let pixels = Pixels::gray(3, 2).sixteen_bits().scale(1.0);
        assert_eq!(numbers(pixels, &decode(&gray)), expected);
        let pixels = Pixels::rgb(2, 1).sixteen_bits().layout(ChannelLayout::Last);
        assert_eq!(numbers(pixels.scale(1.0), &decode(&color)), expected);
        assert_eq!(numbers(pixels, &decode(&color))[5], 1.0);
        assert_eq!(numbers(Pixels::gray(3, 2).scale(1.0), &decode(&gray)), [0.0, 0.0, 1.0, 16.0, 156.0, 255.0]);
    }
    let padded = Pixels::gray(3, 4).sixteen_bits().resize(Resize::Fit { pad: 255 }).region(Region::new(0, 0, 3, 2));
    assert_eq!(numbers(padded, &gray.clone().into())[..3], [1.0; 3]);
    let half = ImageBuffer::from_pixel(1, 1, Rgba([0_u16, 65_535, 257, 32_768]));
    let blended = numbers(Pixels::rgb(1, 1).sixteen_bits().scale(1.0), &DynamicImage::from(half).into());
    assert_eq!(blended, [32_767.0, 65_535.0, 32_896.0]);
}

#[test]
fn a_window_of_values_is_the_whole_range() {
    let image = DynamicImage::from(GrayImage::from_raw(5, 1, vec![0, 50, 100, 150, 255]).unwrap()).into();
    let window = |low, high| numbers(Pixels::gray(5, 1).scale(1.0).contrast(Contrast::Window { low, high }), &image);
    assert_eq!(window(50.0, 150.0), [0.0, 0.0, 128.0, 255.0, 255.0]);
    assert_eq!(window(-255.0, 255.0), [128.0, 152.0, 178.0, 202.0, 255.0]);
    // Nothing is stretched where all pixels are alike.
    let flat = Image::from_dynamic(DynamicImage::from(GrayImage::from_pixel(3, 3, Luma([9]))));
    let percentiles = Pixels::gray(3, 3).scale(1.0).contrast(Contrast::Percentiles { low: 2.0, high: 98.0 });
    assert_eq!(numbers(percentiles, &flat), [9.0; 9]);
}

#[test]
fn small_images_have_a_contrast_too() {
    for (width, height) in [(1, 1), (1, 5), (3, 1), (2, 2)] {
        for (columns, rows) in [(1, 1), (16, 16)] {
            let pixels = Pixels::gray(width, height).scale(1.0);
            let pixels = pixels.contrast(Contrast::Clahe { clip: 2.0, columns, rows });
            assert!(numbers(pixels, &gray(width, height)).iter().all(|value| (0.0..=255.0).contains(value)));
        }
    }
}

#[test]
fn numbers_that_no_image_can_be_converted_with_are_a_failure() {
    let image = gray(8, 8);
    let pixels = Pixels::gray(4, 4);
    let contrasts = [
        Contrast::Window { low: 5.0, high: 5.0 },
        Contrast::Window { low: 0.0, high: f64::INFINITY },
        Contrast::Percentiles { low: -1.0, high: 98.0 },
        Contrast::Percentiles { low: 2.0, high: f64::NAN },
        Contrast::Clahe { clip: f64::NAN, columns: 8, rows: 8 },
        Contrast::Clahe { clip: 2.0, columns: 0, rows: 8 },
        Contrast::Clahe { clip: 2.0, columns: 8, rows: 17 },
    ];
    let mut all: Vec<Pixels> = contrasts.map(|contrast| pixels.contrast(contrast)).to_vec();
    all.push(pixels.region(Region::new(0, 0, 0, 4)));
    for wrong in all {
        let mut numbers = Vec::new();
        let error = wrong.write(&image, &mut numbers).unwrap_err();
        assert_eq!((error.kind(), numbers.len()), (ErrorKind::Failed, 0), "{wrong:?}");
    }
    for (size, overlap) in [((0, 4), 0.2), ((4, 0), 0.2), ((4, 4), 1.0), ((4, 4), -0.1), ((4, 4), f64::NAN)] {
        assert_eq!(pixels.tiles(&image, size, overlap).unwrap_err().kind(), ErrorKind::Failed);
    }
    let empty = Image::from_dynamic(DynamicImage::new_luma8(0, 4));
    assert_eq!(pixels.tiles(&empty, (4, 4), 0.2).unwrap_err().kind(), ErrorKind::Rejected);
    for edges in [[0.0, 0.0, f32::NAN, 1.0], [0.0, f32::INFINITY, 1.0, 2.0], [2.0, 0.0, 1.0, 1.0]] {
        assert_eq!(Region::around(edges).unwrap_err().kind(), ErrorKind::Failed);
    }
    assert_eq!(Region::around([-0.5, 3.0, -0.5, 3.0]).unwrap(), Region::new(-1, 3, 1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tiles_cover_the_image_and_without_overlap_only_the_last_ones_share_pixels(
        (width, height) in (1_u32..60, 1_u32..60),
        size in (1_u32..70, 1_u32..70),
        overlap in prop_oneof![Just(0.0), 0.0..0.95],
    ) {
        let image = gray(width, height);
        let mut counts = vec![0; (width * height) as usize];
        let mut put_together = vec![0.0; counts.len()];
        for tile in Pixels::gray(size.0.min(width), size.1.min(height)).scale(1.0).tiles(&image, size, overlap).unwrap() {
            let region = tile.region();
            let mut numbers = Vec::new();
            tile.write(&mut numbers).unwrap();
            for (at, number) in numbers.iter().enumerate() {
                let (x, y) = (at as i64 % i64::from(region.width), at as i64 / i64::from(region.width));
                // Converted without a resize: the pixels of the image, at the place that the placement says.
                let (image_x, image_y) = tile.placement().to_image(x as f32, y as f32);
                prop_assert_eq!((image_x as i64, image_y as i64), (region.left + x, region.top + y));
                let pixel = ((region.top + y) * i64::from(width) + region.left + x) as usize;
                counts[pixel] += 1;
                put_together[pixel] = *number;
            }
        }
        prop_assert!(counts.iter().all(|count| *count > 0));
        prop_assert_eq!(put_together, numbers(Pixels::gray(width, height).scale(1.0), &image));
        if overlap == 0.0 {
            // The last tile of a row or a column is moved back into the one before it.
            let (x, y) = (width.saturating_sub(size.0), height.saturating_sub(size.1));
            let first = |pixel: usize| (pixel as u32 % width) < x && (pixel as u32 / width) < y;
            prop_assert!(counts.iter().enumerate().all(|(pixel, count)| !first(pixel) || *count == 1));
        }
    }

    #[test]
    fn a_placement_leads_there_and_back(
        (width, height) in (1_u32..10_000, 1_u32..10_000),
        (to_width, to_height) in (16_u32..1500, 16_u32..1500),
        resize in prop_oneof![Just(Resize::Stretch), Just(Resize::Fit { pad: 0 }), Just(Resize::Crop)],
        (left, top) in (-3000_i64..9000, -3000_i64..9000),
        region in (1_u32..5000, 1_u32..5000),
        is_whole: bool,
        orientation in 1_u8..=8,
        (x, y) in (0.0_f32..1.0, 0.0_f32..1.0),
    ) {
        let pixels = Pixels::gray(to_width, to_height).resize(resize);
        let part = Region::new(left, top, region.0, region.1);
        let pixels = if is_whole { pixels } else { pixels.region(part) };
        let placement = pixels.placement_of((width, height), Turn::of(Orientation::from_exif(orientation).unwrap()));
        let (x, y) = (x * width as f32, y * height as f32);
        let there = placement.box_to_model([x, y, x, y]);
        let back = placement.box_to_image(there);
        // What is left of 24 bits after the offset of a region that is far away or much larger.
        let digits = |there: f32, scale: f32| 1e-3_f32.max(there.abs() * f32::EPSILON / scale);
        let across = digits(there[0], placement.scale_x);
        let down = digits(there[1], placement.scale_y);
        let (across, down) = if placement.swaps() { (down, across) } else { (across, down) };
        prop_assert!((back[0] - x).abs() <= across, "{:?}", (x, there, back));
        prop_assert!((back[1] - y).abs() <= down, "{:?}", (y, there, back));
    }
}
