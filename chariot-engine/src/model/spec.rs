//! [`Spec`]: what an engine declares of itself, made from its types and refined by its author.

use std::borrow::Cow;

use super::{MediumOf, Model};
use crate::{
    input::{Input, Medium},
    output::Output,
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
///     # async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.map(|t| Ok(Json(t.to_string()))) }
///     fn spec() -> Spec {
///         Spec::of::<Self>().task("Text Classification").actions(["predict"]).concurrency(64).max_batch(1)
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
    pub(crate) inputs: Vec<TensorSpec>,
    pub(crate) outputs: Vec<TensorSpec>,
    pub(crate) settings: Vec<SettingSpec>,
    pub(crate) max_batch: usize,
    pub(crate) concurrency: usize,
}

/// More calls at once than any worker can have use for.
const MAX_CONCURRENCY: usize = 65_536;

/// The most that one call of `infer` is given unless the engine says otherwise: a request may hold thousands of items.
const MAX_BATCH: usize = 32;

impl Spec {
    /// What the types of a model say.
    pub fn of<M: Model>() -> Self {
        Spec {
            task: <M::Output as Output<MediumOf<M>>>::TASK.map(Cow::Borrowed),
            actions: <M::Output as Output<MediumOf<M>>>::ACTIONS.iter().map(|action| Cow::Borrowed(*action)).collect(),
            open_default: <M::Output as Output<MediumOf<M>>>::DEFAULT_ACTION,
            layouts: <M::Output as Output<MediumOf<M>>>::LAYOUTS,
            element: <MediumOf<M> as Medium>::ELEMENT,
            inputs: <M::Input as Input>::tensors(),
            outputs: <M::Output as Output<MediumOf<M>>>::tensors(),
            settings: <M::Settings as Settings>::schema(),
            max_batch: MAX_BATCH,
            concurrency: 1,
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
        self
    }

    /// The named tensors that it answers with; answers are checked against them, and the metadata prints them.
    #[must_use]
    pub fn outputs(mut self, outputs: impl IntoIterator<Item = TensorSpec>) -> Self {
        self.outputs = outputs.into_iter().collect();
        self
    }

    /// The most that one call of `infer` is given, in the unit of [`Load`](super::Load) (default: 32 items). An item
    /// that costs more goes alone.
    #[must_use]
    pub fn max_batch(mut self, cost: usize) -> Self {
        self.max_batch = cost.max(1);
        self
    }

    /// How many calls of `infer` a worker has under way at once (default: 1). More is for engines that await: one that
    /// computes gains nothing.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.clamp(1, MAX_CONCURRENCY);
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

    /// The engine's own settings.
    pub fn settings(&self) -> &[SettingSpec] {
        &self.settings
    }
}
