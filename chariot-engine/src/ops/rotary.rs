//! [`RotaryEmbedding`]: rotations of queries and keys by the positions of their tokens.

use candle_core::{D, Device, Result, Tensor};

use super::{
    threads::for_each,
    values::{Values, are_plain, count, unexpected, unexpected_rank},
};

/// The numbers of a head that are rotated together, as pairs.
///
/// ```
/// use chariot_engine::ops::Pairs;
///
/// // The files of Hugging Face have one half after the other, GGUF files of the Llama family alternate.
/// assert_ne!(Pairs::Halves, Pairs::Neighbors);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// A number of the first half of a head and the number in the same place of the second half.
    Halves,
    /// Two numbers that follow each other.
    Neighbors,
}

/// Rotations of queries and keys by the positions of their tokens, as in the Llama family (RoPE).
///
/// ```
/// use chariot_engine::{
///     candle::{DType, Device, Result, Tensor},
///     ops::{Pairs, RotaryEmbedding},
/// };
///
/// # fn main() -> Result<()> {
/// let (heads, size, context) = (9, 64, 2048);
/// let rotary = RotaryEmbedding::new(size, 10_000.0, context, Pairs::Halves, &Device::Cpu)?;
/// // Two tokens of a text of which five were read before.
/// let queries = Tensor::ones((2, heads, size), DType::F32, &Device::Cpu)?;
/// assert_eq!(rotary.forward(&queries, &[5, 6])?.dims(), [2, heads, size]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RotaryEmbedding {
    /// `[positions, size / 2]`, contiguous.
    cosines: Tensor,
    sines: Tensor,
    pairs: Pairs,
}

impl RotaryEmbedding {
    /// Computes the rotations of `positions` positions, for heads of `size` numbers: of pair `i` by
    /// `position * theta ^ (-2 * i / size)`.
    ///
    /// # Errors
    ///
    /// Returns an error if `size` is odd, if there are more numbers than a tensor can have, or an error of the device.
    pub fn new(size: usize, theta: f64, positions: usize, pairs: Pairs, device: &Device) -> Result<Self> {
        if !size.is_multiple_of(2) {
            candle_core::bail!("ops::RotaryEmbedding: expected an even size of a head, got {size}");
        }
        count("ops::RotaryEmbedding", &[positions, size])?;
        let frequencies: Vec<f64> = (0..size).step_by(2).map(|at| theta.powf(-(at as f64) / size as f64)).collect();
        let table = |of: fn(f64) -> f64| {
            let angles = (0..positions).flat_map(|position| frequencies.iter().map(move |f| position as f64 * f));
            let values: Vec<f32> = angles.map(|angle| of(angle) as f32).collect();
            Tensor::from_vec(values, (positions, size / 2), device)
        };
        Ok(Self { cosines: table(f64::cos)?, sines: table(f64::sin)?, pairs })
    }

    /// Returns the number of positions.
    pub fn positions(&self) -> usize {
        self.cosines.dims().first().copied().unwrap_or_default()
    }

    /// Rotates queries or keys, `[tokens, heads, size]`, each token by its position.
    ///
    /// # Errors
    ///
    /// Returns an error if there is not a position for each token, if one is too large, or if shape, type or device do not fit.
    pub fn forward(&self, x: &Tensor, positions: &[u32]) -> Result<Tensor> {
        let &[tokens, heads, size] = x.dims() else { return Err(unexpected_rank(3, x)) };
        let half = self.cosines.dim(D::Minus1)?;
        if size != 2 * half || tokens != positions.len() {
            let expected = [positions.len(), heads, 2 * half];
            return Err(unexpected("ops::RotaryEmbedding: input", &expected, x.dims()));
        }
        let end = self.positions();
        if let Some(position) = positions.iter().find(|position| **position as usize >= end) {
            candle_core::bail!("ops::RotaryEmbedding: expected positions below {end}, got {position}");
        }
        if x.elem_count() == 0 {
            return Ok(x.clone());
        }
        if !are_plain([x, &self.cosines]) {
            return self.plain(x, positions);
        }
        let x = x.contiguous()?;
        let x = Values::contiguous(&x)?;
        let (cosines, sines) = (Values::contiguous(&self.cosines)?, Values::contiguous(&self.sines)?);
        let mut out = vec![0.0; x.len()];
        for_each(&mut out, heads * size, x.len(), |token, out, _: &mut ()| {
            let first = positions[token] as usize * half;
            let rotation = (&cosines[first..][..half], &sines[first..][..half]);
            let from = x[token * heads * size..].chunks_exact(size);
            out.chunks_exact_mut(size).zip(from).for_each(|(out, x)| match self.pairs {
                Pairs::Halves => rotate_halves(out, x, rotation),
                Pairs::Neighbors => rotate_neighbors(out, x, rotation),
            });
        });
        Tensor::from_vec(out, (tokens, heads, size), &Device::Cpu)
    }

    /// Does the same by candle's operations.
    fn plain(&self, x: &Tensor, positions: &[u32]) -> Result<Tensor> {
        let positions = Tensor::new(positions, self.cosines.device())?;
        let of = |table: &Tensor| table.index_select(&positions, 0)?.unsqueeze(1)?.to_dtype(x.dtype());
        let (cosines, sines) = (of(&self.cosines)?, of(&self.sines)?);
        let turn = match self.pairs {
            Pairs::Halves => candle_nn::rotary_emb::rope,
            Pairs::Neighbors => candle_nn::rotary_emb::rope_i,
        };
        turn(&x.contiguous()?.unsqueeze(2)?, &cosines, &sines)?.squeeze(2)
    }
}

fn rotate_halves(out: &mut [f32], x: &[f32], (cosines, sines): (&[f32], &[f32])) {
    let (first, second) = x.split_at(cosines.len());
    let (out_first, out_second) = out.split_at_mut(cosines.len());
    for (at, (cos, sin)) in cosines.iter().zip(sines).enumerate() {
        (out_first[at], out_second[at]) = rotated(first[at], second[at], *cos, *sin);
    }
}

fn rotate_neighbors(out: &mut [f32], x: &[f32], (cosines, sines): (&[f32], &[f32])) {
    let pairs = out.as_chunks_mut::<2>().0.iter_mut().zip(x.as_chunks::<2>().0);
    for ((out, [first, second]), (cos, sin)) in pairs.zip(cosines.iter().zip(sines)) {
        *out = rotated(*first, *second, *cos, *sin).into();
    }
}

fn rotated(first: f32, second: f32, cos: f32, sin: f32) -> (f32, f32) {
    (first * cos - second * sin, first * sin + second * cos)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use proptest::prelude::*;

    use super::*;
    use crate::ops::random::{assert_close, assert_refused, sparse, tensor};

    proptest! {
        #[test]
        fn it_computes_what_candle_does(
            positions in proptest::collection::vec(0_u32..50, 0..6),
            (heads, half) in (0_usize..4, 0_usize..20),
            apart: bool,
            neighbors: bool,
            seed: u64,
        ) {
            let pairs = if neighbors { Pairs::Neighbors } else { Pairs::Halves };
            let rotary = RotaryEmbedding::new(2 * half, 100.0, 50, pairs, &Device::Cpu).unwrap();
            let x = (if apart { sparse } else { tensor })(seed, &[positions.len(), heads, 2 * half]);
            let got = rotary.forward(&x, &positions).unwrap();
            assert_eq!(got.dims(), x.dims());
            if x.elem_count() > 0 {
                assert_close(&got, &rotary.plain(&x, &positions).unwrap(), 1e-6);
                let half = rotary.forward(&x.to_dtype(DType::F16).unwrap(), &positions).unwrap();
                assert_close(&half, &got.to_dtype(DType::F16).unwrap(), 5e-3);
            }
        }
    }

    #[test]
    fn a_quarter_turn_exchanges_the_numbers_of_a_pair() {
        // The first pair turns by the position, in radians.
        for (pairs, expected) in [(Pairs::Halves, [-3.0, 2.0, 1.0, 4.0]), (Pairs::Neighbors, [-2.0, 1.0, 3.0, 4.0])] {
            let mut rotary = RotaryEmbedding::new(4, 1e4, 2, pairs, &Device::Cpu).unwrap();
            rotary.cosines = Tensor::new(&[[1_f32, 1.0], [0.0, 1.0]], &Device::Cpu).unwrap();
            rotary.sines = Tensor::new(&[[0_f32, 0.0], [1.0, 0.0]], &Device::Cpu).unwrap();
            let x = Tensor::new(&[[[1_f32, 2.0, 3.0, 4.0]]], &Device::Cpu).unwrap();
            let got = rotary.forward(&x, &[1]).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(got, expected, "{pairs:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let rotary = RotaryEmbedding::new(8, 1e4, 50, Pairs::Halves, &Device::Cpu).unwrap();
        assert_eq!(rotary.positions(), 50);
        assert_refused(rotary.forward(&tensor(1, &[2, 3, 6]), &[0, 1]), &[2, 3, 8], &[2, 3, 6]);
        assert_refused(rotary.forward(&tensor(1, &[2, 3, 8]), &[0]), &[1, 3, 8], &[2, 3, 8]);
        assert!(rotary.forward(&tensor(1, &[2, 8]), &[0, 1]).is_err());
        let error = rotary.forward(&tensor(1, &[1, 3, 8]), &[50]).unwrap_err().to_string();
        assert!(error.contains("expected positions below 50, got 50"), "{error}");
        let error = RotaryEmbedding::new(7, 1e4, 50, Pairs::Halves, &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("expected an even size of a head, got 7"), "{error}");
    }
}
