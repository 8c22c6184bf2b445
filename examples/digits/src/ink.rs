//! What makes any picture readable: the ink told from the paper, and its contrast stretched. The network calls it.

use chariot_engine::candle::{Result, Tensor};

use crate::SIDE;

/// Less contrast than this, of 0 to 1, is an empty sheet and not writing: it is not stretched to its full extent.
const LEAST_CONTRAST: f32 = 1.0 / 32.0;

/// Turns pictures `[n, 1, 8, 8]` of values 0 (black) to 1 (white) into ink: 0 where there is paper, 1 where the ink is
/// strongest. The shape stays, and each picture is treated by itself.
///
/// The network has only ever seen light ink on a dark ground. What most of a picture's border shows is its ground, since
/// a digit touches the border here and there only. If that is lighter than the middle of the picture's range, the
/// picture is inverted. A picture without contrast becomes one without ink.
///
/// # Errors
/// Another shape or data type than FP32 `[n, 1, 8, 8]`, or a fault of the device.
///
/// ```
/// use chariot_engine::candle::{Device, Tensor};
/// use digits::ink;
///
/// # fn main() -> chariot_engine::candle::Result<()> {
/// // A dark grey stroke on light grey paper.
/// let mut picture = [0.8_f32; 64];
/// picture[27] = 0.4;
/// let picture = Tensor::from_slice(&picture, (1, 1, 8, 8), &Device::Cpu)?;
/// let seen = ink(&picture)?.flatten_all()?.to_vec1::<f32>()?;
/// assert_eq!((seen[0], seen[27]), (0.0, 1.0));
/// # Ok(())
/// # }
/// ```
pub fn ink(pictures: &Tensor) -> Result<Tensor> {
    let n = pictures.dim(0)?;
    let flat = pictures.reshape((n, SIDE * SIDE))?;
    let darkest = flat.min_keepdim(1)?;
    let contrast = (flat.max_keepdim(1)? - &darkest)?.maximum(LEAST_CONTRAST)?;
    let stretched = flat.broadcast_sub(&darkest)?.broadcast_div(&contrast)?;

    let border = border();
    let middle = border.len() / 2;
    let border = Tensor::new(border, pictures.device())?;
    let (sorted, _) = stretched.index_select(&border, 1)?.contiguous()?.sort_last_dim(true)?;
    let ground = sorted.narrow(1, middle, 1)?;
    let light = ground.gt(0.5_f32)?.to_dtype(pictures.dtype())?;

    // Where the ground is light, x becomes 1 - x; elsewhere it stays x.
    let sign = light.affine(-2.0, 1.0)?;
    stretched.broadcast_mul(&sign)?.broadcast_add(&light)?.reshape((n, 1, SIDE, SIDE))
}

/// The places of a picture's outermost pixels, row by row.
fn border() -> Vec<u32> {
    let edge = |at: usize| at == 0 || at == SIDE - 1;
    (0..SIDE * SIDE).filter(|place| edge(place / SIDE) || edge(place % SIDE)).map(|place| place as u32).collect()
}

#[cfg(test)]
mod tests {
    use chariot_engine::candle::Device;

    use super::*;

    fn seen(pictures: &[[f32; 64]]) -> Vec<Vec<f32>> {
        let flat: Vec<f32> = pictures.iter().flatten().copied().collect();
        let tensor = Tensor::from_vec(flat, (pictures.len(), 1, SIDE, SIDE), &Device::Cpu).unwrap();
        ink(&tensor).unwrap().flatten_from(1).unwrap().to_vec2().unwrap()
    }

    /// A bar that touches the border above and below.
    fn bar(ground: f32, stroke: f32) -> [f32; 64] {
        std::array::from_fn(|place| if matches!(place % SIDE, 3 | 4) { stroke } else { ground })
    }

    #[test]
    fn a_picture_and_its_negative_are_the_same_ink_whatever_they_are_batched_with() {
        let seen = seen(&[bar(0.0, 1.0), bar(1.0, 0.0), bar(0.75, 0.5), bar(0.25, 0.375)]);
        for picture in &seen {
            assert_eq!(picture, &bar(0.0, 1.0));
        }
    }

    #[test]
    fn an_empty_sheet_has_no_ink() {
        for ground in [0.0, 0.5, 1.0] {
            assert_eq!(seen(&[[ground; 64]]), [[0.0; 64]]);
        }
        let mut faint = [1.0; 64];
        faint[20] = 0.998;
        assert!(seen(&[faint])[0].iter().all(|value| (0.0..0.1).contains(value)));
    }

    #[test]
    fn the_border_is_the_outermost_ring() {
        let border = border();
        assert_eq!(border.len(), 28);
        assert_eq!(border[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 15]);
    }
}
