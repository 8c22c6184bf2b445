//! Responses with generated text, of both routes. The runtime writes responses with their [`CompletionForm`].

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    events,
    form::{CompletionForm, Head},
    generated::{Generated, Usage},
    logprobs::Logprobs,
};
use crate::{
    error::Result,
    protocol::{JsonText, ResponseForm},
};

/// The most bytes of a choice beside its text.
const CHOICE: usize = 160;

/// The most bytes of a response beside its choices, its ID and the name of the model.
const HEAD: usize = 320;

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    choices: Vec<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a RawValue>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: &'a str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a RawValue,
    refusal: (),
}

impl CompletionForm {
    fn choice<'a>(&self, index: usize, output: &'a Generated<'_>) -> Choice<'a> {
        let message = Message { role: "assistant", content: output.text, refusal: () };
        let (message, text) = if self.is_chat() { (Some(message), None) } else { (None, Some(output.text)) };
        let logprobs = self.logprobs(output.logprobs, &mut 0);
        Choice { index, message, text, logprobs, finish_reason: output.finish_reason() }
    }
}

impl ResponseForm for CompletionForm {
    fn bound(&self, id: &str, outputs: &[JsonText]) -> usize {
        // Each token of a text is written twice if its probability is, beside the list of its bytes.
        let times = if self.answer.logprobs.is_some() { 2 } else { 1 };
        let choice = |output: &JsonText| output.as_bytes().len().saturating_mul(times).saturating_add(CHOICE);
        let choices = outputs.iter().map(choice);
        choices.fold(HEAD + 6 * (id.len() + self.model.len()), usize::saturating_add)
    }

    fn encode(&self, id: &str, outputs: &[JsonText], _: usize) -> Result<Vec<u8>> {
        let mut body = Vec::with_capacity(self.bound(id, outputs));
        let generated = outputs.iter().map(|output| Generated::read(output.as_str())).collect::<Result<Vec<_>>>()?;
        if self.answer.stream {
            // How a stream ends depends on what was sent of it.
            events::write_outputs(outputs, &mut body);
            return Ok(body);
        }
        let id = self.id(id);
        let object = if self.is_chat() { "chat.completion" } else { "text_completion" };
        let response = Whole {
            head: self.head(&id, object),
            choices: generated.iter().enumerate().map(|(index, text)| self.choice(index, text)).collect(),
            usage: Usage::sum(&generated, self.answer.n),
        };
        serde_json::to_writer(&mut body, &response)?;
        Ok(body)
    }
}
