//! Sample images of held-out digits, written by the training.

use std::{fs, path::Path};

use chariot_engine::{
    Error, Result,
    candle::{D, Device, Tensor},
    image::{GrayImage, Luma, imageops},
};
use digits::{CLASSES, Cnn, Digit, SIDE};

/// Width and height of a sample in pixels.
const SAMPLE_SIDE: u32 = 64;

/// Fills the directory with two images of every digit, named `<digit>-<row>.png`: one with light ink on a dark
/// background, one with dark ink on a light background. They are the first held-out rows that `net` classifies
/// correctly.
pub(crate) fn write(net: &Cnn, held_out: &[Digit], directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    for label in 0..CLASSES {
        let mut candidates = held_out.iter().filter(|digit| digit.label == label);
        for on_paper in [false, true] {
            let (digit, image) = loop {
                let digit = candidates
                    .next()
                    .ok_or_else(|| Error::from(format!("the network recognizes fewer than two samples of {label}")))?;
                let image = draw(digit, on_paper);
                if classify(net, &image)? == label {
                    break (digit, image);
                }
            };
            image.save(directory.join(format!("{label}-{}.png", digit.row)))?;
        }
    }
    Ok(())
}

fn draw(digit: &Digit, on_paper: bool) -> GrayImage {
    let small = GrayImage::from_fn(SIDE as u32, SIDE as u32, |x, y| {
        let ink = (digit.pixels[y as usize * SIDE + x as usize] * 255.0).round() as u8;
        Luma([if on_paper { 255 - ink } else { ink }])
    });
    imageops::resize(&small, SAMPLE_SIDE, SAMPLE_SIDE, imageops::FilterType::CatmullRom)
}

/// Classifies an image of any size.
fn classify(net: &Cnn, image: &GrayImage) -> Result<usize> {
    let small = imageops::resize(image, SIDE as u32, SIDE as u32, imageops::FilterType::Triangle);
    let values: Vec<f32> = small.iter().map(|value| f32::from(*value) / 255.0).collect();
    let logits = net.forward(&Tensor::from_vec(values, (1, 1, SIDE, SIDE), &Device::Cpu)?)?;
    Ok(logits.argmax(D::Minus1)?.squeeze(0)?.to_scalar::<u32>()? as usize)
}
