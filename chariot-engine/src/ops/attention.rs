//! [`attention`] and [`self_attention`]: scaled dot products, their softmax and the sums of values, head by head, without
//! tensors between them.

use candle_core::{D, Device, Result, Tensor};

use super::{
    lanes::{add, softmax},
    panels::Panels,
    product::{Matrix, Rows, Start},
    threads::{for_each, pays, threads},
    values::{OWN_PRODUCTS, Values, are_plain, count, expect_shape, unexpected, unexpected_rank},
};

/// As many queries have their scores in memory at a time.
const BLOCK: usize = 128;

/// The choice of the keys to which a query attends.
///
/// ```
/// use chariot_engine::{
///     candle::{Device, Result, Tensor},
///     ops::{Mask, attention},
/// };
///
/// # fn main() -> Result<()> {
/// // One text of three tokens, one head of one number: with equal scores, the mean of the values.
/// let q = Tensor::zeros((1, 1, 3, 1), chariot_engine::candle::DType::F32, &Device::Cpu)?;
/// let v = Tensor::new(&[[[[1_f32], [3.0], [8.0]]]], &Device::Cpu)?;
/// let all = attention(&q, &q, &v, Mask::None, 1.0)?;
/// assert_eq!(all.flatten_all()?.to_vec1::<f32>()?, [4.0; 3]);
/// // The third token is padding.
/// let two = attention(&q, &q, &v, Mask::Lengths(&[2]), 1.0)?;
/// assert_eq!(two.flatten_all()?.to_vec1::<f32>()?, [2.0, 2.0, 0.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Mask<'a> {
    /// Each query attends to each key.
    None,
    /// The number of tokens of each text; those after them are padding. Nothing is computed for padding: no query attends
    /// to it, and its rows of the result are 0. Texts have as many queries as keys.
    Lengths(&'a [usize]),
    /// A tensor that is added to the scaled scores, of a shape that broadcasts to `[batch, heads, queries, keys]`: 0 or
    /// -infinity, or a bias of positions. A query that may attend to nothing gets NaN, as in candle.
    Added(&'a Tensor),
}

/// Returns `softmax(scale * q * k^T + mask) * v`, as `[batch, heads, queries, size of a value]`.
///
/// `q` is `[batch, heads, queries, size]`, `k` is `[batch, heads, keys, size]`, `v` is
/// `[batch, heads, keys, size of a value]`; views that are transposed are not copied. It is made for some hundred keys:
/// each score is computed, 128 queries at a time.
///
/// # Errors
///
/// Returns an error if the shapes do not fit each other or the mask, or if types or devices differ.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Mask<'_>, scale: f64) -> Result<Tensor> {
    let sizes = Sizes::of(q, k, v)?;
    sizes.check(mask)?;
    if is_fused(q, k, v, mask) {
        let out = fused(q, k, v, mask, scale, &sizes, false)?;
        return Tensor::from_vec(out, &sizes.shape(), &Device::Cpu);
    }
    plain(q, k, v, mask, scale, &sizes)
}

/// Returns the attention of tokens among themselves, as `[batch, tokens, width]`, from one product for queries, keys and
/// values.
///
/// `qkv` is `[batch, tokens, 3 * width]`: the queries of all heads, then the keys, then the values, as a
/// [`Linear`](super::Linear) computes them whose weight is the three weights one after the other.
///
/// # Errors
///
/// Returns an error if the last dimension is not 3 times a multiple of `heads`, or if the mask does not fit.
///
/// # Examples
///
/// ```
/// use chariot_engine::{
///     candle::{DType, Device, Result, Tensor},
///     ops::{Mask, self_attention},
/// };
///
/// # fn main() -> Result<()> {
/// let (batch, tokens, heads, size) = (2, 16, 12, 32);
/// let qkv = Tensor::zeros((batch, tokens, 3 * heads * size), DType::F32, &Device::Cpu)?;
/// let out = self_attention(&qkv, heads, Mask::Lengths(&[16, 9]), 1.0 / (size as f64).sqrt())?;
/// assert_eq!(out.dims(), [batch, tokens, heads * size]);
/// # Ok(())
/// # }
/// ```
pub fn self_attention(qkv: &Tensor, heads: usize, mask: Mask<'_>, scale: f64) -> Result<Tensor> {
    let &[batch, tokens, all] = qkv.dims() else { return Err(unexpected_rank(3, qkv)) };
    if heads == 0 || all % 3 != 0 || (all / 3) % heads != 0 {
        candle_core::bail!(
            "ops::self_attention: expected a last dimension of 3 times a multiple of {heads} heads, got {:?}",
            qkv.shape()
        );
    }
    let size = all / 3 / heads;
    let parts = qkv.reshape((batch, tokens, 3, heads, size))?;
    let part = |index| parts.narrow(2, index, 1)?.squeeze(2)?.transpose(1, 2);
    let (q, k, v) = (part(0)?, part(1)?, part(2)?);
    let sizes = Sizes::of(&q, &k, &v)?;
    sizes.check(mask)?;
    let shape = (batch, tokens, heads * size);
    if is_fused(&q, &k, &v, mask) {
        return Tensor::from_vec(fused(&q, &k, &v, mask, scale, &sizes, true)?, shape, &Device::Cpu);
    }
    plain(&q, &k, &v, mask, scale, &sizes)?.transpose(1, 2)?.reshape(shape)
}

/// The sizes of an attention.
struct Sizes {
    batch: usize,
    heads: usize,
    queries: usize,
    keys: usize,
    /// The size of a query and of a key.
    size: usize,
    /// The size of a value.
    value: usize,
}

impl Sizes {
    fn of(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Self> {
        let &[batch, heads, queries, size] = q.dims() else { return Err(unexpected_rank(4, q)) };
        let &[.., keys, _] = k.dims() else { return Err(unexpected_rank(4, k)) };
        expect_shape("ops::attention: keys", &[batch, heads, keys, size], k)?;
        let &[.., value] = v.dims() else { return Err(unexpected_rank(4, v)) };
        expect_shape("ops::attention: values", &[batch, heads, keys, value], v)?;
        let sizes = Self { batch, heads, queries, keys, size, value };
        count("ops::attention", &sizes.shape())?;
        count("ops::attention: scores", &[queries, keys])?;
        Ok(sizes)
    }

    fn shape(&self) -> [usize; 4] {
        [self.batch, self.heads, self.queries, self.value]
    }

    fn check(&self, mask: Mask<'_>) -> Result<()> {
        let Self { batch, heads, queries, keys, .. } = *self;
        match mask {
            Mask::None => Ok(()),
            Mask::Lengths(lengths) if lengths.len() != batch => {
                Err(unexpected("ops::attention: lengths", &[batch], &[lengths.len()]))
            }
            Mask::Lengths(_) if queries != keys => {
                Err(unexpected("ops::attention: queries with lengths", &[batch, heads, keys], &[batch, heads, queries]))
            }
            Mask::Lengths(lengths) => match lengths.iter().find(|length| **length > keys) {
                Some(length) => {
                    candle_core::bail!("ops::attention: expected lengths of at most {keys}, got {length}")
                }
                None => Ok(()),
            },
            Mask::Added(mask) => match mask.broadcast_as((batch, heads, queries, keys)) {
                Ok(_) => Ok(()),
                Err(_) => Err(unexpected("ops::attention: mask", &[batch, heads, queries, keys], mask.dims())),
            },
        }
    }

    /// The number of additions for one head of one text.
    fn work(&self) -> usize {
        self.queries.saturating_mul(self.keys).saturating_mul(self.size.saturating_add(self.value))
    }
}

fn is_fused(q: &Tensor, k: &Tensor, v: &Tensor, mask: Mask<'_>) -> bool {
    let added = if let Mask::Added(mask) = mask { Some(mask) } else { None };
    OWN_PRODUCTS && are_plain([q, k, v].into_iter().chain(added))
}

/// A tensor `[batch, heads, rows, columns]` as it lies in memory.
struct Heads<'a> {
    values: Values<'a>,
    strides: [usize; 4],
}

impl<'a> Heads<'a> {
    fn of(tensor: &'a Tensor) -> Result<Self> {
        let &[a, b, c, d] = tensor.stride() else { return Err(unexpected_rank(4, tensor)) };
        Ok(Self { values: Values::strided(tensor)?, strides: [a, b, c, d] })
    }

    /// Returns the numbers from one row of a head on.
    fn from(&self, text: usize, head: usize, row: usize) -> &[f32] {
        let [texts, heads, rows, _] = self.strides;
        // Without elements, there can be strides.
        self.values.get(text * texts + head * heads + row * rows..).unwrap_or_default()
    }

    /// Returns the strides of rows and of columns.
    fn matrix(&self) -> [usize; 2] {
        [self.strides[2], self.strides[3]]
    }
}

/// Memory in which a thread computes its heads.
#[derive(Default)]
struct Scratch {
    /// The queries of a block, if they have to be copied.
    queries: Vec<f32>,
    /// The keys of a head, transposed.
    keys: Panels,
    values: Panels,
    scores: Vec<f32>,
}

/// All that is the same for each head.
struct Job<'a> {
    q: Heads<'a>,
    k: Heads<'a>,
    v: Heads<'a>,
    added: Option<Heads<'a>>,
    lengths: Option<&'a [usize]>,
    sizes: &'a Sizes,
    scale: f32,
}

impl Job<'_> {
    /// Writes the result of one head to an output whose rows are `stride` apart. What it leaves out is 0 already.
    fn attend(&self, [text, head]: [usize; 2], (out, stride): (&mut [f32], usize), scratch: &mut Scratch) {
        let &Sizes { queries, keys, size, value, .. } = self.sizes;
        let (queries, keys) = self.lengths.map_or((queries, keys), |lengths| (lengths[text], lengths[text]));
        if queries == 0 || keys == 0 || value == 0 {
            return;
        }
        let Scratch { queries: copied, keys: k, values: v, scores } = scratch;
        let [row, column] = self.k.matrix();
        k.fill([size, keys], self.k.from(text, head, 0), [column, row], self.scale);
        v.fill([keys, value], self.v.from(text, head, 0), self.v.matrix(), 1.0);
        for first in (0..queries).step_by(BLOCK) {
            let rows = BLOCK.min(queries - first);
            scores.resize(rows * keys, 0.0);
            let q = self.q.from(text, head, first);
            let q = match self.q.matrix() {
                _ if size == 0 => Rows { values: &[], stride: 0 },
                [stride, 1] => Rows { values: q, stride },
                [row, column] => {
                    let places = (0..rows).flat_map(|at| (0..size).map(move |number| at * row + number * column));
                    copied.clear();
                    copied.extend(places.map(|place| q[place]));
                    Rows { values: copied, stride: size }
                }
            };
            let nothing = Start { bias: None, output: false };
            k.multiply(rows, q, (scores, keys), nothing);
            if let Some(added) = &self.added {
                let (values, [row_stride, column_stride]) = (added.from(text, head, first), added.matrix());
                for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
                    let values = &values[row * row_stride..];
                    if column_stride == 1 {
                        add(scores, &values[..keys]);
                    } else {
                        let values = (0..keys).map(|column| values[column * column_stride]);
                        scores.iter_mut().zip(values).for_each(|(score, value)| *score += value);
                    }
                }
            }
            softmax(scores, keys);
            v.multiply(rows, Rows { values: scores, stride: keys }, (&mut out[first * stride..], stride), nothing);
        }
    }
}

/// Computes each head. The result is `[batch, heads, queries, value]`, or `[batch, queries, heads, value]` if `by_token`.
fn fused(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Mask<'_>,
    scale: f64,
    sizes: &Sizes,
    by_token: bool,
) -> Result<Vec<f32>> {
    let &Sizes { batch, heads, queries, keys, value, .. } = sizes;
    let mut out = vec![0.0; batch * heads * queries * value];
    if out.is_empty() || keys == 0 {
        return Ok(out);
    }
    let added = match mask {
        Mask::Added(mask) => Some(mask.broadcast_as((batch, heads, queries, keys))?),
        _ => None,
    };
    let job = Job {
        q: Heads::of(q)?,
        k: Heads::of(k)?,
        v: Heads::of(v)?,
        added: added.as_ref().map(Heads::of).transpose()?,
        lengths: if let Mask::Lengths(lengths) = mask { Some(lengths) } else { None },
        sizes,
        scale: scale as f32,
    };
    let work = sizes.work().saturating_mul(batch * heads);
    let in_head = queries * value;
    let by_head = |out: &mut [f32]| {
        for_each(out, in_head, work, |index, out, scratch| {
            job.attend([index / heads, index % heads], (out, value), scratch);
        });
    };
    if !by_token {
        by_head(&mut out);
    } else if batch < threads() && pays(batch * heads, work) {
        // Too few texts for the threads. Heads lie apart only in an order of their own.
        let mut apart = vec![0.0; out.len()];
        by_head(&mut apart);
        for (index, head) in apart.chunks_exact(in_head).enumerate() {
            let out = &mut out[index / heads * heads * in_head + index % heads * value..];
            for (row, values) in head.chunks_exact(value).enumerate() {
                out[row * heads * value..][..value].copy_from_slice(values);
            }
        }
    } else {
        for_each(&mut out, heads * in_head, work, |text, out, scratch| {
            for head in 0..heads {
                job.attend([text, head], (&mut out[head * value..], heads * value), scratch);
            }
        });
    }
    Ok(out)
}

/// Computes an attention by candle's operations.
fn plain(q: &Tensor, k: &Tensor, v: &Tensor, mask: Mask<'_>, scale: f64, sizes: &Sizes) -> Result<Tensor> {
    let (shape, device) = (sizes.shape(), q.device());
    if sizes.keys == 0 || shape.contains(&0) {
        return Tensor::zeros(&shape, v.dtype(), device);
    }
    let scores = (q.contiguous()?.matmul(&k.t()?.contiguous()?)? * scale)?;
    let v = v.contiguous()?;
    let lengths = match mask {
        Mask::None => return candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&v),
        Mask::Added(mask) => {
            return candle_nn::ops::softmax(&scores.broadcast_add(mask)?, D::Minus1)?.matmul(&v);
        }
        Mask::Lengths(lengths) => lengths,
    };
    let is_token = lengths.iter().flat_map(|length| (0..sizes.keys).map(move |token| u8::from(token < *length)));
    let is_token = Tensor::from_vec(is_token.collect(), (sizes.batch, 1, 1, sizes.keys), device)?;
    let never = Tensor::new(f32::NEG_INFINITY, device)?.to_dtype(scores.dtype())?.broadcast_as(scores.shape())?;
    let scores = is_token.broadcast_as(scores.shape())?.where_cond(&scores, &never)?;
    let out = candle_nn::ops::softmax(&scores, D::Minus1)?.matmul(&v)?;
    is_token.transpose(2, 3)?.broadcast_as(&shape)?.where_cond(&out, &out.zeros_like()?)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use proptest::prelude::*;

    use super::*;
    use crate::ops::random::{assert_close, assert_refused, sparse, tensor};

    /// Computes the same by candle; padding is 0.
    fn expected(q: &Tensor, k: &Tensor, v: &Tensor, mask: Mask<'_>, scale: f64) -> Tensor {
        plain(q, k, v, mask, scale, &Sizes::of(q, k, v).unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn it_computes_what_candle_does(
            (batch, heads) in (0_usize..4, 0_usize..4),
            (queries, keys) in (0_usize..20, 0_usize..20),
            (size, value) in (0_usize..20, 0_usize..20),
            apart: bool,
            seed: u64,
        ) {
            let make = if apart { sparse } else { tensor };
            let q = (make(seed, &[batch, heads, queries, size]) * 5.0).unwrap();
            let q = if apart { q.transpose(1, 2).unwrap().contiguous().unwrap().transpose(1, 2).unwrap() } else { q };
            let k = make(seed ^ 1, &[batch, heads, keys, size]);
            let v = make(seed ^ 2, &[batch, heads, keys, value]);
            let got = attention(&q, &k, &v, Mask::None, 0.7).unwrap();
            assert_close(&got, &expected(&q, &k, &v, Mask::None, 0.7), 1e-5);
            let masks = [[batch, heads, queries, keys], [batch, 1, 1, keys], [1, heads, queries, 1]];
            for shape in masks {
                let added = make(seed ^ 3, &shape);
                let got = attention(&q, &k, &v, Mask::Added(&added), 0.7).unwrap();
                assert_close(&got, &expected(&q, &k, &v, Mask::Added(&added), 0.7), 1e-5);
            }
        }

        #[test]
        fn padding_changes_nothing_of_a_text(
            lengths in proptest::collection::vec(0_usize..20, 1..4),
            heads in 1_usize..4,
            size in 1_usize..20,
            apart: bool,
            seed: u64,
        ) {
            let tokens = lengths.iter().copied().max().unwrap();
            let make = if apart { sparse } else { tensor };
            let qkv = make(seed, &[lengths.len(), tokens, 3 * heads * size]);
            let out = self_attention(&qkv, heads, Mask::Lengths(&lengths), 1.3).unwrap();
            for (text, length) in lengths.iter().enumerate() {
                let alone = qkv.narrow(0, text, 1).unwrap().narrow(1, 0, *length).unwrap();
                let parts = alone.contiguous().unwrap().reshape((1, *length, 3, heads, size)).unwrap();
                let part = |at| parts.narrow(2, at, 1).unwrap().squeeze(2).unwrap().transpose(1, 2).unwrap();
                let alone = expected(&part(0), &part(1), &part(2), Mask::None, 1.3);
                let alone = alone.transpose(1, 2).unwrap().reshape((*length, heads * size)).unwrap();
                let row = out.get(text).unwrap();
                assert_close(&row.narrow(0, 0, *length).unwrap(), &alone, 1e-5);
                let padding = row.narrow(0, *length, tokens - length).unwrap();
                assert_close(&padding, &padding.zeros_like().unwrap(), 0.0);
            }
        }
    }

    #[test]
    fn more_queries_than_a_block_and_several_threads_compute_the_same() {
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let qkv = tensor(1, &[2, 2 * BLOCK + 9, 3 * 4 * 16]);
        for lengths in [[265, 130], [0, 128]] {
            let run = |threads: usize| {
                pool(threads).install(|| self_attention(&qkv, 4, Mask::Lengths(&lengths), 0.25)).unwrap()
            };
            // With more threads than texts heads are divided, with two whole texts.
            for threads in [2, 3, 7, 40] {
                assert_close(&run(threads), &run(1), 0.0);
            }
            let half = qkv.to_dtype(DType::F64).unwrap();
            let exact = self_attention(&half, 4, Mask::Lengths(&lengths), 0.25).unwrap();
            assert_close(&run(3), &exact.to_dtype(DType::F32).unwrap(), 1e-5);
        }
    }

    #[test]
    fn keys_and_values_that_heads_share_need_no_copies() {
        let q = tensor(1, &[2, 6, 7, 5]);
        let shared = |seed| tensor(seed, &[2, 1, 9, 5]).broadcast_as((2, 6, 9, 5)).unwrap();
        let (k, v) = (shared(2), shared(3));
        let got = attention(&q, &k, &v, Mask::None, 0.5).unwrap();
        assert_close(&got, &expected(&q, &k, &v, Mask::None, 0.5), 1e-5);
    }

    #[test]
    fn large_scores_do_not_overflow_and_a_mask_excludes() {
        let q = (tensor(1, &[1, 1, 3, 4]) * 1e4).unwrap();
        let v = tensor(2, &[1, 1, 3, 2]);
        let out = attention(&q, &q, &v, Mask::None, 1.0).unwrap();
        assert_close(&out, &expected(&q, &q, &v, Mask::None, 1.0), 1e-5);
        let mask = Tensor::new(&[f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY], &Device::Cpu).unwrap();
        let second = attention(&q, &q, &v, Mask::Added(&mask), 1.0).unwrap();
        let value = v.narrow(2, 1, 1).unwrap().broadcast_as((1, 1, 3, 2)).unwrap();
        assert_close(&second, &value, 0.0);
        let nothing = Tensor::new(f32::NEG_INFINITY, &Device::Cpu).unwrap();
        let none = attention(&q, &q, &v, Mask::Added(&nothing), 1.0).unwrap();
        assert!(none.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|value| value.is_nan()));
    }

    #[test]
    fn other_types_are_left_to_candle() {
        let qkv = tensor(1, &[3, 5, 3 * 2 * 4]);
        for mask in [Mask::None, Mask::Lengths(&[5, 2, 0])] {
            let exact = self_attention(&qkv, 2, mask, 0.5).unwrap();
            for (dtype, tolerance) in [(DType::F16, 5e-3), (DType::BF16, 5e-2)] {
                let got = self_attention(&qkv.to_dtype(dtype).unwrap(), 2, mask, 0.5).unwrap();
                assert_close(&got, &exact.to_dtype(dtype).unwrap(), tolerance);
            }
        }
    }

    #[test]
    fn wrong_shapes_are_named() {
        let at = |shape: &[usize]| tensor(1, shape);
        let (q, k) = (at(&[2, 3, 4, 5]), at(&[2, 3, 6, 5]));
        assert_refused(attention(&q, &at(&[2, 3, 6, 4]), &k, Mask::None, 1.0), &[2, 3, 6, 5], &[2, 3, 6, 4]);
        assert_refused(attention(&q, &k, &q, Mask::None, 1.0), &[2, 3, 6, 5], &[2, 3, 4, 5]);
        assert_refused(attention(&q, &q, &q, Mask::Lengths(&[4]), 1.0), &[2], &[1]);
        assert_refused(attention(&q, &k, &k, Mask::Lengths(&[4, 4]), 1.0), &[2, 3, 6], &[2, 3, 4]);
        assert_refused(attention(&q, &k, &k, Mask::Added(&at(&[4, 5])), 1.0), &[2, 3, 4, 6], &[4, 5]);
        let long = attention(&q, &q, &q, Mask::Lengths(&[4, 5]), 1.0).unwrap_err().to_string();
        assert!(long.contains("expected lengths of at most 4, got 5"), "{long}");
        assert!(attention(&at(&[3, 4, 5]), &k, &k, Mask::None, 1.0).is_err());
        for heads in [0, 4, usize::MAX] {
            assert!(self_attention(&at(&[1, 2, 9]), heads, Mask::None, 1.0).is_err());
        }
        assert!(self_attention(&at(&[2, 9]), 3, Mask::None, 1.0).is_err());
    }
}
