//! [`Spec`]: the declaration of an engine, which its types determine and its author refines.

use std::{any::TypeId, borrow::Cow, time::Duration};

use super::item::output_name;
use crate::{
    error::Result,
    input::{BatchCost, Input, Modality, PromptKind},
    output::Output,
    protocol::{DataType, JsonText, TensorMetadata},
    settings::{OutputLayout, SettingSpec, Settings},
    signature::{Signature, TensorSpec},
    tasks::{Embedding, GeneratedText},
};

/// The declaration of an engine: its task, its actions, its named tensors, and how `infer` is called.
///
/// ```
/// use chariot_engine::prelude::*;
///
/// # struct Relay;
/// impl Model for Relay {
///     # type Settings = ();
///     # type Input = Text;
///     # type Output = Json<String>;
///     # async fn load(_: &LoadContext) -> Result<Self> { Ok(Relay) }
///     # async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.try_map(|t| Ok(Json(t.to_string()))) }
///     fn spec() -> Spec {
///         Spec::new::<Self>().task("Text Classification").actions(["predict"]).concurrency(64).max_batch(1)
///     }
///     // ...
/// }
///
/// assert_eq!(Relay::spec().task_name(), Some("Text Classification"));
/// assert_eq!(Relay::spec().default_action(), "predict");
/// ```
#[derive(Clone, Debug)]
pub struct Spec {
    pub(crate) task: Option<Cow<'static, str>>,
    pub(crate) actions: Vec<Cow<'static, str>>,
    /// The default action if `actions` is empty.
    open_default: &'static str,
    pub(crate) layouts: &'static [OutputLayout],
    /// Set if the model leaves out results below the score threshold.
    pub(crate) score_threshold: bool,
    /// The name of an element; `None` if an item is the whole request.
    pub(crate) element: Option<&'static str>,
    /// Set if any bytes or any text can be an element.
    pub(crate) raw: bool,
    pub(crate) inputs: Vec<TensorSpec>,
    /// The inputs in the metadata if `inputs` is empty and items can be columns.
    columns: Vec<TensorSpec>,
    pub(crate) outputs: Vec<TensorSpec>,
    /// The schema of the output for an item, by layout.
    output_schema: fn(Option<OutputLayout>) -> Option<JsonText>,
    /// The body of an example request, set by the author.
    example: Option<Cow<'static, str>>,
    /// The body of an example request, from the type of the input.
    example_of_input: Option<JsonText>,
    /// The JSON Schema of the typed parameters of an item, if the input has any.
    params_schema: Option<JsonText>,
    pub(crate) settings: Vec<SettingSpec>,
    pub(crate) max_batch: usize,
    pub(crate) batch_delay: Option<Duration>,
    pub(crate) concurrency: usize,
    pub(crate) streaming: bool,
    /// Set if the model reports the logarithmic probabilities of tokens.
    pub(crate) logprobs: bool,
    /// `false` if `infer` runs on the threads of workers only.
    pub(crate) inline: bool,
    /// Set if each worker runs the author's example before the engine is ready.
    pub(crate) warms_up: bool,
    /// Set if the default is one worker for each device, on a CPU too.
    pub(crate) one_worker: bool,
    prompt: Option<PromptKind>,
    answer: Option<AnswerKind>,
}

/// The use of an output for a caller who asks a language model.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// A [`GeneratedText`].
    Text,
    /// An [`Embedding`].
    Embedding,
}

impl AnswerKind {
    /// Returns the kind of an output type, or of a `Result` of one.
    fn of<O: 'static>() -> Option<Self> {
        let is = |types: [TypeId; 2]| types.contains(&TypeId::of::<O>());
        if is([TypeId::of::<GeneratedText>(), TypeId::of::<Result<GeneratedText>>()]) {
            return Some(AnswerKind::Text);
        }
        is([TypeId::of::<Embedding>(), TypeId::of::<Result<Embedding>>()]).then_some(AnswerKind::Embedding)
    }
}

/// The maximum of [`Spec::concurrency`], more than any worker can use.
const MAX_CONCURRENCY: usize = 65_536;

impl Spec {
    /// Creates the declaration that the types of a model determine.
    pub(super) fn from_types<I: Input, O: Output<I::Modality>, S: Settings>() -> Self {
        Spec {
            task: O::TASK.map(Cow::Borrowed),
            actions: O::ACTIONS.iter().map(|action| Cow::Borrowed(*action)).collect(),
            open_default: O::DEFAULT_ACTION,
            layouts: O::LAYOUTS,
            score_threshold: O::SCORE_THRESHOLD,
            element: <I::Modality as Modality>::ELEMENT,
            raw: <I::Modality as Modality>::RAW,
            inputs: I::tensors(),
            columns: I::columns(),
            outputs: O::tensors(),
            output_schema: O::schema,
            example: None,
            example_of_input: I::example(),
            params_schema: I::params_schema(),
            settings: S::schema(),
            max_batch: <I::Modality as Modality>::MAX_BATCH,
            batch_delay: None,
            concurrency: 1,
            streaming: false,
            logprobs: false,
            inline: true,
            warms_up: true,
            one_worker: false,
            prompt: I::PROMPT,
            answer: AnswerKind::of::<O>(),
        }
    }

    /// Sets Chariot's task, as `CHARIOT_TASK_TYPE` names it. Default: the task of the output type.
    #[must_use]
    pub fn task(mut self, task: impl Into<Cow<'static, str>>) -> Self {
        self.task = Some(task.into());
        self
    }

    /// Sets the supported actions, the default first. Other actions are rejected. If there are none, any is accepted.
    #[must_use]
    pub fn actions<A: Into<Cow<'static, str>>>(mut self, actions: impl IntoIterator<Item = A>) -> Self {
        self.actions = actions.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the named tensors of a request. Requests are checked against them, and the metadata lists them.
    #[must_use]
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = TensorSpec>) -> Self {
        self.inputs = inputs.into_iter().collect();
        // The example of the type may not match these tensors.
        self.example_of_input = None;
        self
    }

    /// Sets the named tensors of a response. Responses are checked against them, and the metadata lists them.
    #[must_use]
    pub fn outputs(mut self, outputs: impl IntoIterator<Item = TensorSpec>) -> Self {
        self.outputs = outputs.into_iter().collect();
        self
    }

    /// Sets the body of an example request in `chariot-v2-kserve`, which `/openapi.json` shows.
    ///
    /// Default: the example of the input type, which this model may reject. The engine does not start with a body that is
    /// not a valid request. Each worker runs it once before the engine is ready, see
    /// [`warm_up_by_example`](Self::warm_up_by_example).
    ///
    /// ```
    /// use chariot_engine::model::Spec;
    ///
    /// fn with_flower(spec: Spec) -> Spec {
    ///     spec.example(r#"{"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.0, 3.4, 1.5, 0.2]}]}"#)
    /// }
    /// ```
    #[must_use]
    pub fn example(mut self, body: impl Into<Cow<'static, str>>) -> Self {
        self.example = Some(body.into());
        self
    }

    /// Sets the maximum cost of one call of `infer`, in the unit of [`BatchCost`](super::BatchCost).
    ///
    /// An item that costs more is a batch of its own. Default: 32 items, or 1024 rows. 0 counts as 1.
    /// Overridden by `CHARIOT_ENGINE_MAX_BATCH`. For texts with tokens, set [`max_tokens`](Self::max_tokens) instead.
    #[must_use]
    pub fn max_batch(mut self, cost: usize) -> Self {
        self.max_batch = cost.max(1);
        self
    }

    /// Sets the maximum number of tokens of one call of `infer`, padding included, for items whose cost is that of their
    /// tokens: [`BatchCost::tokens`](super::BatchCost::tokens), which `Tokenizer::admit` returns.
    ///
    /// Sets [`max_batch`](Self::max_batch) to `tokens / 16`, because a text costs 1 for each 16 tokens, and at least 1.
    /// Default: 512 tokens. Overridden by `CHARIOT_ENGINE_MAX_BATCH`, in the unit of `max_batch`.
    ///
    /// ```
    /// use chariot_engine::model::Spec;
    ///
    /// /// Four texts of 256 tokens in a call, or 64 short ones.
    /// fn of_texts(spec: Spec) -> Spec {
    ///     spec.max_tokens(1024)
    /// }
    /// ```
    #[must_use]
    pub fn max_tokens(self, tokens: usize) -> Self {
        self.max_batch(tokens / BatchCost::TOKENS)
    }

    /// Enables batches with the items of several requests, and sets how long the first item may wait for more.
    ///
    /// An item only waits while another request is being decoded. By default a batch has the items of one request only.
    /// Overridden by `CHARIOT_ENGINE_BATCH_DELAY`.
    #[must_use]
    pub fn batching(mut self, delay: Duration) -> Self {
        self.batch_delay = Some(delay);
        self
    }

    /// Sets the number of calls of `infer` that a worker runs at once. Default: 1.
    ///
    /// More than 1 helps engines that await a remote service. An engine that computes gains nothing. Values outside 1 to
    /// 65,536 are clamped.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.clamp(1, MAX_CONCURRENCY);
        self
    }

    /// Declares that the model reads [`Item::score_threshold`](super::Item::score_threshold), so that operators are offered
    /// `CHARIOT_ENGINE_SCORE_THRESHOLD`. The outputs of Object Detection and Oriented Object Detection declare it themselves.
    #[must_use]
    pub fn score_threshold(mut self) -> Self {
        self.score_threshold = true;
        self
    }

    /// Enables server-sent events for callers that request them, with the parts that the model
    /// [emits](super::Item::emit).
    #[must_use]
    pub fn streaming(mut self) -> Self {
        self.streaming = true;
        self
    }

    /// Declares that the model reports the logarithmic probabilities of tokens to callers that want them
    /// ([`Sampling::logprobs`](crate::input::Sampling::logprobs)), in
    /// [`GeneratedText::logprobs`](crate::tasks::GeneratedText::logprobs) and in the parts that it emits
    /// ([`TextPart`](crate::tasks::TextPart)). Otherwise requests of OpenAI's API that ask for them are refused.
    #[must_use]
    pub fn logprobs(mut self) -> Self {
        self.logprobs = true;
        self
    }

    /// Sets whether a quick `infer` may run on the thread that read the request instead of a worker's. Default: `true`.
    ///
    /// The generated `main` runs calls there while they take less than 100 µs on average, and block nothing: the way to a
    /// worker and back takes longer than such a call. Only small requests qualify, of models with one thread per worker on a
    /// CPU that neither stream, nor share calls between requests, nor await. The first calls always run on workers, and one
    /// that takes 10 ms or more on the reading thread makes all calls run on workers for a minute or longer.
    ///
    /// Set `false` if `infer` must run on the threads of workers, because it uses variables of its thread, for example.
    /// [`Batch::scratch`](super::Batch::scratch) works on any thread.
    #[must_use]
    pub fn inline(mut self, inline: bool) -> Self {
        self.inline = inline;
        self
    }

    /// Sets whether each worker runs the request of [`example`](Self::example) before the engine is ready. Default: `true`.
    ///
    /// The first request is then as fast as the tenth, and a model that fails on its own example fails the start. Without an
    /// example there is nothing to run. Set `false` if a call costs money or changes something. Overridden by
    /// `CHARIOT_ENGINE_WARM_UP`.
    #[must_use]
    pub fn warm_up_by_example(mut self, warms_up: bool) -> Self {
        self.warms_up = warms_up;
        self
    }

    /// Returns the form in which the input is a prompt, if it is one.
    #[doc(hidden)]
    pub fn prompt_kind(&self) -> Option<PromptKind> {
        self.prompt
    }

    /// Returns what the output is for a caller who asks a language model, if it is one of these.
    #[doc(hidden)]
    pub fn answer_kind(&self) -> Option<AnswerKind> {
        self.answer
    }

    /// Makes one worker with all threads the default for each device, because a worker runs all calls together.
    #[cfg(feature = "text")]
    pub(super) fn one_worker(mut self) -> Self {
        self.one_worker = true;
        self
    }

    /// Replaces the named tensors by those that the loaded model states.
    pub(crate) fn signed(self, signature: Signature) -> Self {
        self.inputs(signature.inputs().to_vec()).outputs(signature.outputs().to_vec())
    }

    /// Returns the task, if one is declared.
    pub fn task_name(&self) -> Option<&str> {
        self.task.as_deref()
    }

    /// Iterates over the declared actions, the default first.
    pub fn action_names(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().map(|action| &**action)
    }

    /// Returns the action of an item whose caller requests none: the first declared one, or else that of the output type.
    /// Empty if there is neither.
    pub fn default_action(&self) -> &str {
        self.actions.first().map_or(self.open_default, |action| action)
    }

    /// Returns the inputs and the outputs for the metadata.
    pub(crate) fn announced(&self) -> (Vec<TensorMetadata>, Vec<TensorMetadata>) {
        let tensors = |specs: &[TensorSpec]| -> Vec<_> { specs.iter().map(TensorSpec::metadata).collect() };
        let values = |name: &str| TensorMetadata::new(name, DataType::Bytes, [-1]);
        let Some(element) = self.element else { return (tensors(&self.inputs), tensors(&self.outputs)) };
        if !self.inputs.is_empty() {
            return (tensors(&self.inputs), self.inputs.iter().map(|input| values(input.name())).collect());
        }
        match &self.columns[..] {
            // Any number of inputs with any name, whose elements are the items. An output has the name of its input.
            [] => (vec![values(element)], vec![values(element)]),
            [matrix] if matrix.shape().len() > 1 => (vec![matrix.metadata()], vec![values(matrix.name())]),
            columns => (tensors(columns), vec![values(output_name(self.default_action()))]),
        }
    }

    /// Returns the inputs that a request can have as columns.
    pub(crate) fn columns(&self) -> &[TensorSpec] {
        &self.columns
    }

    /// Returns the schema of the output for an item, if it is known.
    pub(crate) fn output_schema(&self, layout: Option<OutputLayout>) -> Option<JsonText> {
        (self.output_schema)(layout)
    }

    /// Returns the example that the author set.
    pub(crate) fn given_example(&self) -> Option<&str> {
        self.example.as_deref()
    }

    /// Returns the example of the type of the input.
    pub(crate) fn example_of_input(&self) -> Option<&JsonText> {
        self.example_of_input.as_ref()
    }

    /// Returns the JSON Schema of the typed parameters of an item, if the input has any.
    pub(crate) fn params_schema(&self) -> Option<&JsonText> {
        self.params_schema.as_ref()
    }

    /// Returns the engine's own settings.
    pub fn settings(&self) -> &[SettingSpec] {
        &self.settings
    }
}
