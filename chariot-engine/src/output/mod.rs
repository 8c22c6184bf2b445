//! Encoding of outputs: the [`Output`] trait, the context of an encoder, and the outputs that belong to no task. The
//! outputs of Chariot's tasks are in `tasks`.

use serde::Serialize;

pub use crate::input::EncodedOutput;
use crate::{
    error::{Error, Result},
    input::{Json, Modality, Tensors, modality},
    protocol::{InferOutput, InferResponse, JsonText},
    settings::OutputLayout,
    signature::TensorSpec,
};

/// The context of an encoder: the item that the output belongs to, and the engine.
///
/// ```
/// use chariot_engine::output::EncodeContext;
///
/// assert_eq!(EncodeContext::new("predict").action, "predict");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EncodeContext<'a> {
    /// The item's action. The engine's default action if the caller named none, empty if there is no default.
    pub action: &'a str,
    /// The layout that the operator chose with `CHARIOT_ENGINE_OUTPUT_LAYOUT`. `None` is the form that the task's outputs have without a layout.
    pub layout: Option<OutputLayout>,
}

impl<'a> EncodeContext<'a> {
    /// Creates a context with this action and no layout.
    pub fn new(action: &'a str) -> Self {
        EncodeContext { action, layout: None }
    }

    /// Sets the layout.
    #[must_use]
    pub fn layout(mut self, layout: Option<OutputLayout>) -> Self {
        self.layout = layout;
        self
    }
}

/// A type that a model returns for an item, for inputs of the modality `M`.
///
/// `Result<T, Error>` of an output is an output too: an error fails the request of its item, and not the other requests of the batch. The SDK implements the trait for
/// [`Json<T>`](Json), for `Tensors`, and for the outputs in [`tasks`](crate::tasks). An implementation of your own decides
/// what the caller gets: the JSON that [`encode`](Self::encode) returns is sent unchanged.
///
/// ```
/// use chariot_engine::{Result, input::modality, output::{EncodeContext, Output}, protocol::JsonText};
///
/// struct Count(usize);
///
/// impl Output<modality::Text> for Count {
///     const ACTIONS: &'static [&'static str] = &["count"];
///
///     fn encode(self, _: &EncodeContext<'_>) -> Result<JsonText> {
///         Ok(JsonText::from_value(&self.0)?)
///     }
/// }
///
/// assert_eq!(Count(3).encode(&EncodeContext::new("count")).unwrap().as_str(), "3");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an output for an input of modality `{M}`",
    label = "not an output for this model's `Input`",
    note = "if it is `Json<T>`, then `T` must implement `serde::Serialize`: add `#[derive(serde::Serialize)]` to `T`, and `serde` with the feature `derive` to the dependencies in Cargo.toml",
    note = "outputs for an `Image` or a `Text`: `Json<T>`, an output of your own, or an output of a task, such as `Classification`, `Embedding` or (for an `Image`) `Detections`; `chariot_engine::tasks` lists them all",
    note = "outputs for named tensors (`Tensors`, `#[derive(TensorInput)]`, `InferRequest`): `Tensors`, `#[derive(TensorOutput)]`, `InferResponse`"
)]
pub trait Output<M: Modality>: Sized + Send + 'static {
    /// Chariot's task that this is the output of, as `CHARIOT_TASK_TYPE` names it.
    const TASK: Option<&'static str> = None;

    /// The supported actions, the default first. Default: empty, any action is accepted.
    const ACTIONS: &'static [&'static str] = &[];

    /// The action of an item whose caller named none, if `ACTIONS` is empty.
    const DEFAULT_ACTION: &'static str = "";

    /// The layouts that the task has, the default first. Default: empty, the setting does not apply.
    const LAYOUTS: &'static [OutputLayout] = &[];

    /// Set if results below the [score threshold](crate::model::Item::score_threshold) are left out, so that operators are
    /// offered `CHARIOT_ENGINE_SCORE_THRESHOLD`. Default: `false`. A model declares it with
    /// [`Spec::score_threshold`](crate::model::Spec::score_threshold) too.
    const SCORE_THRESHOLD: bool = false;

    /// Returns the named tensors of this output. Default: empty, the tensors are not declared.
    fn tensors() -> Vec<TensorSpec> {
        Vec::new()
    }

    /// Returns the JSON Schema of an output in this layout, covering every action, for the OpenAPI document. Default:
    /// `None`, any JSON value. Named tensors are described by [`tensors`](Self::tensors) instead.
    fn schema(_layout: Option<OutputLayout>) -> Option<JsonText> {
        None
    }

    /// Encodes the output.
    ///
    /// # Errors
    /// Returns an error if the output cannot be encoded: a rejection if the caller is at fault, a failure otherwise.
    fn encode(self, cx: &EncodeContext<'_>) -> Result<M::Encoded>;
}

impl<M: Modality, T: Output<M>> Output<M> for Result<T, Error> {
    const TASK: Option<&'static str> = T::TASK;
    const ACTIONS: &'static [&'static str] = T::ACTIONS;
    const DEFAULT_ACTION: &'static str = T::DEFAULT_ACTION;
    const LAYOUTS: &'static [OutputLayout] = T::LAYOUTS;
    const SCORE_THRESHOLD: bool = T::SCORE_THRESHOLD;

    fn tensors() -> Vec<TensorSpec> {
        T::tensors()
    }

    fn schema(layout: Option<OutputLayout>) -> Option<JsonText> {
        T::schema(layout)
    }

    fn encode(self, cx: &EncodeContext<'_>) -> Result<M::Encoded> {
        self?.encode(cx)
    }
}

#[diagnostic::do_not_recommend]
impl<M: Modality<Encoded = JsonText>, T: Serialize + Send + 'static> Output<M> for Json<T> {
    fn encode(self, _: &EncodeContext<'_>) -> Result<JsonText> {
        Ok(JsonText::from_value(&self.0)?)
    }
}

impl Output<modality::Request> for Tensors {
    fn encode(self, _: &EncodeContext<'_>) -> Result<Vec<InferOutput>> {
        Ok(self.into_outputs())
    }
}

impl Output<modality::Request> for InferResponse {
    fn encode(self, _: &EncodeContext<'_>) -> Result<Vec<InferOutput>> {
        Ok(self.outputs)
    }
}
