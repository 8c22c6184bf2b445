//! A fault in a body: where it is, what was expected, what came. The reader makes them, decoding says where they stand.

use std::fmt;

use crate::error::{Rejection, shortened};

/// What reading yields. The fault is boxed to keep the result small on the paths where nothing is wrong.
pub(super) type Read<T> = Result<T, Box<Fault>>;

/// A fault on its way outwards: each level that it passes adds its place.
#[derive(Debug)]
pub(super) struct Fault {
    /// The offset in the body; `None` where line and column would not help.
    at: Option<usize>,
    /// What the path starts from once it is known (`input 'a'`): nothing is put before it any more.
    owner: Option<String>,
    path: String,
    text: String,
}

impl Fault {
    /// A fault of one spot of the body.
    pub(super) fn at(at: usize, text: impl Into<String>) -> Box<Self> {
        Box::new(Fault { at: Some(at), owner: None, path: String::new(), text: text.into() })
    }

    /// A fault of a whole: something is missing, or parts disagree.
    pub(super) fn of(text: impl Into<String>) -> Box<Self> {
        Box::new(Fault { at: None, owner: None, path: String::new(), text: text.into() })
    }

    /// The same place, with another text; a path too long to be read is left out.
    pub(super) fn saying(mut self: Box<Self>, text: String) -> Box<Self> {
        if self.path.len() > LONGEST_PATH {
            self.path.clear();
        }
        self.text = text;
        self
    }

    /// The same fault, in the member `key` of an object.
    pub(super) fn in_member(mut self: Box<Self>, key: &str) -> Box<Self> {
        if self.owner.is_none() {
            let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
            self.path = format!("{}{dot}{}", shortened(key), self.path);
        }
        self
    }

    /// The same fault, in the element `index` of a list.
    pub(super) fn in_element(mut self: Box<Self>, index: usize) -> Box<Self> {
        if self.owner.is_none() {
            let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
            self.path = format!("[{index}]{dot}{}", self.path);
        }
        self
    }

    /// The same fault, in something that has a name of its own.
    pub(super) fn in_owner(mut self: Box<Self>, owner: String) -> Box<Self> {
        self.owner.get_or_insert(owner);
        self
    }

    /// The same fault, in a text that starts at `offset` of the body.
    pub(super) fn shifted(mut self: Box<Self>, offset: usize) -> Box<Self> {
        self.at = self.at.map(|at| at + offset);
        self
    }

    /// What the caller reads: place, text, line and column. `text` is the document whose offsets the fault speaks of.
    pub(super) fn rejection(mut self, text: &str) -> Rejection {
        if let Some(at) = self.at {
            self.text = format!("{} ({})", self.text, Position::of(text, at));
        }
        self.unplaced()
    }

    /// The same without line and column, for a text whose place in a body is not known.
    pub(super) fn unplaced(self) -> Rejection {
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

/// Line and column, both from 1; a column is a character.
struct Position {
    line: usize,
    column: usize,
}

impl Position {
    fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position { line, column: before[start..].chars().count() + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The longest path into a JSON value of the caller's own making, in bytes.
const LONGEST_PATH: usize = 200;
/// A shape as a caller would write it: `[2,3]`.
pub(super) fn written(shape: &[usize]) -> String {
    let lengths: Vec<_> = shape.iter().map(usize::to_string).collect();
    format!("[{}]", lengths.join(","))
}
