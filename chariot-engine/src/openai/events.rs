//! [`CompletionEvents`]: generated text as server-sent events, of both routes. The server writes the events of a response
//! with it.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    error::error_body,
    form::{CompletionForm, Head},
    generated::{Generated, Usage},
    logprobs::Logprobs,
};
use crate::protocol::{EventForm, JsonText};

/// The event after the last chunk.
const DONE: &[u8] = b"data: [DONE]\n\n";

/// The events of one response.
pub(crate) struct CompletionEvents {
    form: Arc<CompletionForm>,
    id: String,
    /// The choices of which a chunk was sent.
    begun: BTreeMap<usize, Sent>,
}

/// The part of a choice that was sent.
#[derive(Default)]
struct Sent {
    has_text: bool,
    /// The characters of its tokens.
    characters: usize,
}

/// A part as an item has emitted it.
#[derive(Deserialize)]
struct Part<'a> {
    index: usize,
    #[serde(borrow)]
    part: &'a RawValue,
}

/// A part with the tokens of its text.
#[derive(Deserialize)]
struct WithTokens<'a> {
    #[serde(borrow)]
    text: &'a RawValue,
    #[serde(borrow)]
    logprobs: &'a RawValue,
}

#[derive(Serialize)]
struct Chunk<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    choices: &'a [Choice<'a>],
    /// `null` in all chunks but the last, if the caller wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Delta<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a RawValue>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a RawValue>,
}

/// Writes the outputs of a response, from which [`CompletionEvents`] makes its last events.
pub(super) fn write_outputs(outputs: &[JsonText], body: &mut Vec<u8>) {
    body.push(b'[');
    for (index, output) in outputs.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(output.as_bytes());
    }
    body.push(b']');
}

impl CompletionEvents {
    /// Returns the events of a request with this ID.
    pub(crate) fn new(form: Arc<CompletionForm>, id: &str) -> Self {
        let id = form.id(id);
        CompletionEvents { form, id, begun: BTreeMap::new() }
    }

    /// Writes a chunk with these choices.
    fn chunk(&self, choices: &[Choice<'_>], usage: Option<Usage>, events: &mut Vec<u8>) {
        let object = if self.form.is_chat() { "chat.completion.chunk" } else { "text_completion" };
        let usage = self.form.answer.include_usage.then_some(usage);
        write_event(&Chunk { head: self.form.head(&self.id, object), choices, usage }, events);
    }

    /// Writes the first chunk of a choice, if it has one and it was not sent.
    fn begin(&mut self, index: usize, events: &mut Vec<u8>) {
        if self.begun.contains_key(&index) {
            return;
        }
        self.begun.insert(index, Sent::default());
        if self.form.is_chat() {
            let delta = Delta { role: Some("assistant"), content: Some(empty()) };
            self.chunk(
                &[Choice { index, delta: Some(delta), text: None, logprobs: None, finish_reason: None }],
                None,
                events,
            );
        }
    }

    /// Writes a chunk with a text and its tokens.
    fn text(&mut self, index: usize, text: &RawValue, tokens: Option<&RawValue>, events: &mut Vec<u8>) {
        self.begin(index, events);
        let sent = self.begun.entry(index).or_default();
        sent.has_text = true;
        let logprobs = self.form.logprobs(tokens, &mut sent.characters);
        self.choice(index, Some(text), logprobs, None, events);
    }

    fn choice(
        &self,
        index: usize,
        text: Option<&RawValue>,
        logprobs: Option<Logprobs<'_>>,
        finish_reason: Option<&str>,
        events: &mut Vec<u8>,
    ) {
        let is_chat = self.form.is_chat();
        let delta = is_chat.then_some(Delta { role: None, content: text });
        let text = (!is_chat).then(|| text.unwrap_or(empty()));
        self.chunk(&[Choice { index, delta, text, logprobs, finish_reason }], None, events);
    }
}

impl EventForm for CompletionEvents {
    fn part(&mut self, part: &[u8], events: &mut Vec<u8>) {
        let Ok(Part { index, part }) = serde_json::from_slice(part) else { return };
        // What is no text has no place in the answer.
        if part.get().starts_with('"') {
            self.text(index, part, None, events);
        } else if let Ok(WithTokens { text, logprobs }) = serde_json::from_str(part.get()) {
            self.text(index, text, Some(logprobs), events);
        }
    }

    fn end(&mut self, response: &[u8], events: &mut Vec<u8>) {
        let outputs = serde_json::from_slice::<Vec<[Generated<'_>; 1]>>(response);
        let Ok(outputs) = outputs else {
            return self.failure(500, "the model failed", events);
        };
        let outputs: Vec<Generated<'_>> = outputs.into_iter().flatten().collect();
        for (index, output) in outputs.iter().enumerate() {
            self.begin(index, events);
            let has_text = self.begun.get(&index).is_some_and(|sent| sent.has_text);
            let has_tokens = output.logprobs.is_some_and(|tokens| tokens.get() != "[]");
            if !has_text && (output.text.get() != empty().get() || has_tokens) {
                // The model has emitted no part of it.
                self.text(index, output.text, output.logprobs, events);
            }
            self.choice(index, None, None, Some(output.finish_reason()), events);
        }
        if self.form.answer.include_usage {
            self.chunk(&[], Usage::sum(&outputs, self.form.answer.n), events);
        }
        events.extend_from_slice(DONE);
    }

    fn failure(&mut self, status: u16, message: &str, events: &mut Vec<u8>) {
        events.extend_from_slice(b"data: ");
        events.extend_from_slice(&error_body(status, message));
        events.extend_from_slice(b"\n\n");
        events.extend_from_slice(DONE);
    }
}

/// Returns an empty string of JSON.
fn empty() -> &'static RawValue {
    serde_json::from_str("\"\"").unwrap_or(RawValue::NULL)
}

fn write_event(event: &impl Serialize, events: &mut Vec<u8>) {
    events.extend_from_slice(b"data: ");
    // Writing strings and numbers into memory cannot fail.
    let _ = serde_json::to_writer(&mut *events, event);
    events.extend_from_slice(b"\n\n");
}
