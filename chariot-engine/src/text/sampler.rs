//! [`Sampler`]: the choice of the next token from the logits of a model. [`Generation`](super::Generation) has one.

use std::{
    cmp::Ordering,
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::{
    error::{Expected, Result},
    input::Sampling,
};

/// The temperature where neither the caller nor the engine says another.
const TEMPERATURE: f32 = 1.0;

/// A temperature below this one takes the most likely token.
const COLD: f32 = 1e-4;

/// A token whose logit is this far below the largest one, after the temperature, is never taken: all of them together have
/// less than a billionth of the probability.
const NEGLIGIBLE: f32 = 40.0;

/// The choice of tokens, by the parameters of a caller.
///
/// The order is that of other servers: penalties, temperature, `top_k`, `top_p`. Of equal logits the token with the lower ID
/// counts as the more likely one. The same seed, parameters and logits choose the same tokens on every machine. Without a
/// seed, and with a temperature above 0, the choice is random.
///
/// ```
/// use chariot_engine::{input::Sampling, text::Sampler};
///
/// let mut greedy = Sampling::default();
/// greedy.temperature = Some(0.0);
/// let mut sampler = Sampler::new(&greedy, &[]);
/// assert_eq!(sampler.sample(&[0.5, 2.0, -1.0]).unwrap(), 1);
/// assert!(sampler.sample(&[0.5, f32::NAN]).is_err());
/// ```
pub struct Sampler {
    temperature: f32,
    top_p: f32,
    /// 0 for all.
    top_k: usize,
    repetition: f32,
    frequency: f32,
    presence: f32,
    random: ChaCha8Rng,
    /// The number of times that each token was generated, with 0 for those of the prompt. Empty without penalties.
    counts: HashMap<u32, u32>,
    adjusted: Vec<f32>,
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy)]
struct Candidate {
    id: u32,
    logit: f32,
    weight: f64,
}

impl Candidate {
    /// Compares two candidates: the more likely one is less.
    fn order(one: &Candidate, other: &Candidate) -> Ordering {
        other.logit.total_cmp(&one.logit).then(one.id.cmp(&other.id))
    }
}

impl Sampler {
    /// Creates a sampler for a text that continues a prompt of these tokens.
    pub fn new(sampling: &Sampling, prompt: &[u32]) -> Self {
        let repetition = sampling.repetition_penalty.unwrap_or(1.0);
        let seed = sampling.seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let counts = if repetition == 1.0 { HashMap::new() } else { prompt.iter().map(|id| (*id, 0)).collect() };
        Sampler {
            temperature: sampling.temperature.unwrap_or(TEMPERATURE),
            top_p: sampling.top_p.unwrap_or(1.0),
            top_k: sampling.top_k.unwrap_or(0),
            repetition,
            frequency: sampling.frequency_penalty.unwrap_or(0.0),
            presence: sampling.presence_penalty.unwrap_or(0.0),
            random: ChaCha8Rng::seed_from_u64(seed),
            counts,
            adjusted: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// Chooses a token from the logits of all tokens, by ID, and counts it for the penalties.
    ///
    /// # Errors
    /// Returns an error if there are no logits, if one is NaN or positive infinity, or if all of them are negative infinity.
    pub fn sample(&mut self, logits: &[f32]) -> Result<u32> {
        let has_penalties = self.repetition != 1.0 || self.frequency != 0.0 || self.presence != 0.0;
        let id = if has_penalties {
            let mut adjusted = std::mem::take(&mut self.adjusted);
            adjusted.clear();
            adjusted.extend_from_slice(logits);
            self.penalize(&mut adjusted);
            let id = self.choose(&adjusted);
            self.adjusted = adjusted;
            id?
        } else {
            self.choose(logits)?
        };
        if has_penalties {
            *self.counts.entry(id).or_default() += 1;
        }
        Ok(id)
    }

    fn penalize(&self, logits: &mut [f32]) {
        for (&id, &count) in &self.counts {
            let Some(logit) = logits.get_mut(id as usize) else { continue };
            *logit = if *logit > 0.0 { *logit / self.repetition } else { *logit * self.repetition };
            if count > 0 {
                *logit -= self.frequency * count as f32 + self.presence;
            }
        }
    }

    fn choose(&mut self, logits: &[f32]) -> Result<u32> {
        let (best, largest) = largest(logits)?;
        if self.temperature < COLD {
            return Ok(best);
        }
        let inverse = 1.0 / self.temperature;
        let candidate = |(id, logit): (u32, &f32)| {
            let below = (*logit - largest) * inverse;
            let weight = if below < -NEGLIGIBLE { 0.0 } else { libm::exp(f64::from(below)) };
            Candidate { id, logit: *logit, weight }
        };
        let candidates = &mut self.candidates;
        candidates.clear();
        candidates.extend((0u32..).zip(logits).map(candidate).filter(|candidate| candidate.weight > 0.0));
        if self.top_k > 0 && self.top_k < candidates.len() {
            candidates.select_nth_unstable_by(self.top_k - 1, Candidate::order);
            candidates.truncate(self.top_k);
        }
        if self.top_k > 0 || self.top_p < 1.0 {
            candidates.sort_unstable_by(Candidate::order);
        }
        let mut total: f64 = candidates.iter().map(|candidate| candidate.weight).sum();
        if self.top_p < 1.0 {
            let (enough, mut sum, mut count) = (total * f64::from(self.top_p), 0.0, 0);
            while count < candidates.len() && sum < enough {
                sum += candidates[count].weight;
                count += 1;
            }
            candidates.truncate(count.max(1));
            total = candidates.iter().map(|candidate| candidate.weight).sum();
        }
        // A number from 0 to 1 with 53 bits.
        let share = (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mut left = share * total;
        for candidate in &*candidates {
            left -= candidate.weight;
            if left < 0.0 {
                return Ok(candidate.id);
            }
        }
        Ok(candidates.last().map_or(best, |last| last.id))
    }
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sampler { temperature, top_p, top_k, .. } = self;
        let mut shown = f.debug_struct("Sampler");
        shown.field("temperature", temperature).field("top_p", top_p).field("top_k", top_k).finish_non_exhaustive()
    }
}

/// Returns the first of the largest logits, with its ID.
fn largest(logits: &[f32]) -> Result<(u32, f32)> {
    let mut best: Option<(u32, f32)> = None;
    for (id, &logit) in (0u32..).zip(logits) {
        if logit.is_nan() || logit == f32::INFINITY {
            return Err(Expected::new("a finite logit", format_args!("{logit} for token {id}")).to_string().into());
        }
        if best.is_none_or(|(_, largest)| logit > largest) {
            best = Some((id, logit));
        }
    }
    match best {
        Some((_, f32::NEG_INFINITY)) => {
            Err(Expected::new("a finite logit", "negative infinity for each token").to_string().into())
        }
        Some(best) => Ok(best),
        None => Err(Expected::new("a logit for each token", "none").to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(change: impl FnOnce(&mut Sampling)) -> Sampler {
        let mut sampling = Sampling { seed: Some(7), ..Sampling::default() };
        change(&mut sampling);
        Sampler::new(&sampling, &[0, 3])
    }

    /// Returns how often each token is chosen.
    fn counted(mut sampler: Sampler, logits: &[f32]) -> Vec<usize> {
        let mut counts = vec![0; logits.len()];
        for _ in 0..10_000 {
            counts[sampler.choose(logits).unwrap() as usize] += 1;
        }
        counts
    }

    #[test]
    fn the_coldest_choice_is_the_most_likely_token() {
        for temperature in [0.0, 1e-5] {
            let mut greedy = sampler(|sampling| sampling.temperature = Some(temperature));
            assert_eq!(greedy.sample(&[1.0, 3.0, 3.0, -9.0]).unwrap(), 1, "the first of equal ones");
        }
    }

    #[test]
    fn tokens_are_chosen_by_their_probability() {
        let logits = [1.0, 2.0, f32::NEG_INFINITY, 0.0];
        let near = |count: usize, share: f64| (count as f64 / 10_000.0 - share).abs() < 0.02;
        let counts = counted(sampler(|_| {}), &logits);
        assert!(near(counts[1], 0.665) && near(counts[0], 0.245) && counts[2] == 0, "{counts:?}");
        let counts = counted(sampler(|sampling| sampling.temperature = Some(2.0)), &logits);
        assert!(near(counts[1], 0.506) && near(counts[3], 0.186), "{counts:?}");
        let counts = counted(sampler(|sampling| sampling.top_k = Some(2)), &logits);
        assert!(near(counts[1], 0.731) && counts[3] == 0, "{counts:?}");
        let counts = counted(sampler(|sampling| sampling.top_p = Some(0.6)), &logits);
        assert_eq!(counts, [0, 10_000, 0, 0]);
        let counts = counted(sampler(|sampling| sampling.top_p = Some(0.7)), &logits);
        assert!(near(counts[1], 0.731) && counts[3] == 0, "{counts:?}");
        let counts = counted(sampler(|sampling| (sampling.top_k, sampling.top_p) = (Some(100), Some(1.0))), &logits);
        assert!(near(counts[1], 0.665), "{counts:?}");
    }

    #[test]
    fn a_seed_chooses_the_same_tokens_everywhere() {
        let logits: Vec<f32> = (0..100).map(|index| ((index * 37) % 100) as f32 / 20.0).collect();
        let choose = |seed: u64| {
            let mut sampler = sampler(|sampling| (sampling.seed, sampling.top_p) = (Some(seed), Some(0.9)));
            (0..8).map(|_| sampler.sample(&logits).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(choose(1), choose(1));
        assert_ne!(choose(1), choose(2));
        // These numbers must never change: callers keep seeds.
        assert_eq!(choose(1), [43, 54, 32, 35, 62, 67, 97, 81]);
    }

    #[test]
    fn penalties_change_the_choice() {
        let logits = [2.0, 1.9, -1.0, -1.1];
        let cold = |change: fn(&mut Sampling)| {
            let mut sampler = sampler(|sampling| {
                sampling.temperature = Some(0.0);
                change(sampling);
            });
            (0..4).map(|_| sampler.sample(&logits).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(cold(|_| {}), [0, 0, 0, 0]);
        // The prompt has the tokens 0 and 3.
        assert_eq!(cold(|sampling| sampling.repetition_penalty = Some(1.5)), [1, 0, 0, 0]);
        assert_eq!(cold(|sampling| sampling.presence_penalty = Some(0.5)), [0, 1, 0, 0]);
        assert_eq!(cold(|sampling| sampling.frequency_penalty = Some(0.5)), [0, 1, 0, 1]);
        assert_eq!(cold(|sampling| sampling.frequency_penalty = Some(-0.5)), [0, 0, 0, 0]);
    }

    #[test]
    fn logits_that_are_no_numbers_are_errors() {
        let mut sampler = sampler(|_| {});
        for logits in [&[][..], &[1.0, f32::NAN], &[f32::INFINITY], &[f32::NEG_INFINITY; 3]] {
            let text = sampler.sample(logits).unwrap_err().to_string();
            assert!(text.starts_with("expected a "), "{text}");
        }
    }

    #[test]
    fn without_a_seed_two_texts_differ() {
        let logits = [0.0; 1000];
        let choose = || {
            let mut sampler = Sampler::new(&Sampling::default(), &[]);
            (0..8).map(|_| sampler.sample(&logits).unwrap()).collect::<Vec<_>>()
        };
        assert_ne!(choose(), choose());
    }
}
