//! [`WithParams`]: an input together with parameters of the author's type.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{
    batch_cost::BatchCost, context::DecodeContext, decode::Input, example, modality::Modality, payload::HasParameters,
    prompt_kind::PromptKind,
};
use crate::{error::Result, protocol::JsonText, signature::TensorSpec};

/// An input and its typed parameters.
///
/// `P` is deserialized from the `parameters` of the input. A fault is a 400 that names the input and the parameter. A
/// parameter that is `null` is treated as missing. `action`, `metadata` and `score_threshold` are not part of `P`:
/// [`Item`](crate::model::Item) has them.
///
/// With named tensors the parameters are those of the request or, if it has none, those of its only input.
///
/// ```
/// use chariot_engine::input::{Text, WithParams};
///
/// #[derive(serde::Deserialize)]
/// struct Sampling {
///     #[serde(default)]
///     max_new_tokens: u32,
/// }
///
/// let item = WithParams { input: Text("once upon".into()), params: Sampling { max_new_tokens: 8 }.into() };
/// assert_eq!(item.input.as_str(), "once upon");
/// assert_eq!(item.params.max_new_tokens, 8);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithParams<I, P> {
    /// The input.
    pub input: I,
    /// The parameters of the input, which all of its items share; of the request, if the item consists of several inputs.
    pub params: Arc<P>,
}

impl<I, P> Input for WithParams<I, P>
where
    I: Input,
    I::Modality: Modality<Payload: HasParameters>,
    P: DeserializeOwned + Send + Sync + 'static,
{
    type Modality = I::Modality;
    const INLINE: bool = I::INLINE;
    const PROMPT: Option<PromptKind> = I::PROMPT;

    fn decode(payload: <I::Modality as Modality>::Payload, cx: &DecodeContext<'_>) -> Result<Self> {
        let params = payload.parameters().decode_once(cx.meter())?;
        Ok(WithParams { params, input: I::decode(payload, cx)? })
    }

    fn tensors() -> Vec<TensorSpec> {
        I::tensors()
    }

    fn columns() -> Vec<TensorSpec> {
        I::columns()
    }

    fn example() -> Option<JsonText> {
        example::with_parameters::<P>(I::example()?)
    }

    fn params_schema() -> Option<JsonText> {
        example::parameters_schema::<P>()
    }

    fn cost(&self) -> BatchCost {
        self.input.cost()
    }

    fn memory(&self) -> usize {
        self.input.memory()
    }
}
