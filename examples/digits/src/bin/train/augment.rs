//! Augmentation of the training data: rotated, slanted, shifted and scaled digits.

use digits::{Digit, SIDE};

use crate::rng::Rng;

/// Returns a randomly distorted copy of a digit.
pub(crate) fn augmented(digit: &Digit, rng: &mut Rng) -> Digit {
    let (sin, cos) = rng.within(0.2).sin_cos();
    let slant = rng.within(0.15);
    // The distance in the original between two adjacent pixels of the copy: above 1, the digit shrinks and gets a
    // margin.
    let step = 1.2 + rng.within(0.3);
    let (right, down) = (rng.within(0.8), rng.within(0.8));

    let centre = (SIDE as f32 - 1.0) / 2.0;
    let mut copy = digit.clone();
    for (index, pixel) in copy.pixels.iter_mut().enumerate() {
        let x = ((index % SIDE) as f32 - centre) * step + right;
        let y = ((index / SIDE) as f32 - centre) * step + down;
        *pixel = sample(&digit.pixels, cos * x - sin * y + slant * y + centre, sin * x + cos * y + centre);
    }
    copy
}

/// Interpolates the ink at a point between pixels from its four neighbors. Outside of the image, there is no ink.
fn sample(pixels: &[f32; SIDE * SIDE], x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let mut ink = 0.0;
    for (row, across) in [(top, 1.0 - (y - top)), (top + 1.0, y - top)] {
        for (column, along) in [(left, 1.0 - (x - left)), (left + 1.0, x - left)] {
            let inside = 0.0..SIDE as f32;
            if inside.contains(&row) && inside.contains(&column) {
                ink += across * along * pixels[row as usize * SIDE + column as usize];
            }
        }
    }
    ink
}
