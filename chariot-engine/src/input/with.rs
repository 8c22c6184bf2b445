//! [`With`]: an input together with parameters of the author's type.

use std::ops::Deref;

use serde::de::DeserializeOwned;

use super::{DecodeContext, Input, Load, Medium, example, medium::HasParameters};
use crate::{error::Result, protocol::JsonText, signature::TensorSpec};

/// An input and the typed parameters that came with it.
///
/// `P` is read from the input's `parameters`; a fault is a 400 that names the input and the parameter. Members that are
/// `null` count as absent. `action`, `metadata` and `score_threshold` are not passed on: [`Item`](crate::model::Item)
/// has them.
///
/// ```
/// use chariot_engine::input::{Text, With};
///
/// #[derive(serde::Deserialize)]
/// struct Sampling {
///     #[serde(default)]
///     max_new_tokens: u32,
/// }
///
/// let item = With { input: Text("once upon".into()), parameters: Sampling { max_new_tokens: 8 } };
/// assert_eq!(item.len(), 9);
/// assert_eq!(item.parameters.max_new_tokens, 8);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct With<I, P> {
    /// The input.
    pub input: I,
    /// Its parameters.
    pub parameters: P,
}

impl<I, P> Deref for With<I, P> {
    type Target = I;

    fn deref(&self) -> &I {
        &self.input
    }
}

impl<I, P> Input for With<I, P>
where
    I: Input,
    I::Medium: Medium<Part: HasParameters>,
    P: DeserializeOwned + Send + Sync + 'static,
{
    type Medium = I::Medium;
    const INLINE: bool = I::INLINE;

    fn decode(part: <I::Medium as Medium>::Part, cx: &DecodeContext<'_>) -> Result<Self> {
        let parameters = part.parameters().decode()?;
        Ok(With { parameters, input: I::decode(part, cx)? })
    }

    fn columns() -> Vec<TensorSpec> {
        I::columns()
    }

    fn example() -> Option<JsonText> {
        example::with_parameters::<P>(I::example()?)
    }

    fn load(&self) -> Load {
        self.input.load()
    }

    fn memory(&self) -> usize {
        self.input.memory()
    }
}
