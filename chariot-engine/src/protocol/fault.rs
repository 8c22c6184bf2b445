//! A fault in a body: its location, the expected and the given value. The reader makes faults, and each level of decoding
//! adds to the location.

use std::fmt;

use crate::error::{Rejection, shortened};

/// The result of reading. The fault is boxed to keep the result small where nothing is wrong.
pub(super) type ReadResult<T> = Result<T, Box<Fault>>;

/// The longest path into a JSON value of an arbitrary structure, in bytes.
const MAX_PATH: usize = 200;

/// A fault on its way outwards: each level that it passes adds to its path.
#[derive(Debug)]
pub(super) struct Fault {
    /// The offset in the body; `None` if line and column would not help.
    offset: Option<usize>,
    /// The named start of the path (`input 'a'`); nothing is put in front of it.
    owner: Option<String>,
    path: String,
    text: String,
}

impl Fault {
    /// Makes a fault at one offset of the body.
    pub(super) fn at(offset: usize, text: impl Into<String>) -> Box<Self> {
        Box::new(Fault { offset: Some(offset), owner: None, path: String::new(), text: text.into() })
    }

    /// Makes a fault without an offset: a value is missing, or several values do not agree.
    pub(super) fn new(text: impl Into<String>) -> Box<Self> {
        Box::new(Fault { offset: None, owner: None, path: String::new(), text: text.into() })
    }

    /// Replaces the text; drops a path that is too long to read.
    pub(super) fn with_text(mut self: Box<Self>, text: String) -> Box<Self> {
        if self.path.len() > MAX_PATH {
            self.path.clear();
        }
        self.text = text;
        self
    }

    /// Puts the member `key` of an object in front of the path.
    pub(super) fn in_member(mut self: Box<Self>, key: &str) -> Box<Self> {
        if self.owner.is_none() {
            let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
            self.path = format!("{}{dot}{}", shortened(key), self.path);
        }
        self
    }

    /// Puts the element `index` of a list in front of the path.
    pub(super) fn in_element(mut self: Box<Self>, index: usize) -> Box<Self> {
        if self.owner.is_none() {
            let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
            self.path = format!("[{index}]{dot}{}", self.path);
        }
        self
    }

    /// Starts the path at something with a name of its own, such as an input.
    pub(super) fn in_owner(mut self: Box<Self>, owner: String) -> Box<Self> {
        self.owner.get_or_insert(owner);
        self
    }

    /// Moves the offset, for a text that starts at `offset` of the body.
    pub(super) fn shifted(mut self: Box<Self>, offset: usize) -> Box<Self> {
        self.offset = self.offset.map(|at| at + offset);
        self
    }

    /// Returns the rejection with location, text, line and column. `document` is the text that the offset refers to.
    pub(super) fn rejection_in(mut self, document: &str) -> Rejection {
        if let Some(offset) = self.offset {
            self.text = format!("{} ({})", self.text, LineColumn::new(document, offset));
        }
        self.rejection()
    }

    /// Returns the rejection without line and column, for a text whose offset in the body is unknown.
    pub(super) fn rejection(self) -> Rejection {
        let mut rejection = Rejection::new(self.text);
        if !self.path.is_empty() {
            rejection = rejection.at(self.path);
        }
        match self.owner {
            Some(owner) => rejection.at(owner),
            None => rejection,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A line and a column, both counted from 1; a column is one character.
struct LineColumn {
    line: usize,
    column: usize,
}

impl LineColumn {
    fn new(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        LineColumn { line, column: before[start..].chars().count() + 1 }
    }
}

impl fmt::Display for LineColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Returns a shape as a caller writes it: `[2,3]`.
pub(super) fn shape_text(shape: &[usize]) -> String {
    let lengths: Vec<_> = shape.iter().map(usize::to_string).collect();
    format!("[{}]", lengths.join(","))
}
