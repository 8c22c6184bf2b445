//! Tests of `Pixels`: numbers of small images.

use ::image::{DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, RgbaImage};

use crate::input::image::*;

fn gray(width: u32, height: u32, values: &[u8]) -> Image {
    DynamicImage::from(GrayImage::from_raw(width, height, values.to_vec()).unwrap()).into()
}

/// Four pixels: red, green / blue, white.
fn colors() -> Image {
    let values = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
    DynamicImage::from(RgbImage::from_raw(2, 2, values).unwrap()).into()
}

fn numbers(pixels: Pixels, image: &Image) -> Vec<f32> {
    let mut numbers = Vec::new();
    pixels.write(image, &mut numbers).unwrap();
    assert_eq!(numbers.len(), pixels.len());
    numbers
}

/// Converts with a scale of 1, so that the numbers are the values.
fn values(pixels: Pixels, image: &Image) -> Vec<f32> {
    numbers(pixels.scale(1.0), image)
}

#[test]
fn values_are_from_0_to_1_by_default() {
    let image = gray(2, 2, &[0, 51, 128, 255]);
    assert_eq!(numbers(Pixels::gray(2, 2), &image), [0.0, 0.2, 128.0 / 255.0, 1.0]);
}

#[test]
fn channels_are_ordered_by_the_layout() {
    let first = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0];
    let last = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
    let pixels = Pixels::rgb(2, 2);
    assert_eq!(numbers(pixels, &colors()), first);
    assert_eq!(numbers(pixels.layout(ChannelLayout::Last), &colors()), last);
    let [red, green, blue] = [&first[..4], &first[4..8], &first[8..]];
    assert_eq!(numbers(pixels.bgr(), &colors()), [blue, green, red].concat());
}

#[test]
fn mean_and_deviation_apply_to_the_channels_of_the_model() {
    let pixels = Pixels::rgb(1, 1).mean([0.5, 0.25, 0.0]).deviation([0.5, 0.25, 2.0]);
    let image = DynamicImage::from(RgbImage::from_pixel(1, 1, Rgb([255, 0, 0]))).into();
    assert_eq!(numbers(pixels, &image), [1.0, -1.0, 0.0]);
    assert_eq!(numbers(pixels.bgr(), &image), [-1.0, -1.0, 0.5]);
    assert_eq!(numbers(Pixels::rgb(1, 1).scale(1.0).mean(127.5).deviation(127.5), &image), [1.0, -1.0, -1.0]);
}

#[test]
fn colour_and_gray_are_converted_to_each_other() {
    assert_eq!(values(Pixels::gray(2, 2), &colors()), [76.0, 150.0, 29.0, 255.0]);
    assert_eq!(values(Pixels::rgb(2, 1), &gray(2, 1, &[7, 9])), [7.0, 9.0, 7.0, 9.0, 7.0, 9.0]);
}

#[test]
fn transparent_pixels_are_blended_with_white() {
    let image = RgbaImage::from_raw(3, 1, vec![10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 255, 128]).unwrap();
    let image = DynamicImage::from(image).into();
    let expected = [10.0, 20.0, 30.0, 255.0, 255.0, 255.0, 127.0, 127.0, 255.0];
    assert_eq!(values(Pixels::rgb(3, 1).layout(ChannelLayout::Last), &image), expected);
    let image = GrayAlphaImage::from_raw(2, 1, vec![10, 255, 10, 0]).unwrap();
    assert_eq!(values(Pixels::gray(2, 1), &DynamicImage::from(image).into()), [10.0, 255.0]);
}

#[test]
fn images_with_more_bits_are_reduced_to_8() {
    let image = ImageBuffer::<Luma<u16>, _>::from_raw(2, 1, vec![0xffff, 0x8080]).unwrap();
    assert_eq!(values(Pixels::gray(2, 1), &DynamicImage::from(image).into()), [255.0, 128.0]);
    let image = ImageBuffer::<Rgb<f32>, _>::from_raw(1, 1, vec![2.0, 0.5, f32::NAN]).unwrap();
    let values = values(Pixels::rgb(1, 1), &DynamicImage::from(image).into());
    assert_eq!(values[..2], [255.0, 128.0]);
}

#[test]
fn an_image_is_stretched_to_the_size() {
    let image = gray(4, 2, &[0, 0, 200, 200, 0, 0, 200, 200]);
    assert_eq!(values(Pixels::gray(2, 2).filter(Filter::Nearest), &image), [0.0, 200.0, 0.0, 200.0]);
    for filter in [Filter::Nearest, Filter::Area, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
        let flat = DynamicImage::from(RgbImage::from_pixel(7, 5, Rgb([9, 90, 190]))).into();
        let values = values(Pixels::rgb(16, 3).filter(filter), &flat);
        assert_eq!(values, [[9.0; 48], [90.0; 48], [190.0; 48]].concat(), "{filter:?}");
    }
    // Every pixel of a chessboard contributes when it shrinks to one.
    assert_eq!(values(Pixels::gray(1, 1), &gray(2, 2, &[0, 200, 200, 0])), [100.0]);
}

#[test]
fn an_image_that_fits_is_padded_and_centred() {
    let pixels = Pixels::gray(4, 4).resize(Resize::Fit { pad: 7 });
    let wide = values(pixels, &gray(4, 2, &[50; 8]));
    assert_eq!(wide, [[7.0; 4], [50.0; 4], [50.0; 4], [7.0; 4]].concat());
    let high = values(pixels, &gray(1, 2, &[50; 2]));
    assert_eq!(high, [7.0, 50.0, 50.0, 7.0].repeat(4));
    // A line of one pixel does not vanish.
    let line = values(pixels, &gray(100, 1, &[50; 100]));
    assert_eq!(line.iter().filter(|value| **value == 50.0).count(), 4);
    let color = DynamicImage::from(RgbImage::from_pixel(2, 1, Rgb([1, 2, 3]))).into();
    let values = values(Pixels::rgb(2, 3).resize(Resize::Fit { pad: 0 }), &color);
    assert_eq!(values, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 3.0, 0.0, 0.0]);
}

#[test]
fn a_cropped_image_loses_its_sides() {
    let image = gray(4, 2, &[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(values(Pixels::gray(2, 2).resize(Resize::Crop), &image), [2.0, 3.0, 6.0, 7.0]);
    let image = gray(1, 4, &[1, 2, 3, 4]);
    assert_eq!(values(Pixels::gray(1, 2).resize(Resize::Crop), &image), [2.0, 3.0]);
    for (width, height) in [(3, 1000), (1000, 3), (333, 777), (1, 1)] {
        let image = gray(width, height, &vec![5; (width * height) as usize]);
        assert_eq!(values(Pixels::gray(7, 3).resize(Resize::Crop), &image), [5.0; 21], "{width} x {height}");
    }
}

#[test]
fn sizes_at_which_the_first_weights_are_0_are_resized_too() {
    for (from, to) in [((15, 12), (30, 11)), ((12, 15), (11, 30)), ((9, 2), (28, 9)), ((2, 9), (9, 28))] {
        let image = gray(from.0, from.1, &vec![5; (from.0 * from.1) as usize]);
        for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos] {
            for resize in [Resize::Crop, Resize::Stretch] {
                let pixels = Pixels::gray(to.0, to.1).resize(resize).filter(filter);
                assert_eq!(values(pixels, &image), vec![5.0; (to.0 * to.1) as usize]);
                let deep = vec![5.0 * 257.0; (to.0 * to.1) as usize];
                assert_eq!(values(pixels.sixteen_bits(), &image), deep);
            }
        }
    }
}

#[test]
fn images_are_appended() {
    let mut numbers = vec![0.5];
    let pixels = Pixels::gray(1, 1);
    for value in [0, 255] {
        pixels.write(&gray(1, 1, &[value]), &mut numbers).unwrap();
    }
    assert_eq!(numbers, [0.5, 0.0, 1.0]);
}

#[test]
fn an_image_without_pixels_is_rejected_and_invalid_options_are_a_failure() {
    let mut numbers = Vec::new();
    let empty = Image::from_dynamic(DynamicImage::new_rgb8(0, 3));
    let error = Pixels::rgb(2, 2).write(&empty, &mut numbers).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Rejected);
    let huge = Pixels::rgb(u32::MAX, u32::MAX);
    for wrong in [Pixels::gray(2, 2).mean([0.1, 0.2, 0.3]), Pixels::rgb(2, 2).deviation(0.0), huge] {
        let error = wrong.write(&colors(), &mut numbers).unwrap_err();
        assert_eq!(error.public_message(), None);
    }
    let nothing = Pixels::rgb(0, 4);
    assert!(nothing.is_empty() && nothing.write(&colors(), &mut numbers).is_ok() && numbers.is_empty());
    assert_eq!(nothing.placement(&colors()), Pixels::rgb(1, 4).placement(&colors()));
}
