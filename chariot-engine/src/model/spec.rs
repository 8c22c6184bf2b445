//! [`Spec`]: what an engine declares of itself, made from its types and refined by its author.

use std::{borrow::Cow, time::Duration};

use super::{ModalityOf, Model, item::output_name};
use crate::{
    input::{Input, Modality},
    output::Output,
    protocol::{DataType, JsonText, TensorMetadata},
    settings::{OutputLayout, SettingSpec, Settings},
    signature::TensorSpec,
};

/// What an engine declares: its task, its actions, its named tensors, and how it likes to be called.
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
    /// The default action where `actions` is empty.
    open_default: &'static str,
    pub(crate) layouts: &'static [OutputLayout],
    /// What an element of an input is called; `None` where the request is taken as a whole.
    pub(crate) element: Option<&'static str>,
    /// Whether any bytes or any text may be an element.
    pub(crate) raw: bool,
    pub(crate) inputs: Vec<TensorSpec>,
    /// What the metadata says of the inputs, where `inputs` are none, and items may come as columns.
    columns: Vec<TensorSpec>,
    pub(crate) outputs: Vec<TensorSpec>,
    /// The schema of the answers to items, by layout.
    answer: fn(Option<OutputLayout>) -> Option<JsonText>,
    /// The body of a request that is answered, as the author gave it.
    example: Option<Cow<'static, str>>,
    /// The same, as the type of the input gives it.
    example_of_input: Option<JsonText>,
    /// The JSON Schema of the typed parameters of an item, if the input has any.
    params_schema: Option<JsonText>,
    pub(crate) settings: Vec<SettingSpec>,
    pub(crate) max_batch: usize,
    pub(crate) batch_delay: Option<Duration>,
    pub(crate) concurrency: usize,
    pub(crate) streaming: bool,
}

/// More calls at once than any worker can have use for.
const MAX_CONCURRENCY: usize = 65_536;

impl Spec {
    /// What the types of a model say.
    pub fn new<M: Model>() -> Self {
        Spec {
            task: <M::Output as Output<ModalityOf<M>>>::TASK.map(Cow::Borrowed),
            actions: <M::Output as Output<ModalityOf<M>>>::ACTIONS
                .iter()
                .map(|action| Cow::Borrowed(*action))
                .collect(),
            open_default: <M::Output as Output<ModalityOf<M>>>::DEFAULT_ACTION,
            layouts: <M::Output as Output<ModalityOf<M>>>::LAYOUTS,
            element: <ModalityOf<M> as Modality>::ELEMENT,
            raw: <ModalityOf<M> as Modality>::RAW,
            inputs: <M::Input as Input>::tensors(),
            columns: <M::Input as Input>::columns(),
            outputs: <M::Output as Output<ModalityOf<M>>>::tensors(),
            answer: <M::Output as Output<ModalityOf<M>>>::schema,
            example: None,
            example_of_input: <M::Input as Input>::example(),
            params_schema: <M::Input as Input>::params_schema(),
            settings: <M::Settings as Settings>::schema(),
            max_batch: <ModalityOf<M> as Modality>::MAX_BATCH,
            batch_delay: None,
            concurrency: 1,
            streaming: false,
        }
    }

    /// Chariot's task that it does, as `CHARIOT_TASK_TYPE` names it. The default is what the output type answers.
    #[must_use]
    pub fn task(mut self, task: impl Into<Cow<'static, str>>) -> Self {
        self.task = Some(task.into());
        self
    }

    /// The actions that it knows, the default first; others are refused. With none, any action is taken.
    #[must_use]
    pub fn actions<A: Into<Cow<'static, str>>>(mut self, actions: impl IntoIterator<Item = A>) -> Self {
        self.actions = actions.into_iter().map(Into::into).collect();
        self
    }

    /// The named tensors that it takes; requests are checked against them, and the metadata prints them.
    #[must_use]
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = TensorSpec>) -> Self {
        self.inputs = inputs.into_iter().collect();
        // It knows nothing of them.
        self.example_of_input = None;
        self
    }

    /// The named tensors that it answers with; answers are checked against them, and the metadata prints them.
    #[must_use]
    pub fn outputs(mut self, outputs: impl IntoIterator<Item = TensorSpec>) -> Self {
        self.outputs = outputs.into_iter().collect();
        self
    }

    /// The body of a request that is answered, in `chariot-v2-kserve`: `/openapi.json` shows it. The default is what the
    /// type of the input knows, which this model may not like. The engine does not start with one that is no request.
    ///
    /// ```
    /// use chariot_engine::model::Spec;
    ///
    /// fn of_a_flower(spec: Spec) -> Spec {
    ///     spec.example(r#"{"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.0, 3.4, 1.5, 0.2]}]}"#)
    /// }
    /// ```
    #[must_use]
    pub fn example(mut self, body: impl Into<Cow<'static, str>>) -> Self {
        self.example = Some(body.into());
        self
    }

    /// The most that one call of `infer` is given, in the unit of [`BatchCost`](super::BatchCost) (default: 32 items, or 1024 rows). An item
    /// that costs more goes alone.
    #[must_use]
    pub fn max_batch(mut self, cost: usize) -> Self {
        self.max_batch = cost.max(1);
        self
    }

    /// Lets items of several requests share a call of `infer`, and says how long the first of them may wait for others that
    /// are on their way; nothing waits while nothing else is coming. It is off by default, when a call has the items of one
    /// request only. `CHARIOT_ENGINE_BATCH_DELAY` goes over it.
    #[must_use]
    pub fn batching(mut self, delay: Duration) -> Self {
        self.batch_delay = Some(delay);
        self
    }

    /// How many calls of `infer` a worker has under way at once (default: 1). More is for engines that await: one that
    /// computes gains nothing.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.clamp(1, MAX_CONCURRENCY);
        self
    }

    /// That it [emits](super::Item::emit) parts of its answers: a caller may then ask for them as server-sent events.
    #[must_use]
    pub fn streaming(mut self) -> Self {
        self.streaming = true;
        self
    }

    /// The task, if one is declared.
    pub fn task_name(&self) -> Option<&str> {
        self.task.as_deref()
    }

    /// The declared actions, the default first.
    pub fn action_names(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().map(|action| &**action)
    }

    /// The action of an item whose caller names none: the first that is declared, else what the output type says, else
    /// nothing.
    pub fn default_action(&self) -> &str {
        self.actions.first().map_or(self.open_default, |action| action)
    }

    /// The inputs and the outputs as the metadata names them.
    pub(crate) fn announced(&self) -> (Vec<TensorMetadata>, Vec<TensorMetadata>) {
        let tensors = |specs: &[TensorSpec]| -> Vec<_> { specs.iter().map(TensorSpec::metadata).collect() };
        let values = |name: &str| TensorMetadata::new(name, DataType::Bytes, [-1]);
        let Some(element) = self.element else { return (tensors(&self.inputs), tensors(&self.outputs)) };
        if !self.inputs.is_empty() {
            return (tensors(&self.inputs), self.inputs.iter().map(|input| values(input.name())).collect());
        }
        match &self.columns[..] {
            // Inputs of any number and name, whose elements are the items; every output has the name of its input.
            [] => (vec![values(element)], vec![values(element)]),
            [matrix] if matrix.shape().len() > 1 => (vec![matrix.metadata()], vec![values(matrix.name())]),
            columns => (tensors(columns), vec![values(output_name(self.default_action()))]),
        }
    }

    /// The inputs that a request may bring as columns.
    pub(crate) fn columns(&self) -> &[TensorSpec] {
        &self.columns
    }

    /// The schema of an answer to an item, if it is known.
    pub(crate) fn answer(&self, layout: Option<OutputLayout>) -> Option<JsonText> {
        (self.answer)(layout)
    }

    /// The example that the author gave.
    pub(crate) fn given_example(&self) -> Option<&str> {
        self.example.as_deref()
    }

    /// The example that the type of the input gives.
    pub(crate) fn example_of_input(&self) -> Option<&JsonText> {
        self.example_of_input.as_ref()
    }

    /// Returns the JSON Schema of the typed parameters of an item, if the input has any.
    pub(crate) fn params_schema(&self) -> Option<&JsonText> {
        self.params_schema.as_ref()
    }

    /// The engine's own settings.
    pub fn settings(&self) -> &[SettingSpec] {
        &self.settings
    }
}
