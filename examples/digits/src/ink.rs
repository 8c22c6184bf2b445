//! The separation of ink and background, with stretched contrast, which makes any image readable to the network.

use chariot_engine::candle::{Result, Tensor};

use crate::SIDE;

/// The contrast (0 to 1) below which an image counts as an empty sheet and is not stretched to the full range.
const MIN_CONTRAST: f32 = 1.0 / 32.0;

/// Converts images `[n, 1, 8, 8]` with values from 0 (black) to 1 (white) to ink: 0 for the background, 1 for the
/// strongest ink. Preserves the shape and treats each image on its own.
///
/// The network is trained on light ink on a dark background. The background is the median of the border of the image,
/// because a digit touches the border in few places. If the background is lighter than the middle of the range of the
/// image, the image is inverted. An image without contrast has no ink.
///
/// # Errors
/// Returns an error if the images are not FP32 `[n, 1, 8, 8]`, or an error of the device.
///
/// ```
/// use chariot_engine::candle::{Device, Tensor};
/// use digits::ink;
///
/// # fn main() -> chariot_engine::candle::Result<()> {
/// // A dark gray stroke on light gray paper.
/// let mut image = [0.8_f32; 64];
/// image[27] = 0.4;
/// let image = Tensor::from_slice(&image, (1, 1, 8, 8), &Device::Cpu)?;
/// let ink = ink(&image)?.flatten_all()?.to_vec1::<f32>()?;
/// assert_eq!((ink[0], ink[27]), (0.0, 1.0));
/// # Ok(())
/// # }
/// ```
pub fn ink(images: &Tensor) -> Result<Tensor> {
    let n = images.dim(0)?;
    let flat = images.reshape((n, SIDE * SIDE))?;
    let darkest = flat.min_keepdim(1)?;
    let contrast = (flat.max_keepdim(1)? - &darkest)?.maximum(MIN_CONTRAST)?;
    let stretched = flat.broadcast_sub(&darkest)?.broadcast_div(&contrast)?;

    let border = border();
    let middle = border.len() / 2;
    let border = Tensor::new(border, images.device())?;
    let (sorted, _) = stretched.index_select(&border, 1)?.contiguous()?.sort_last_dim(true)?;
    let background = sorted.narrow(1, middle, 1)?;
    let light = background.gt(0.5_f32)?.to_dtype(images.dtype())?;

    // On a light background, x becomes 1 - x; otherwise it stays x.
    let sign = light.affine(-2.0, 1.0)?;
    stretched.broadcast_mul(&sign)?.broadcast_add(&light)?.reshape((n, 1, SIDE, SIDE))
}

/// Returns the indices of the outermost pixels of an image, row by row.
fn border() -> Vec<u32> {
    let edge = |at: usize| at == 0 || at == SIDE - 1;
    (0..SIDE * SIDE).filter(|index| edge(index / SIDE) || edge(index % SIDE)).map(|index| index as u32).collect()
}

#[cfg(test)]
mod tests {
    use chariot_engine::candle::Device;

    use super::*;

    fn inked(images: &[[f32; 64]]) -> Vec<Vec<f32>> {
        let flat: Vec<f32> = images.iter().flatten().copied().collect();
        let tensor = Tensor::from_vec(flat, (images.len(), 1, SIDE, SIDE), &Device::Cpu).unwrap();
        ink(&tensor).unwrap().flatten_from(1).unwrap().to_vec2().unwrap()
    }

    /// An image of a vertical bar that touches the upper and the lower border.
    fn bar(background: f32, stroke: f32) -> [f32; 64] {
        std::array::from_fn(|index| if matches!(index % SIDE, 3 | 4) { stroke } else { background })
    }

    #[test]
    fn an_image_and_its_negative_have_the_same_ink_in_any_batch() {
        let inked = inked(&[bar(0.0, 1.0), bar(1.0, 0.0), bar(0.75, 0.5), bar(0.25, 0.375)]);
        for image in &inked {
            assert_eq!(image, &bar(0.0, 1.0));
        }
    }

    #[test]
    fn an_empty_sheet_has_no_ink() {
        for background in [0.0, 0.5, 1.0] {
            assert_eq!(inked(&[[background; 64]]), [[0.0; 64]]);
        }
        let mut faint = [1.0; 64];
        faint[20] = 0.998;
        assert!(inked(&[faint])[0].iter().all(|value| (0.0..0.1).contains(value)));
    }

    #[test]
    fn the_border_is_the_outermost_ring() {
        let border = border();
        assert_eq!(border.len(), 28);
        assert_eq!(border[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 15]);
    }
}
