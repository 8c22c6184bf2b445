//! How error texts call the inputs of a request. Decoding and the items that are cut from inputs use it.

use crate::error::quoted;

/// What of a body an input was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// One of the list of inputs.
    #[default]
    Inputs,
    /// The only item of a request of `chariot-v2`.
    Body,
    /// The item on this line, counted from 1.
    Line(usize),
}

impl Origin {
    /// How an error text calls the input of this name and index.
    pub(crate) fn label(self, name: &str, index: usize) -> String {
        match self {
            Origin::Inputs => input_label(name, index),
            Origin::Body => "input".to_owned(),
            Origin::Line(line) => format!("line {line}"),
        }
    }
}

/// How an error text calls the input of this name and index.
pub(crate) fn input_label(name: &str, index: usize) -> String {
    owner(name).unwrap_or_else(|| format!("inputs[{index}]"))
}

/// How an error text calls an input of this name, if it has one.
pub(super) fn owner(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| format!("input {}", quoted(name)))
}
