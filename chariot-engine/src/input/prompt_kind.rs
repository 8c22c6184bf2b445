//! [`PromptKind`]: the form in which an input is a prompt. Inputs declare it, and `Spec` carries it.

/// The form in which an input takes what a model continues or answers.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptKind {
    /// A [`Prompt`](super::Prompt).
    Prompt,
    /// A [`Chat`](super::Chat).
    Chat,
}
