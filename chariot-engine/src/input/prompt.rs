//! [`Prompt`]: a text to continue, with sampling parameters. Models that generate text take it.

use std::sync::Arc;

use super::{
    context::DecodeContext, decode::Input, modality, payload::ElementPayload, prompt_kind::PromptKind,
    sampling::Sampling, text::Text,
};
use crate::{
    error::Result,
    protocol::{JsonText, block},
};

/// A text to continue, with the sampling parameters of the caller.
///
/// The element is taken as it is, like a [`Text`]. The parameters are those of its input.
///
/// ```
/// use chariot_engine::input::{DecodeContext, ElementPayload, Input, Prompt};
/// use chariot_engine::protocol::{BytesElement, Parameters};
///
/// let parameters = Parameters::from_text(r#"{"max_tokens": 8}"#)?;
/// let payload = ElementPayload::new("a", BytesElement::Binary("Once upon".into()), parameters);
/// let prompt = Prompt::decode(payload, &DecodeContext::default()).unwrap();
/// assert_eq!((&*prompt.text, prompt.sampling.max_tokens), ("Once upon", Some(8)));
/// # Ok::<(), chariot_engine::Rejection>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    /// The text.
    pub text: String,
    /// The sampling parameters, which all items of an input share.
    pub sampling: Arc<Sampling>,
}

impl Input for Prompt {
    type Modality = modality::Text;
    const INLINE: bool = Text::INLINE;
    const PROMPT: Option<PromptKind> = Some(PromptKind::Prompt);

    fn decode(payload: ElementPayload, cx: &DecodeContext<'_>) -> Result<Self> {
        let sampling = payload.parameters.decode_once(cx.meter())?;
        let Text(text) = Text::decode(payload, cx)?;
        Ok(Prompt { text, sampling })
    }

    fn memory(&self) -> usize {
        block(self.text.capacity())
    }

    fn example() -> Option<JsonText> {
        Text::example()
    }

    fn params_schema() -> Option<JsonText> {
        Sampling::schema()
    }
}
