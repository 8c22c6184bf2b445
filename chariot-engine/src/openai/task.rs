//! [`Task`]: what a model can be asked for. The router and the handler ask which models serve it.

use crate::{
    input::PromptKind,
    model::{AnswerKind, Spec},
};

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// The continuation of a text.
    Completions,
    /// The next message of a conversation.
    Chat,
    /// The vector of a text.
    Embeddings,
}

impl Task {
    pub(crate) const ALL: [Task; 3] = [Task::Completions, Task::Chat, Task::Embeddings];

    /// Returns `true` if a model with this declaration serves the task.
    pub(crate) fn is_served_by(self, spec: &Spec) -> bool {
        let takes_text = spec.element == Some("text");
        match (self, spec.answer_kind()) {
            (Task::Completions, Some(AnswerKind::Text)) => takes_text || spec.prompt_kind().is_some(),
            (Task::Chat, Some(AnswerKind::Text)) => spec.prompt_kind() == Some(PromptKind::Chat),
            (Task::Embeddings, Some(AnswerKind::Embedding)) => takes_text,
            _ => false,
        }
    }

    /// Returns the last segments of its route.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Task::Completions => "completions",
            Task::Chat => "chat/completions",
            Task::Embeddings => "embeddings",
        }
    }
}
