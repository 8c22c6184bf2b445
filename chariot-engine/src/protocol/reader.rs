//! A strict JSON reader over a complete text. Requests, parameters and JSON elements are read with it.
//!
//! No existing reader meets its requirements: it reports the offset of every value (values are kept as slices of the body)
//! and the location of every fault, never repeats the caller's payload, and does not recurse.

use std::{borrow::Cow, ops::Range};

use super::{
    fault::{Fault, ReadResult},
    meter::Meter,
    number,
};
use crate::error::Expected;

/// The limit on nested lists and objects.
const MAX_DEPTH: u8 = 128;

/// A position in a JSON text.
#[derive(Clone)]
pub(super) struct JsonReader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    depth: u8,
    /// The start and the end of the name of the last member, with its quotes.
    name: (usize, usize),
    /// The meter of the memory of values; `None` if it is not counted.
    meter: Option<&'a Meter<'a>>,
}

impl<'a> JsonReader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        JsonReader { text, at: 0, depth: 0, name: (0, 0), meter: None }
    }

    /// Creates a reader that reserves the memory of what it reads.
    pub(super) fn metered(text: &'a str, meter: &'a Meter<'a>) -> Self {
        JsonReader { meter: Some(meter), ..JsonReader::new(text) }
    }

    /// Returns a reader of another text that reserves memory where this one does.
    pub(super) fn another(&self, text: &'a str) -> Self {
        JsonReader { meter: self.meter, ..JsonReader::new(text) }
    }

    /// Reserves memory for a value.
    pub(super) fn reserve(&self, bytes: usize) -> ReadResult<()> {
        match self.meter {
            None => Ok(()),
            Some(meter) => meter.read(bytes).map_err(|rejection| Fault::new(rejection.text())),
        }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the offset of the next byte, without skipping whitespace.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Returns the range of the name of the last member, with its quotes.
    pub(super) fn name_range(&self) -> Range<usize> {
        self.name.0..self.name.1
    }

    /// Continues at an offset where a number or a literal ends.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// Skips whitespace and returns the next byte without consuming it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(*byte),
            }
        }
        None
    }

    /// Consumes `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Consumes `null` if it is next.
    pub(super) fn null(&mut self) -> ReadResult<bool> {
        if self.peek() == Some(b'n') {
            self.literal("null")?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Returns the fault of an unexpected value. Reports invalid JSON first, if the value is not valid.
    #[cold]
    pub(super) fn unexpected(&mut self, expected: &str) -> Box<Fault> {
        if let Err(fault) = self.clone().skip() {
            return fault;
        }
        let got = kind_of(self.peek());
        Fault::at(self.at, Expected::new(expected, got))
    }

    /// Returns the fault of invalid JSON at the next byte.
    #[cold]
    fn invalid(&mut self, expected: &str) -> Box<Fault> {
        let got = match self.peek() {
            None => "the end of the text".to_owned(),
            Some(byte @ (b'{' | b'}' | b'[' | b']' | b',' | b':')) => format!("'{}'", char::from(byte)),
            Some(b'"') => "a string".to_owned(),
            Some(b'-' | b'0'..=b'9') => "a number".to_owned(),
            Some(_) => "an unexpected character".to_owned(),
        };
        Fault::at(self.at, format!("not valid JSON: {}", Expected::new(expected, got)))
    }

    fn enter(&mut self) -> ReadResult<()> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::at(self.at, format!("nesting exceeds the limit of {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    /// Checks that only whitespace follows.
    pub(super) fn end(&mut self) -> ReadResult<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.invalid("the end of the document")),
        }
    }

    /// Consumes the one value that is the whole text, and returns it without the whitespace around it.
    pub(super) fn whole(&mut self) -> ReadResult<&'a str> {
        let value = self.value()?;
        self.end()?;
        Ok(value)
    }

    /// Reads a list and returns its length; calls `element` at each element, with its index.
    pub(super) fn list(
        &mut self,
        expected: &str,
        mut element: impl FnMut(&mut Self, usize) -> ReadResult<()>,
    ) -> ReadResult<usize> {
        self.runs(expected, |reader, count| element(reader, *count))
    }

    /// Reads a list as [`list`](Self::list) does; `elements` may consume several elements, and adds those in front of the
    /// last one to the count.
    pub(super) fn runs(
        &mut self,
        expected: &str,
        mut elements: impl FnMut(&mut Self, &mut usize) -> ReadResult<()>,
    ) -> ReadResult<usize> {
        if self.peek() != Some(b'[') {
            return Err(self.unexpected(expected));
        }
        self.enter()?;
        if self.peek() == Some(b']') {
            self.leave();
            return Ok(0);
        }
        let mut count = 0;
        loop {
            elements(self, &mut count).map_err(|fault| fault.in_element(count))?;
            count += 1;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.leave();
                    return Ok(count);
                }
                _ => return Err(self.invalid("a comma or ']'").in_element(count - 1)),
            }
        }
    }

    /// Reads an object; calls `member` at the value of each member, with its name.
    pub(super) fn object(
        &mut self,
        expected: &str,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> ReadResult<()>,
    ) -> ReadResult<()> {
        if self.peek() != Some(b'{') {
            return Err(self.unexpected(expected));
        }
        self.enter()?;
        if self.peek() == Some(b'}') {
            self.leave();
            return Ok(());
        }
        loop {
            let key = self.key()?;
            member(self, key)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.leave();
                    return Ok(());
                }
                _ => return Err(self.invalid("a comma or '}'")),
            }
        }
    }

    /// Reads an object with the members `known`, each at most once; calls `member` at the value of each, with its index in
    /// `known`. Checks and ignores other members.
    pub(super) fn members(
        &mut self,
        known: &[&str],
        mut member: impl FnMut(&mut Self, usize) -> ReadResult<()>,
    ) -> ReadResult<()> {
        let mut seen = 0_u32;
        self.object("an object", |reader, key| match known.iter().position(|name| *name == key) {
            None => reader.skip().map_err(|fault| fault.in_member(&key)),
            Some(index) if seen & (1 << index) != 0 => Err(reader.duplicate().in_member(&key)),
            Some(index) => {
                seen |= 1 << index;
                member(reader, index).map_err(|fault| fault.in_member(&key))
            }
        })
    }

    /// Returns the fault of a member that its object already has, at the value of the second one.
    pub(super) fn duplicate(&self) -> Box<Fault> {
        Fault::at(self.at, "duplicate member")
    }

    /// Consumes the name of a member and its colon.
    fn key(&mut self) -> ReadResult<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return Err(self.invalid("a member name"));
        }
        let start = self.at;
        let key = self.string("a name")?;
        self.name = (start, self.at);
        if !self.take(b':') {
            return Err(self.invalid("':'"));
        }
        Ok(key)
    }

    /// Consumes any value, after checking all of it.
    pub(super) fn skip(&mut self) -> ReadResult<()> {
        // One bit per level that this call has opened, set for an object; `MAX_DEPTH` levels fit.
        let mut objects = 0_u128;
        let outside = self.depth;
        loop {
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    self.enter()?;
                    let close = if open == b'{' { b'}' } else { b']' };
                    if self.peek() != Some(close) {
                        objects = (objects << 1) | u128::from(open == b'{');
                        if open == b'{' {
                            self.skip_key()?;
                        }
                        continue;
                    }
                    self.leave();
                }
                Some(b'"') => {
                    self.skip_string()?;
                }
                Some(b'-' | b'0'..=b'9') => self.skip_number()?,
                Some(b't') => self.literal("true")?,
                Some(b'f') => self.literal("false")?,
                Some(b'n') => self.literal("null")?,
                _ => return Err(self.invalid("a value")),
            }
            // The end of a value may also be the end of the lists and objects around it.
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                let in_object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if in_object {
                            self.skip_key()?;
                        }
                        break;
                    }
                    Some(b'}') if in_object => self.leave(),
                    Some(b']') if !in_object => self.leave(),
                    _ if in_object => return Err(self.invalid("a comma or '}'")),
                    _ => return Err(self.invalid("a comma or ']'")),
                }
                objects >>= 1;
            }
        }
    }

    /// Consumes any value and returns its text.
    pub(super) fn value(&mut self) -> ReadResult<&'a str> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    fn skip_key(&mut self) -> ReadResult<()> {
        if self.peek() != Some(b'"') {
            return Err(self.invalid("a member name"));
        }
        self.skip_string()?;
        if !self.take(b':') {
            return Err(self.invalid("':'"));
        }
        Ok(())
    }

    fn skip_number(&mut self) -> ReadResult<()> {
        match number::end_of_number(self.text.as_bytes(), self.at) {
            Some(end) => {
                self.at = end;
                Ok(())
            }
            None => Err(Fault::at(self.at, "not valid JSON: malformed number")),
        }
    }

    /// Consumes `true`, `false` or `null`.
    pub(super) fn literal(&mut self, word: &str) -> ReadResult<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.invalid("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// Returns the next value without consuming it, if it is a well-formed number.
    pub(super) fn number_ahead(&mut self) -> Option<&'a str> {
        self.peek();
        let end = number::end_of_number(self.text.as_bytes(), self.at)?;
        Some(&self.text[self.at..end])
    }

    /// Returns `true` if a list whose first element is a list is next.
    pub(super) fn is_nested_list(&self) -> bool {
        let mut ahead = self.clone();
        ahead.take(b'[') && ahead.peek() == Some(b'[')
    }
}

/// Returns the kind of a JSON value with its article, from its first byte.
pub(super) fn kind_of(first: Option<u8>) -> &'static str {
    match first {
        Some(b'"') => "a string",
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) => "a number",
        None => "nothing",
    }
}
