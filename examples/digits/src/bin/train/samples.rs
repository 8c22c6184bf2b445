//! Held-out digits as PNG files that a person can look at. The training writes them.

use std::{fs, path::Path};

use chariot_engine::{
    Error, Result,
    candle::{D, Device, Tensor},
    image::{GrayImage, Luma, imageops},
};
use digits::{CLASSES, Cnn, Digit, SIDE};

/// Width and height of a sample in pixels.
const SAMPLE_SIDE: u32 = 64;

/// Fills the directory with two files of every digit, named `<digit>-<row>.png`: one of light ink on dark ground, one of
/// dark ink on light paper. They are the first held-out rows that `net` reads right.
pub(crate) fn write(net: &Cnn, held_out: &[Digit], directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    for label in 0..CLASSES {
        let mut candidates = held_out.iter().filter(|digit| digit.label == label);
        for on_paper in [false, true] {
            let (digit, picture) = loop {
                let digit = candidates
                    .next()
                    .ok_or_else(|| Error::from(format!("two samples of {label} that are read right are expected")))?;
                let picture = draw(digit, on_paper);
                if answer(net, &picture)? == label {
                    break (digit, picture);
                }
            };
            picture.save(directory.join(format!("{label}-{}.png", digit.row)))?;
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

/// What the network reads in a picture of any size.
fn answer(net: &Cnn, picture: &GrayImage) -> Result<usize> {
    let small = imageops::resize(picture, SIDE as u32, SIDE as u32, imageops::FilterType::Triangle);
    let values: Vec<f32> = small.iter().map(|value| f32::from(*value) / 255.0).collect();
    let logits = net.forward(&Tensor::from_vec(values, (1, 1, SIDE, SIDE), &Device::Cpu)?)?;
    Ok(logits.argmax(D::Minus1)?.squeeze(0)?.to_scalar::<u32>()? as usize)
}
