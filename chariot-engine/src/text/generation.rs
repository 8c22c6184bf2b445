//! [`Generation`]: the text that a model generates, from the logits of each token to the output of the task. Models that
//! run their own loop have one for each text; the loop of [`Generator`](crate::model::Generator) does too.

use std::{collections::HashSet, fmt};

use super::{logprobs::Logprobs, sampler::Sampler, stops::Stops, token_text::TokenText, tokenizer::Tokenizer};
use crate::{
    error::{Expected, Result},
    input::Sampling,
    protocol::block,
    tasks::{FinishReason, GeneratedText, TextPart, Usage},
};

/// A text that a model generates, token by token: it chooses each token, finds the end of the text, and decodes it.
///
/// ```
/// use chariot_engine::{Result, input::Sampling, tasks::GeneratedText, text::{Generation, Tokenizer}};
///
/// /// Continues a prompt. `logits` returns those of the token that follows these.
/// fn complete(
///     tokenizer: &Tokenizer,
///     prompt: &[u32],
///     sampling: &Sampling,
///     mut logits: impl FnMut(&[u32]) -> Result<Vec<f32>>,
/// ) -> Result<GeneratedText> {
///     let mut generation = Generation::new(tokenizer, prompt, sampling, 100).ends([2])?;
///     let mut next = logits(prompt)?;
///     while let Some(token) = generation.push(&next)? {
///         if let Some(text) = generation.take_text() {
///             println!("{text}");
///         }
///         next = logits(&[token])?;
///     }
///     Ok(generation.finish())
/// }
/// ```
///
/// Texts are whole characters, whatever the tokens are. What may become a stop text is held back.
///
/// If [`Sampling::logprobs`] asks for them, the tokens of the text are recorded with their logarithmic probabilities: those
/// of the logits as the model returns them, before penalties and temperature. The token that ends a text and those of a stop
/// text are not among them.
pub struct Generation {
    tokenizer: Tokenizer,
    sampler: Sampler,
    stops: Stops,
    pieces: TokenText,
    /// The length of all pieces, in bytes.
    length: usize,
    logprobs: Option<Logprobs>,
    ends: HashSet<u32>,
    text: String,
    /// The part of the text that has been taken, in bytes.
    taken: usize,
    usage: Usage,
    max_tokens: usize,
    finished: Option<FinishReason>,
}

impl Generation {
    /// Begins a text that continues a prompt, with at most `room` tokens, or fewer if the caller wants fewer.
    ///
    /// The parameters are complete: see [`Sampling::or`].
    pub fn new(tokenizer: &Tokenizer, prompt: &[u32], sampling: &Sampling, room: usize) -> Self {
        Generation {
            tokenizer: tokenizer.clone(),
            sampler: Sampler::new(sampling, prompt),
            stops: Stops::new(&sampling.stop),
            pieces: TokenText::default(),
            length: 0,
            logprobs: sampling.logprobs.map(Logprobs::new),
            ends: HashSet::new(),
            text: String::new(),
            taken: 0,
            usage: Usage { prompt_tokens: prompt.len(), completion_tokens: 0 },
            max_tokens: sampling.max_tokens.unwrap_or(usize::MAX).min(room),
            finished: None,
        }
    }

    /// Sets the tokens that end a text, which are not part of it.
    ///
    /// # Errors
    /// Returns an error if a token does not exist.
    pub fn ends(mut self, ends: impl IntoIterator<Item = u32>) -> Result<Self> {
        for end in ends {
            if !self.tokenizer.has_id(end) {
                return Err(Expected::new("the ID of a token that ends a text", end).to_string().into());
            }
            self.ends.insert(end);
        }
        Ok(self)
    }

    /// Chooses the next token from the logits of all tokens, by ID. Returns the token, which the model reads next, or `None`
    /// if the text has ended.
    ///
    /// # Errors
    /// Returns an error if a logit is no number, or if the tokenizer fails.
    pub fn push(&mut self, logits: &[f32]) -> Result<Option<u32>> {
        if self.finished.is_some() {
            return Ok(None);
        }
        if self.max_tokens == 0 {
            return self.end(FinishReason::Length);
        }
        let token = self.sampler.sample(logits)?;
        if self.ends.contains(&token) {
            return self.end(FinishReason::Stop);
        }
        self.usage.completion_tokens += 1;
        if let Some(logprobs) = &mut self.logprobs {
            logprobs.push(token, logits, self.length, &self.pieces, &self.tokenizer)?;
        }
        let piece = self.pieces.push(token, &self.tokenizer)?;
        self.length += piece.len();
        if self.stops.push(&piece, &mut self.text) {
            self.stop();
            return Ok(None);
        }
        if self.usage.completion_tokens >= self.max_tokens {
            return self.end(FinishReason::Length);
        }
        Ok(Some(token))
    }

    /// Ends the text with what was held back.
    fn end(&mut self, reason: FinishReason) -> Result<Option<u32>> {
        let piece = self.pieces.flush(&self.tokenizer)?;
        let found = self.stops.push(&piece, &mut self.text);
        if found {
            self.stop();
        } else {
            self.stops.flush(&mut self.text);
            self.finished = Some(reason);
        }
        Ok(None)
    }

    /// Ends the text before a stop text.
    fn stop(&mut self) {
        self.finished = Some(FinishReason::Stop);
        if let Some(logprobs) = &mut self.logprobs {
            logprobs.cut(self.text.len());
        }
    }

    /// Returns the text that is new since the last call, if there is any.
    pub fn take_text(&mut self) -> Option<&str> {
        self.take_part().map(|part| part.text).filter(|text| !text.is_empty())
    }

    /// Returns the text that is new since the last call, and the tokens that begin in it if the caller wants them. Returns
    /// `None` if there is nothing new. [`Item::emit`](crate::model::Item::emit) takes it.
    pub fn take_part(&mut self) -> Option<TextPart<'_>> {
        let from = std::mem::replace(&mut self.taken, self.text.len());
        let text = &self.text[from..];
        // The last tokens can have no text.
        let end = if self.finished.is_some() { usize::MAX } else { self.text.len() };
        let logprobs = self.logprobs.as_mut().map(|logprobs| logprobs.take(end));
        let is_empty = text.is_empty() && logprobs.is_none_or(<[_]>::is_empty);
        (!is_empty).then_some(TextPart { text, logprobs })
    }

    /// Returns the memory that the text and its tokens take, in bytes. It grows with each token.
    pub(crate) fn memory(&self) -> usize {
        block(self.text.capacity()) + self.logprobs.as_ref().map_or(0, Logprobs::memory)
    }

    /// Returns the number of tokens that were generated.
    pub fn tokens(&self) -> usize {
        self.usage.completion_tokens
    }

    /// Returns the output: the text, the reason of its end, the number of tokens, and the tokens if the caller wants them.
    pub fn finish(self) -> GeneratedText {
        let logprobs = self.logprobs.map(Logprobs::into_tokens);
        GeneratedText { text: self.text, finish_reason: self.finished, usage: Some(self.usage), logprobs }
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Generation { sampler, usage, max_tokens, finished, .. } = self;
        let mut shown = f.debug_struct("Generation");
        shown.field("sampler", sampler).field("usage", usage).field("max_tokens", max_tokens);
        shown.field("finished", finished).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::token_text::tests::bytes;

    /// Returns logits by which a token is chosen.
    fn logits(token: u8) -> Vec<f32> {
        (0..=255).map(|id| if id == token { 1.0 } else { 0.0 }).collect()
    }

    /// Generates a text of these bytes. Returns it with its parts.
    fn generated(text: &[u8], change: impl FnOnce(&mut Sampling)) -> (GeneratedText, Vec<String>) {
        let mut sampling = Sampling { temperature: Some(0.0), ..Sampling::default() };
        change(&mut sampling);
        let mut generation = Generation::new(&bytes(), &[1, 2, 3], &sampling, 100).ends([0]).unwrap();
        let mut parts = Vec::new();
        for byte in text {
            let token = generation.push(&logits(*byte)).unwrap();
            parts.extend(generation.take_text().map(str::to_owned));
            if token.is_none() {
                break;
            }
            assert_eq!(token, Some(u32::from(*byte)));
        }
        (generation.finish(), parts)
    }

    fn usage(completion_tokens: usize) -> Option<Usage> {
        Some(Usage { prompt_tokens: 3, completion_tokens })
    }

    #[test]
    fn a_text_ends_with_its_end_token_or_its_number_of_tokens() {
        let (output, parts) = generated(b"ab\0c", |_| {});
        assert_eq!((&*output.text, output.finish_reason, output.usage), ("ab", Some(FinishReason::Stop), usage(2)));
        assert_eq!(parts, ["a", "b"]);
        let (output, _) = generated(&[b'a'; 200], |_| {});
        assert_eq!((output.text.len(), output.finish_reason), (100, Some(FinishReason::Length)));
        let (output, _) = generated(b"abc", |sampling| sampling.max_tokens = Some(2));
        assert_eq!((&*output.text, output.finish_reason, output.usage), ("ab", Some(FinishReason::Length), usage(2)));
        // A character that is cut off.
        let (output, parts) = generated("\u{e9}\u{e9}".as_bytes(), |sampling| sampling.max_tokens = Some(3));
        assert_eq!((&*output.text, parts.concat()), ("\u{e9}\u{fffd}", output.text.clone()));
    }

    #[test]
    fn parts_are_the_text_without_the_stop_text() {
        let (output, parts) =
            generated("a\u{e9}-\u{e9}+".as_bytes(), |sampling| sampling.stop = vec!["\u{e9}+".into()]);
        assert_eq!((&*output.text, output.finish_reason), ("a\u{e9}-", Some(FinishReason::Stop)));
        assert_eq!(parts, ["a", "\u{e9}-"]);
        let (output, parts) = generated(b"ab\0", |sampling| sampling.stop = vec!["bc".into()]);
        assert_eq!((&*output.text, parts.concat()), ("ab", "ab".into()), "what was held back is part of the text");
        // A stop text that the last token completes.
        let (output, _) =
            generated(b"ab", |sampling| (sampling.stop, sampling.max_tokens) = (vec!["b".into()], Some(2)));
        assert_eq!((&*output.text, output.finish_reason, output.usage), ("a", Some(FinishReason::Stop), usage(2)));
    }

    #[test]
    fn nothing_follows_the_end_and_bad_values_are_errors() {
        let sampling = Sampling { temperature: Some(0.0), max_tokens: Some(1), ..Sampling::default() };
        let mut generation = Generation::new(&bytes(), &[], &sampling, 100).ends([0]).unwrap();
        assert_eq!(generation.push(&logits(b'a')).unwrap(), None);
        assert_eq!(generation.push(&logits(b'b')).unwrap(), None);
        assert_eq!((generation.tokens(), &*generation.finish().text), (1, "a"));
        let mut without_room = Generation::new(&bytes(), &[], &sampling, 0);
        assert_eq!(without_room.push(&logits(b'a')).unwrap(), None);
        assert_eq!(without_room.finish().finish_reason, Some(FinishReason::Length));
        let mut generation = Generation::new(&bytes(), &[], &sampling, 100);
        assert!(generation.push(&[f32::NAN; 256]).is_err());
        assert!(Generation::new(&bytes(), &[], &sampling, 100).ends([999]).is_err());
    }
}
