//! [`KvCache`]: the keys and values of a text that grows, and [`cached_attention`], which reads and extends those of many texts
//! at once.

use candle_core::{Device, Result, Tensor};

use super::{
    lanes::{scale, softmax},
    panels::Panels,
    product::{Matrix, Rows, Start},
    threads::for_jobs,
    values::{OWN_PRODUCTS, Values, are_plain, count, expect_shape, unexpected, unexpected_rank},
};

/// The tokens of a page: a multiple of the columns of a panel.
const PAGE: usize = 64;

/// As many queries have their scores in memory at a time.
const BLOCK: usize = 128;

/// The keys and values of the tokens that a layer of a decoder has read of one text. [`cached_attention`] fills it.
///
/// F32 on a CPU is laid out as products read it, in pages of 64 tokens, so adding a token costs no copy of the others.
///
/// ```
/// use chariot_engine::{
///     candle::{DType, Device, Result, Tensor},
///     ops::{KvCache, cached_attention},
/// };
///
/// # fn main() -> Result<()> {
/// // Two texts, of which one has three new tokens and the other one; 4 heads of queries share 2 of keys.
/// let (mut first, mut second) = (KvCache::new(), KvCache::new());
/// let zeros = |heads: usize, size: usize| Tensor::zeros((4, heads, size), DType::F32, &Device::Cpu);
/// let (q, k, v) = (zeros(4, 8)?, zeros(2, 8)?, zeros(2, 8)?);
/// let out = cached_attention(&q, &k, &v, &mut [(&mut first, 3), (&mut second, 1)], 8_f64.powf(-0.5))?;
/// assert_eq!(out.dims(), [4, 4 * 8]);
/// assert_eq!((first.tokens(), second.tokens()), (3, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct KvCache {
    kept: Kept,
    tokens: usize,
}

#[derive(Clone, Debug, Default)]
enum Kept {
    #[default]
    Nothing,
    /// The pages of each head, and the sizes of a key and of a value.
    Pages(Vec<Vec<Page>>, [usize; 2]),
    /// Keys and values, `[tokens, heads, size]`.
    Tensors(Tensor, Tensor),
}

#[derive(Clone, Debug)]
struct Page {
    /// `[size, tokens]`.
    keys: Panels,
    /// `[tokens, size]`.
    values: Panels,
}

impl KvCache {
    /// Makes a cache of a text without tokens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of tokens that were read.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Returns the number of heads and the sizes of a key and of a value. `None` if the cache is empty.
    fn sizes(&self) -> Option<[usize; 3]> {
        match &self.kept {
            Kept::Nothing => None,
            Kept::Pages(heads, [size, value]) => Some([heads.len(), *size, *value]),
            Kept::Tensors(k, v) => match (k.dims(), v.dims()) {
                (&[_, heads, size], &[.., value]) => Some([heads, size, value]),
                _ => None,
            },
        }
    }

    /// Adds keys and values, token by token and head by head.
    fn append(&mut self, [heads, size, value]: [usize; 3], count: usize, keys: &[f32], values: &[f32]) {
        if matches!(self.kept, Kept::Nothing) {
            self.kept = Kept::Pages(vec![Vec::new(); heads], [size, value]);
        }
        let Kept::Pages(pages, _) = &mut self.kept else { return };
        for token in 0..count {
            let at = (self.tokens + token) % PAGE;
            for (head, pages) in pages.iter_mut().enumerate() {
                if at == 0 {
                    pages.push(Page { keys: Panels::zeros([size, PAGE]), values: Panels::zeros([PAGE, value]) });
                }
                let Some(page) = pages.last_mut() else { continue };
                let place = token * heads + head;
                page.keys.set_column(at, &keys[place * size..][..size]);
                page.values.set_row(at, &values[place * value..][..value]);
            }
        }
        self.tokens += count;
    }
}

/// Adds the keys and values of new tokens to the caches of their texts, and returns the attention of these tokens to all
/// tokens of their text up to themselves: `softmax(scale * q * k^T) * v`, as `[tokens, heads * size of a value]`.
///
/// `q` is `[tokens, heads, size]`, `k` is `[tokens, heads of keys, size]`, `v` is `[tokens, heads of keys, size of a value]`,
/// with the tokens of all texts one after the other. `caches` has the cache of each text, and the number of its new tokens.
/// Several heads of queries, one after the other, can share one of keys.
///
/// # Errors
///
/// Returns an error if shapes, types or devices do not fit each other or what a cache holds. Then no cache has changed,
/// unless the device itself has failed.
pub fn cached_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    caches: &mut [(&mut KvCache, usize)],
    scale: f64,
) -> Result<Tensor> {
    let sizes = Sizes::of(q, k, v)?;
    let is_fused = OWN_PRODUCTS && are_plain([q, k, v]);
    sizes.check(caches, is_fused, [q, k, v])?;
    if is_fused {
        let out = fused(&q.contiguous()?, &k.contiguous()?, &v.contiguous()?, caches, scale as f32, &sizes)?;
        return Tensor::from_vec(out, (sizes.tokens, sizes.heads * sizes.value), &Device::Cpu);
    }
    plain(q, k, v, caches, scale, &sizes)
}

/// The sizes of an attention.
struct Sizes {
    tokens: usize,
    heads: usize,
    key_heads: usize,
    size: usize,
    value: usize,
}

impl Sizes {
    fn of(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Self> {
        let &[tokens, heads, size] = q.dims() else { return Err(unexpected_rank(3, q)) };
        let &[_, key_heads, _] = k.dims() else { return Err(unexpected_rank(3, k)) };
        let &[.., value] = v.dims() else { return Err(unexpected_rank(3, v)) };
        expect_shape("ops::cached_attention: keys", &[tokens, key_heads, size], k)?;
        expect_shape("ops::cached_attention: values", &[tokens, key_heads, value], v)?;
        if !heads.is_multiple_of(key_heads) || key_heads == 0 {
            candle_core::bail!(
                "ops::cached_attention: expected a number of heads of queries that is a multiple of those of keys, got \
                 {heads} and {key_heads}"
            );
        }
        count("ops::cached_attention", &[tokens, heads, value])?;
        Ok(Self { tokens, heads, key_heads, size, value })
    }

    /// Checks all that `plain` could fail on after it has changed a cache.
    fn check(&self, caches: &[(&mut KvCache, usize)], is_fused: bool, [q, k, v]: [&Tensor; 3]) -> Result<()> {
        let all = caches.iter().fold(0_usize, |all, (_, count)| all.saturating_add(*count));
        if all != self.tokens {
            candle_core::bail!("ops::cached_attention: expected {all} tokens, got {}", self.tokens);
        }
        if !q.dtype().is_float() || !is_alike(q, k) || !is_alike(q, v) {
            candle_core::bail!(
                "ops::cached_attention: expected queries, keys and values of one floating-point type on one device, got \
                 {:?}, {:?} and {:?}",
                q.dtype(),
                k.dtype(),
                v.dtype()
            );
        }
        let expected = [self.key_heads, self.size, self.value];
        for (cache, _) in caches {
            if let Some(kept) = cache.sizes().filter(|kept| *kept != expected) {
                return Err(unexpected("ops::cached_attention: heads, key and value of a cache", &expected, &kept));
            }
            let fits = match &cache.kept {
                Kept::Nothing => true,
                Kept::Pages(..) => is_fused,
                Kept::Tensors(keys, _) => !is_fused && is_alike(keys, k),
            };
            if !fits {
                candle_core::bail!("ops::cached_attention: expected the type and the device that a cache holds");
            }
        }
        Ok(())
    }
}

/// Returns `true` for tensors of the same type on the same device.
fn is_alike(one: &Tensor, other: &Tensor) -> bool {
    one.dtype() == other.dtype() && one.device().same_device(other.device())
}

/// The new tokens of a text, and one of its heads of keys with those of queries that share it.
struct Job<'a> {
    pages: &'a [Page],
    /// The tokens that were read before.
    before: usize,
    count: usize,
    /// The queries, from the first of the new tokens and of the heads on.
    queries: &'a [f32],
    /// `[heads of queries, tokens, size of a value]`.
    out: &'a mut [f32],
}

impl Job<'_> {
    fn attend(self, sizes: &Sizes, by: f32, scores: &mut Vec<f32>) {
        let &Sizes { heads, key_heads, size, value, .. } = sizes;
        let Self { pages, before, count, queries, out } = self;
        if count == 1 {
            // All heads see the same keys.
            let rows = Rows { values: queries, stride: size };
            return attend(pages, heads / key_heads, rows, |_| before + 1, by, scores, (out, value));
        }
        for (head, out) in out.chunks_exact_mut(count * value).enumerate() {
            for (block, out) in out.chunks_mut(BLOCK * value).enumerate() {
                let first = block * BLOCK;
                let rows = Rows { values: &queries[(first * heads + head) * size..], stride: heads * size };
                attend(pages, out.len() / value, rows, |row| before + first + row + 1, by, scores, (out, value));
            }
        }
    }
}

/// Writes the attention of some queries, each of which sees at least as many keys as the one before.
fn attend(
    pages: &[Page],
    count: usize,
    queries: Rows<'_>,
    seen: impl Fn(usize) -> usize,
    by: f32,
    scores: &mut Vec<f32>,
    (out, value): (&mut [f32], usize),
) {
    let pages = &pages[..seen(count - 1).div_ceil(PAGE)];
    let width = pages.len() * PAGE;
    scores.resize(count * width, 0.0);
    for (index, page) in pages.iter().enumerate() {
        let to = &mut scores[index * PAGE..];
        page.keys.multiply(count, queries, (to, width), Start { bias: None, output: false });
    }
    for (row, scores) in scores.chunks_exact_mut(width).take(count).enumerate() {
        let (of_keys, rest) = scores.split_at_mut(seen(row));
        scale(of_keys, by);
        softmax(of_keys, seen(row));
        rest.fill(0.0);
    }
    for (index, page) in pages.iter().enumerate() {
        let rows = Rows { values: &scores[index * PAGE..], stride: width };
        page.values.multiply(count, rows, (out, value), Start { bias: None, output: index > 0 });
    }
}

fn fused(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    caches: &mut [(&mut KvCache, usize)],
    by: f32,
    sizes: &Sizes,
) -> Result<Vec<f32>> {
    let &Sizes { tokens, heads, key_heads, size, value, .. } = sizes;
    let (q, k, v) = (Values::contiguous(q)?, Values::contiguous(k)?, Values::contiguous(v)?);
    let mut first = 0;
    for (cache, count) in caches.iter_mut() {
        let (keys, values) = (&k[first * key_heads * size..], &v[first * key_heads * value..]);
        cache.append([key_heads, size, value], *count, keys, values);
        first += *count;
    }
    let mut out = vec![0.0; tokens * heads * value];
    if out.is_empty() {
        return Ok(out);
    }
    let (mut jobs, mut rest, mut first, mut work) = (Vec::new(), &mut out[..], 0, 0_usize);
    let group = heads / key_heads;
    for (cache, count) in caches.iter().filter(|(_, count)| *count > 0) {
        let Kept::Pages(pages, _) = &cache.kept else { continue };
        for (head, pages) in pages.iter().enumerate() {
            let (out, others) = rest.split_at_mut(group * count * value);
            rest = others;
            let queries = &q[(first * heads + head * group) * size..];
            jobs.push(Job { pages, before: cache.tokens - count, count: *count, queries, out });
        }
        first += count;
        work = work.saturating_add((count * heads * (size + value)).saturating_mul(cache.tokens));
    }
    for_jobs(jobs, work, |job, scores: &mut Vec<f32>| job.attend(sizes, by, scores));
    if caches.iter().all(|(_, count)| *count <= 1) {
        return Ok(out);
    }
    // Heads of several tokens lie apart.
    let mut by_token = Vec::with_capacity(out.len());
    let mut rest = &out[..];
    for (_, count) in caches.iter() {
        let (text, others) = rest.split_at(count * heads * value);
        rest = others;
        for token in 0..*count {
            for head in 0..heads {
                by_token.extend_from_slice(&text[(head * count + token) * value..][..value]);
            }
        }
    }
    Ok(by_token)
}

/// Computes the same by candle's operations.
fn plain(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    caches: &mut [(&mut KvCache, usize)],
    scale: f64,
    sizes: &Sizes,
) -> Result<Tensor> {
    let &Sizes { tokens, heads, key_heads, size, value, .. } = sizes;
    let (mut first, mut attended) = (0, Vec::with_capacity(caches.len()));
    for (cache, count) in caches.iter_mut().filter(|(_, count)| *count > 0) {
        let count = *count;
        let part = |x: &Tensor| x.narrow(0, first, count);
        let (k, v) = match &cache.kept {
            Kept::Tensors(keys, values) => (Tensor::cat(&[keys, &part(k)?], 0)?, Tensor::cat(&[values, &part(v)?], 0)?),
            _ => (part(k)?.contiguous()?, part(v)?.contiguous()?),
        };
        cache.kept = Kept::Tensors(k.clone(), v.clone());
        cache.tokens += count;
        let (group, all) = (heads / key_heads, cache.tokens);
        // Several heads share the keys of one: they are more queries of it.
        let q = part(q)?.reshape((count, key_heads, group, size))?.permute((1, 2, 0, 3))?;
        let q = q.contiguous()?.reshape((key_heads, group * count, size))?;
        let scores = (q.matmul(&k.permute((1, 2, 0))?.contiguous()?)? * scale)?;
        let before = all - count;
        let mask: Vec<f32> = (0..group * count)
            .flat_map(|row| (0..all).map(move |key| (row, key)))
            .map(|(row, key)| if key <= before + row % count { 0.0 } else { f32::NEG_INFINITY })
            .collect();
        let mask = Tensor::from_vec(mask, (1, group * count, all), q.device())?.to_dtype(q.dtype())?;
        let shares = candle_nn::ops::softmax_last_dim(&scores.broadcast_add(&mask)?)?;
        let out = shares.matmul(&v.transpose(0, 1)?.contiguous()?)?;
        let out = out.reshape((key_heads, group, count, value))?.permute((2, 0, 1, 3))?;
        attended.push(out.reshape((count, heads * value))?);
        first += count;
    }
    if attended.is_empty() {
        return Tensor::zeros((tokens, heads * value), v.dtype(), v.device());
    }
    Tensor::cat(&attended, 0)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use proptest::prelude::*;

    use super::*;
    use crate::ops::random::{assert_close, assert_refused, sparse, tensor};

    /// Calls `cached_attention` for some texts, each with a number of new tokens, as often as there are lists of numbers.
    fn run(steps: &[Vec<usize>], [key_heads, group, size, value]: [usize; 4], dtype: DType, seed: u64) -> Vec<Tensor> {
        let texts = steps.iter().map(Vec::len).max().unwrap_or(0);
        let mut caches = vec![KvCache::new(); texts];
        let make = if seed.is_multiple_of(2) { sparse } else { tensor };
        let mut results = Vec::new();
        for (step, counts) in steps.iter().enumerate() {
            let tokens: usize = counts.iter().sum();
            let part = |at: u64, heads: usize, size: usize| {
                make(seed ^ (4 * step as u64 + at), &[tokens, heads, size]).to_dtype(dtype).unwrap()
            };
            let (q, k, v) = (part(1, key_heads * group, size), part(2, key_heads, size), part(3, key_heads, value));
            let mut parts: Vec<(&mut KvCache, usize)> = caches.iter_mut().zip(counts.iter().copied()).collect();
            results.push(cached_attention(&q, &k, &v, &mut parts, 0.7).unwrap());
        }
        for (text, cache) in caches.iter().enumerate() {
            let expected: usize = steps.iter().filter_map(|counts| counts.get(text)).sum();
            assert_eq!(cache.tokens(), expected);
        }
        results
    }

    proptest! {
        #[test]
        fn it_computes_what_candle_does(
            steps in proptest::collection::vec(proptest::collection::vec(0_usize..6, 3..4), 1..5),
            sizes in [1_usize..4, 1_usize..4, 1_usize..20, 1_usize..40],
            seed: u64,
        ) {
            // Other types are left to candle.
            let expected = run(&steps, sizes, DType::F64, seed);
            for (got, expected) in run(&steps, sizes, DType::F32, seed).iter().zip(&expected) {
                assert_close(got, &expected.to_dtype(DType::F32).unwrap(), 1e-5);
            }
        }
    }

    #[test]
    fn long_texts_have_several_pages_and_blocks() {
        let steps = [vec![200, 63], vec![1, 1], vec![1, 1], vec![70, 130]];
        let expected = run(&steps, [2, 3, 16, 24], DType::F64, 5);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let got = pool.install(|| run(&steps, [2, 3, 16, 24], DType::F32, 5));
            for (got, expected) in got.iter().zip(&expected) {
                assert_close(got, &expected.to_dtype(DType::F32).unwrap(), 1e-5);
            }
        }
    }

    #[test]
    fn a_text_is_the_same_beside_others_bit_by_bit() {
        let (q, k, v) = (tensor(1, &[90, 6, 8]), tensor(2, &[90, 2, 8]), tensor(3, &[90, 2, 8]));
        let part = |first: usize, count: usize, cache: &mut KvCache| {
            let part = |t: &Tensor| t.narrow(0, first, count).unwrap();
            cached_attention(&part(&q), &part(&k), &part(&v), &mut [(cache, count)], 0.3).unwrap()
        };
        let (mut a, mut b) = (KvCache::new(), KvCache::new());
        let all = cached_attention(&q, &k, &v, &mut [(&mut a, 89), (&mut b, 1)], 0.3).unwrap();
        let (mut a, mut b) = (KvCache::new(), KvCache::new());
        let alone = Tensor::cat(&[part(0, 89, &mut a), part(89, 1, &mut b)], 0).unwrap();
        assert_close(&all, &alone, 0.0);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_no_cache() {
        let (mut cache, mut other) = (KvCache::new(), KvCache::new());
        let zeros = |tokens: usize, heads: usize, size: usize| tensor(1, &[tokens, heads, size]);
        let (q, k, v) = (zeros(2, 4, 8), zeros(2, 2, 8), zeros(2, 2, 3));
        let mut call = |q: &Tensor, k: &Tensor, v: &Tensor, counts: [usize; 2]| {
            cached_attention(q, k, v, &mut [(&mut cache, counts[0]), (&mut other, counts[1])], 1.0)
        };
        assert_eq!(call(&q, &k, &v, [2, 0]).unwrap().dims(), [2, 12]);
        assert_refused(call(&q, &zeros(2, 2, 7), &v, [1, 1]), &[2, 2, 8], &[2, 2, 7]);
        assert_refused(call(&q, &k, &zeros(3, 2, 3), [1, 1]), &[2, 2, 3], &[3, 2, 3]);
        assert_refused(call(&q, &k, &zeros(2, 2, 4), [1, 1]), &[2, 8, 4], &[2, 8, 3]);
        assert!(call(&tensor(1, &[2, 4]), &k, &v, [1, 1]).is_err());
        for (q, counts, message) in [
            (&zeros(2, 3, 8), [1, 1], "got 3 and 2"),
            (&q, [2, 1], "expected 3 tokens, got 2"),
            (&q, [usize::MAX, 1], "got 2"),
        ] {
            let error = call(q, &k, &v, counts).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        let to = |t: &Tensor| t.to_dtype(DType::F16).unwrap();
        let error = call(&to(&q), &to(&k), &to(&v), [1, 1]).unwrap_err().to_string();
        assert!(error.contains("expected the type and the device that a cache holds"), "{error}");
        assert_eq!((cache.tokens(), other.tokens()), (2, 0));
    }

    #[test]
    fn other_types_together_are_refused_and_change_no_cache() {
        let of = |heads: usize, dtype: DType| tensor(1, &[2, heads, 8]).to_dtype(dtype).unwrap();
        let (mut cache, mut other) = (KvCache::new(), KvCache::new());
        let (q, k) = (of(4, DType::F64), of(2, DType::F64));
        cached_attention(&q, &k, &k, &mut [(&mut cache, 2)], 1.0).unwrap();
        let mut call = |[q, k, v]: [DType; 3]| {
            let mut caches = [(&mut other, 1), (&mut cache, 1)];
            let got = cached_attention(&of(4, q), &of(2, k), &of(2, v), &mut caches, 1.0);
            got.unwrap_err().to_string()
        };
        for types in [
            [DType::F32, DType::F64, DType::F64],
            [DType::F64, DType::F32, DType::F32],
            [DType::F64, DType::F64, DType::F16],
            [DType::U32, DType::U32, DType::U32],
        ] {
            let error = call(types);
            assert!(error.contains("of one floating-point type on one device, got"), "{error}");
        }
        // That of the second cache is known before the first one changes.
        let error = call([DType::F16; 3]);
        assert!(error.contains("expected the type and the device that a cache holds"), "{error}");
        assert_eq!((cache.tokens(), other.tokens()), (2, 0));
    }
}
