//! The outputs of models that generate text, read from their form on the wire. Responses and events are made of them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Result;

/// A text that a model generated. The text stays as it is on the wire, with its quotes and escapes.
#[derive(Debug, Deserialize)]
pub(super) struct Generated<'a> {
    #[serde(borrow, rename = "generated_text")]
    pub(super) text: &'a RawValue,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: Option<Tokens>,
    /// The tokens of the text.
    #[serde(borrow, default)]
    pub(super) logprobs: Option<&'a RawValue>,
}

/// The number of tokens of one answer.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Tokens {
    prompt_tokens: u64,
    completion_tokens: u64,
}

/// The number of tokens of a request, on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl<'a> Generated<'a> {
    /// Reads an output.
    ///
    /// # Errors
    /// Fails if it has another form.
    pub(super) fn read(output: &'a str) -> Result<Self> {
        let [generated] = serde_json::from_str(output)?;
        Ok(generated)
    }

    /// Returns the reason why the text ends. Clients wait for one, so a model that names none has stopped.
    pub(super) fn finish_reason(&self) -> &str {
        self.finish_reason.as_deref().unwrap_or("stop")
    }
}

impl Usage {
    /// Returns the sum of the outputs, of which `n` in a row have the same prompt. `None` if the model does not count.
    pub(super) fn sum(outputs: &[Generated<'_>], n: usize) -> Option<Self> {
        let mut sum = Usage { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
        for (index, output) in outputs.iter().enumerate() {
            let Tokens { prompt_tokens, completion_tokens } = output.usage?;
            if index % n == 0 {
                sum.prompt_tokens = sum.prompt_tokens.saturating_add(prompt_tokens);
            }
            sum.completion_tokens = sum.completion_tokens.saturating_add(completion_tokens);
        }
        sum.total_tokens = sum.prompt_tokens.saturating_add(sum.completion_tokens);
        Some(sum)
    }
}
