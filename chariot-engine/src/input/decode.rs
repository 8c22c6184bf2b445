//! [`Input`]: the trait that decodes one item of a request.

use super::{batch_cost::BatchCost, context::DecodeContext, modality::Modality, prompt_kind::PromptKind};
use crate::{error::Result, protocol::JsonText, signature::TensorSpec};

/// An input of a model: decodes one item of a request.
///
/// The SDK implements it for [`Text`](super::Text), [`Json`](super::Json), [`Row`](super::Row),
/// [`Tensors`](super::Tensors), `Image`, [`WithParams`](super::WithParams) (an input with typed parameters), and
/// [`InferRequest`](crate::protocol::InferRequest) (the whole request). For named tensors derive it on a struct with
/// `#[derive(TensorInput)]`. Implement it by hand for anything else:
///
/// ```
/// use chariot_engine::{Result, input::{DecodeContext, ElementPayload, Input, modality}, reject};
///
/// /// A text of two words.
/// struct Pair(String, String);
///
/// impl Input for Pair {
///     type Modality = modality::Text;
///
///     fn decode(payload: ElementPayload, _: &DecodeContext<'_>) -> Result<Self> {
///         let text = payload.text()?;
///         let Some((a, b)) = text.split_once(' ') else { reject!("expected two words, got one") };
///         Ok(Pair(a.into(), b.into()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the `Input` of a model",
    label = "does not implement `Input`",
    note = "use `Image`, `Text`, `Json<T>`, `Row<T>`, `Tensors` or `InferRequest`; `T` must implement `serde::Deserialize`",
    note = "to read typed parameters too, wrap one of them: `WithParams<Text, P>`, where `P` implements `serde::Deserialize`",
    note = "for named tensors, put `#[derive(TensorInput)]` on a struct; for anything else, write `impl Input for {Self}`"
)]
pub trait Input: Sized + Send + Sync + 'static {
    /// The kind of payload that an item is decoded from. It determines which outputs the model may have.
    type Modality: Modality;

    /// Set if decoding a small request takes only microseconds, so that it need not move to another thread.
    const INLINE: bool = false;

    /// The form in which it is a prompt for a model that generates text, if it is one.
    #[doc(hidden)]
    const PROMPT: Option<PromptKind> = None;

    /// Decodes one item.
    ///
    /// # Errors
    /// Returns a rejection for a fault of the caller, which the SDK sends as a 400 with the input's name.
    fn decode(payload: <Self::Modality as Modality>::Payload, cx: &DecodeContext<'_>) -> Result<Self>;

    /// Returns the named tensors that it accepts, for the metadata and for validation. Empty if it accepts any.
    fn tensors() -> Vec<TensorSpec> {
        Vec::new()
    }

    /// Returns the inputs to list in the metadata if [`tensors`](Self::tensors) is empty but a request may bring the
    /// items as columns or as a matrix. Requests are not checked against them.
    fn columns() -> Vec<TensorSpec> {
        Vec::new()
    }

    /// Returns the body of an example request in `chariot-v2-kserve`, for the OpenAPI document.
    ///
    /// If it returns `None`, the document shows one row of zeros of the declared tensors, or no example if none are
    /// declared. An example for one model is set by [`Spec::example`](crate::model::Spec::example).
    fn example() -> Option<JsonText> {
        None
    }

    /// Returns the JSON Schema of the typed parameters of an item, for the OpenAPI document. Default: `None`, there are no
    /// parameters beyond those of every engine.
    fn params_schema() -> Option<JsonText> {
        None
    }

    /// Returns the number of bytes that it holds in addition to those of the request, such as a decoded image.
    ///
    /// They count against `CHARIOT_ENGINE_MAX_INFLIGHT_BYTES`, in place of those that `decode` has
    /// [reserved](DecodeContext::reserve). Default: 0.
    fn memory(&self) -> usize {
        0
    }

    /// Returns its cost in a batch. [`Model::admit`](crate::model::Model::admit) may override it. Default: 1.
    fn cost(&self) -> BatchCost {
        BatchCost::default()
    }
}
