//! [`CompletionForm`]: what the responses and the events of a request for text have in common.

use std::sync::Arc;

use serde::Serialize;

use super::{request::Answer, task::Task};

/// The form of the responses to one request.
#[derive(Debug)]
pub(crate) struct CompletionForm {
    /// The name of the model.
    pub(super) model: String,
    /// The time of the request, in seconds since 1970.
    pub(super) created: u64,
    pub(super) answer: Answer,
}

/// The members in front of the choices.
#[derive(Debug, Serialize)]
pub(super) struct Head<'a> {
    pub(super) id: &'a str,
    pub(super) object: &'static str,
    pub(super) created: u64,
    pub(super) model: &'a str,
}

impl CompletionForm {
    pub(crate) fn new(model: &str, created: u64, answer: Answer) -> Arc<Self> {
        Arc::new(CompletionForm { model: model.to_owned(), created, answer })
    }

    /// Returns `true` if the answers are messages.
    pub(super) fn is_chat(&self) -> bool {
        self.answer.task == Task::Chat
    }

    /// Returns the members in front of the choices.
    pub(super) fn head<'a>(&'a self, id: &'a str, object: &'static str) -> Head<'a> {
        Head { id, object, created: self.created, model: &self.model }
    }

    /// Returns the ID of a response, from that of its request.
    pub(super) fn id(&self, id: &str) -> String {
        format!("{}-{id}", if self.is_chat() { "chatcmpl" } else { "cmpl" })
    }
}
