//! [`Generator`]: the trait of an engine that generates text, whose sequences run together. `generator_model` makes a `Model`
//! of it, and `sequences` runs its loop.

use super::{context::LoadContext, spec::Spec, worker::Worker};
use crate::{
    error::Result,
    input::{Chat, ChatContent, ChatMessage, Input, Prompt, Sampling},
    output::Output,
    settings::Settings,
    tasks::GeneratedText,
    text::{ChatTemplate, Tokenizer},
};

/// An engine that generates text: it loads a model, reads prompts, and runs one step for all running sequences.
///
/// It is a [`Model`](super::Model), so `#[chariot_engine]` and everything else works as usual, but an author writes no `infer`. The SDK
/// makes the tokens of a prompt, chooses the next token of each sequence, finds the end of the text, and sends it in parts
/// to callers that read server-sent events.
///
/// A *sequence* is what the model keeps of one text: its KV cache. [`prefill`](Self::prefill) reads tokens of a prompt into
/// it, and a [`step`](Self::step) reads one more token into each running sequence. New sequences join between two steps,
/// and those that are done leave. A worker runs the sequences of its own calls, on its own thread, so the default is one
/// worker for each device, with all threads, on a CPU too.
///
/// ```
/// use chariot_engine::{
///     model::{GenerationLimits, Generator},
///     prelude::*,
///     text::{Tokenizer, TokenizerOptions},
/// };
///
/// /// Repeats the prompt.
/// struct Echo(Tokenizer);
///
/// impl Generator for Echo {
///     type Settings = ();
///     type Input = Prompt;
///     type Sequence = Vec<u32>;
///
///     async fn load(_: &LoadContext) -> Result<Self> {
///         let file = r#"{"version": "1.0", "pre_tokenizer": {"type": "WhitespaceSplit"},
///             "model": {"type": "WordLevel", "vocab": {"<end>": 0, "a": 1, "b": 2}, "unk_token": "<end>"}}"#;
///         Ok(Echo(Tokenizer::from_json(file, &TokenizerOptions::new().max_tokens(64))?))
///     }
///
///     fn tokenizer(&self) -> &Tokenizer {
///         &self.0
///     }
///
///     fn limits(&self) -> GenerationLimits {
///         GenerationLimits::new(64)
///     }
///
///     fn ends(&self) -> Vec<u32> {
///         vec![0]
///     }
///
///     fn sequence(&self) -> Result<Vec<u32>> {
///         Ok(Vec::new())
///     }
///
///     fn prefill(&self, sequence: &mut Vec<u32>, tokens: &[u32]) -> Result<Vec<f32>> {
///         sequence.extend(tokens);
///         let next = sequence[sequence.len() / 2];
///         Ok((0..3).map(|token| if token == next { 9.0 } else { f32::NEG_INFINITY }).collect())
///     }
/// }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let file = r#"{"version": "1.0", "pre_tokenizer": {"type": "WhitespaceSplit"},
/// #     "model": {"type": "WordLevel", "vocab": {"<end>": 0, "a": 1, "b": 2}, "unk_token": "<end>"}}"#;
/// # let echo = Echo(Tokenizer::from_json(file, &TokenizerOptions::new().max_tokens(64)).unwrap());
/// let mut sampling = chariot_engine::input::Sampling::default();
/// sampling.max_tokens = Some(3);
/// let prompt = Prompt { text: "a b b".into(), sampling: sampling.into() };
/// let outputs = chariot_engine::testing::infer(&echo, [prompt]).unwrap();
/// assert_eq!(outputs[0].usage.unwrap().total_tokens(), 6);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement `Generator`",
    label = "an engine that generates text needs `impl Generator for {Self}`"
)]
#[allow(async_fn_in_trait, reason = "a future of a model never leaves its worker, so authors need not make it `Send`")]
pub trait Generator: Sized + Send + Sync + 'static {
    /// The settings that an operator sets through environment variables; `()` if there are none.
    type Settings: Settings;

    /// The input: [`Prompt`] or [`Chat`].
    type Input: PromptInput;

    /// The state that the model keeps of one running text: its KV cache. It never leaves its worker, so it need not be `Send`.
    type Sequence: 'static;

    /// Loads the model, as [`Model::load`](super::Model::load) does.
    ///
    /// # Errors
    /// An error ends the process with a non-zero exit code. The whole chain of causes is logged.
    async fn load(ctx: &LoadContext<Self::Settings>) -> Result<Self>;

    /// Returns the tokenizer of the model.
    fn tokenizer(&self) -> &Tokenizer;

    /// Returns the limits of texts and of sequences.
    fn limits(&self) -> GenerationLimits;

    /// Returns the tokens that end a text.
    fn ends(&self) -> Vec<u32>;

    /// Returns the template that writes the messages of a [`Chat`] as a prompt. `None` by default: only prompts are taken.
    fn chat_template(&self) -> Option<&ChatTemplate> {
        None
    }

    /// Returns the parameters that hold where a caller says nothing. By default the temperature is 1, there are no other
    /// changes to the probabilities, and a text may be as long as the context allows.
    fn sampling(&self) -> Sampling {
        Sampling::default()
    }

    /// Makes an empty sequence.
    ///
    /// # Errors
    /// An error fails the request.
    fn sequence(&self) -> Result<Self::Sequence>;

    /// Reads tokens, at least one, at the end of a sequence. Returns the logits of the token that follows them, for all
    /// tokens by ID.
    ///
    /// A long prompt comes in several calls, of at most [`GenerationLimits::prefill`] tokens, with steps and prompts of the
    /// other sequences between them.
    ///
    /// # Errors
    /// An error fails the request of this sequence, which is dropped.
    fn prefill(&self, sequence: &mut Self::Sequence, tokens: &[u32]) -> Result<Vec<f32>>;

    /// Reads one more token into each of these sequences, at least one. Returns for each of them the logits of the token that
    /// follows.
    ///
    /// By default, calls [`prefill`](Self::prefill) for each of them. A model that reads its weights once for all sequences
    /// is faster by about their number.
    ///
    /// # Errors
    /// An error drops the sequences. If there are several, the SDK reads the tokens of each into a new sequence, and runs it
    /// alone from then on, so that only the sequence at fault fails its request.
    fn step(&self, sequences: &mut [Next<'_, Self::Sequence>]) -> Result<Vec<Vec<f32>>> {
        sequences.iter_mut().map(|next| self.prefill(next.sequence, &[next.token])).collect()
    }

    /// Returns the declaration of the engine, by default as its types determine it. It streams, a call has one item, and a
    /// worker runs 64 calls at once unless [`Spec::concurrency`] sets another number above 1. How many sequences run is said by
    /// [`limits`](Self::limits).
    fn spec() -> Spec {
        Spec::new::<Self>()
    }

    /// Called on each worker after `load`, as [`Model::warm_up`](super::Model::warm_up) is.
    ///
    /// # Errors
    /// An error ends the process, like an error of `load`.
    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        let _ = worker;
        Ok(())
    }

    /// Called periodically, as [`Model::health`](super::Model::health) is.
    ///
    /// # Errors
    /// An error is logged. Readiness reports that the health check fails.
    async fn health(&self) -> Result<()> {
        Ok(())
    }
}

/// A sequence in a step, and the token that it reads.
///
/// ```
/// use chariot_engine::model::Next;
///
/// fn read(step: &mut [Next<'_, Vec<u32>>]) {
///     for next in step {
///         next.sequence.push(next.token);
///     }
/// }
/// # let mut sequence = vec![1];
/// # read(&mut [Next { sequence: &mut sequence, token: 2 }]);
/// # assert_eq!(sequence, [1, 2]);
/// ```
#[derive(Debug)]
pub struct Next<'a, S> {
    /// The sequence, which has read all earlier tokens of its text.
    pub sequence: &'a mut S,
    /// The token.
    pub token: u32,
}

/// The limits of a model that generates text.
///
/// ```
/// use chariot_engine::model::GenerationLimits;
///
/// let limits = GenerationLimits::new(8192).sequences(16).cached_tokens(32_768);
/// assert_eq!((limits.context, limits.sequences, limits.prefill), (8192, 16, 256));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GenerationLimits {
    /// The most tokens of a text, with its prompt.
    pub context: usize,
    /// The most sequences that a worker runs at once; others wait in the order of their arrival. Default: 8.
    pub sequences: usize,
    /// The most tokens that the sequences of a worker can have together. A sequence counts from its start with its prompt
    /// and with all tokens that its caller allows. Default: that of 8 whole contexts.
    pub cached_tokens: usize,
    /// The most tokens of prompts that are read between two steps, and at once of a prompt. Default: 256.
    ///
    /// It bounds the time for which the running sequences stand still. Prompts are read in turns, one such part of each, so a
    /// prompt of at most this many tokens waits for at most one part of each prompt before it.
    pub prefill: usize,
}

impl GenerationLimits {
    /// Creates limits for texts of at most this many tokens, with their prompts.
    pub fn new(context: usize) -> Self {
        let sequences = 8;
        GenerationLimits { context, sequences, cached_tokens: context.saturating_mul(sequences), prefill: 256 }
    }

    /// Sets the most sequences that a worker runs at once. 0 counts as 1.
    #[must_use]
    pub fn sequences(mut self, sequences: usize) -> Self {
        self.sequences = sequences.max(1);
        self
    }

    /// Sets the most tokens that the sequences of a worker can have together.
    #[must_use]
    pub fn cached_tokens(mut self, tokens: usize) -> Self {
        self.cached_tokens = tokens;
        self
    }

    /// Sets the most tokens of prompts that are read between two steps. 0 counts as 1.
    #[must_use]
    pub fn prefill(mut self, tokens: usize) -> Self {
        self.prefill = tokens.max(1);
        self
    }
}

/// An input of a [`Generator`]: [`Prompt`] or [`Chat`]. Sealed.
///
/// ```
/// use chariot_engine::{input::{Chat, Prompt}, model::PromptInput};
///
/// fn is_an_input_of_a_generator<I: PromptInput>() {}
/// is_an_input_of_a_generator::<Prompt>();
/// is_an_input_of_a_generator::<Chat>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the `Input` of a generator",
    label = "expected `Prompt` or `Chat`"
)]
pub trait PromptInput: Input + sealed::Prompted {
    /// The output.
    #[doc(hidden)]
    type Answer: Output<Self::Modality> + From<GeneratedText>;
}

impl PromptInput for Prompt {
    type Answer = GeneratedText;
}

impl PromptInput for Chat {
    type Answer = GeneratedText;
}

pub(super) mod sealed {
    use super::{ChatMessage, Sampling};

    pub trait Prompted {
        fn parameters(&self) -> &Sampling;

        fn content(&self) -> Content<'_>;
    }

    /// The input that a model continues.
    pub enum Content<'a> {
        /// A text without special tokens.
        Text(&'a str),
        /// Messages, which a template writes with all special tokens.
        Messages(&'a [ChatMessage]),
    }
}

impl sealed::Prompted for Prompt {
    fn parameters(&self) -> &Sampling {
        &self.sampling
    }

    fn content(&self) -> sealed::Content<'_> {
        sealed::Content::Text(&self.text)
    }
}

impl sealed::Prompted for Chat {
    fn parameters(&self) -> &Sampling {
        &self.sampling
    }

    fn content(&self) -> sealed::Content<'_> {
        match &self.content {
            ChatContent::Prompt(text) => sealed::Content::Text(text),
            ChatContent::Messages(messages) => sealed::Content::Messages(messages),
        }
    }
}
