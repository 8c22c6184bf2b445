//! How one answer is encoded: the trait, what encoders are told, and the outputs that belong to no task. Those of
//! Chariot's tasks are in `tasks`.

use serde::Serialize;

pub use crate::input::EncodedOutput;
use crate::{
    error::{Error, Result},
    input::{Json, Modality, Tensors, modality},
    protocol::{InferOutput, InferResponse, JsonText},
    settings::OutputLayout,
    signature::TensorSpec,
};

/// What encoders are told of the item that they answer and of the engine.
///
/// ```
/// use chariot_engine::output::EncodeContext;
///
/// assert_eq!(EncodeContext::new("predict").action, "predict");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EncodeContext<'a> {
    /// The item's action; the engine's default where the caller named none, empty if there is no default.
    pub action: &'a str,
    /// The layout that the operator chose, by `CHARIOT_ENGINE_OUTPUT_LAYOUT`; `None` is the task's first.
    pub layout: Option<OutputLayout>,
}

impl<'a> EncodeContext<'a> {
    /// For this action, in the task's first layout.
    pub fn new(action: &'a str) -> Self {
        EncodeContext { action, layout: None }
    }

    /// In this layout.
    #[must_use]
    pub fn layout(mut self, layout: Option<OutputLayout>) -> Self {
        self.layout = layout;
        self
    }
}

/// How one answer is encoded, for inputs of the medium `M`.
///
/// `Result<T, Error>` of an output is an output too: one bad item among good ones. Implement it by hand for an answer
/// of your own; what [`JsonText::of`] writes is what the caller reads.
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
    message = "`{Self}` is no answer to an input of kind `{M}`",
    label = "does not go with this model's `Input`",
    note = "an `Image` or a `Text` is answered by an output of its task, such as `Classification`, `Embedding` or (an `Image`) `Detections`: `chariot_engine::tasks` has them all",
    note = "any element is answered by `Json<T>` or an output of your own",
    note = "named tensors are answered by named tensors: `Tensors` or `#[derive(TensorOutput)]` go with `Tensors`, `#[derive(TensorInput)]` and `InferRequest`"
)]
pub trait Output<M: Modality>: Sized + Send + 'static {
    /// Chariot's task that this answers, as `CHARIOT_TASK_TYPE` names it.
    const TASK: Option<&'static str> = None;

    /// The actions it knows, the default first; none: any action is taken.
    const ACTIONS: &'static [&'static str] = &[];

    /// The action of an item whose caller named none, where `ACTIONS` is empty.
    const DEFAULT_ACTION: &'static str = "";

    /// The layouts that the task has, the default first; none: the setting does not apply.
    const LAYOUTS: &'static [OutputLayout] = &[];

    /// The named tensors that it answers with; empty where they are not declared.
    fn tensors() -> Vec<TensorSpec> {
        Vec::new()
    }

    /// The JSON Schema of an answer to an item in this layout, whatever the action: for the OpenAPI document. Absent: any
    /// JSON value. Of named tensors [`tensors`](Self::tensors) say it.
    fn schema(_layout: Option<OutputLayout>) -> Option<JsonText> {
        None
    }

    /// Encodes it.
    ///
    /// # Errors
    /// What cannot be encoded; a rejection if that is the caller's fault.
    fn encode(self, cx: &EncodeContext<'_>) -> Result<M::Encoded>;
}

impl<M: Modality, T: Output<M>> Output<M> for Result<T, Error> {
    const TASK: Option<&'static str> = T::TASK;
    const ACTIONS: &'static [&'static str] = T::ACTIONS;
    const DEFAULT_ACTION: &'static str = T::DEFAULT_ACTION;
    const LAYOUTS: &'static [OutputLayout] = T::LAYOUTS;

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
