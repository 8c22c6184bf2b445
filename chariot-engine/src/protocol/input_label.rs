//! The names of inputs in error messages. Used while a request is decoded and by the items made from it.

use crate::error::quoted;

/// The part of the body that an input comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// One of the list of inputs.
    #[default]
    Inputs,
    /// The only item of a request of `chariot-v2`.
    Body,
    /// The item on this line, counted from 1.
    Line(usize),
    /// This part of a form, counted from 1.
    Part(usize),
    /// A member of a body of another protocol, which the input is named after.
    #[cfg_attr(not(feature = "openai"), expect(dead_code, reason = "only OpenAI's API makes it"))]
    Member,
}

impl Origin {
    /// Returns the name of an input in error messages, from its own name and its index.
    pub(crate) fn label(self, name: &str, index: usize) -> String {
        match self {
            Origin::Inputs => input_label(name, index),
            Origin::Body => "input".to_owned(),
            Origin::Line(line) => format!("line {line}"),
            Origin::Part(part) if name.is_empty() => format!("part {part}"),
            Origin::Part(part) => format!("part {part} ({})", quoted(name)),
            Origin::Member => name.to_owned(),
        }
    }
}

/// Returns the name of an input in error messages, from its own name and its index.
pub(crate) fn input_label(name: &str, index: usize) -> String {
    owner(name).unwrap_or_else(|| format!("inputs[{index}]"))
}

/// Returns the name of an input in error messages, or `None` if it has no name of its own.
pub(super) fn owner(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| format!("input {}", quoted(name)))
}
