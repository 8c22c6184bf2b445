//! A strict JSON reader over a text that is wholly in memory. Requests, parameters and JSON elements are read with it.
//!
//! It is our own because of what it must tell: the offset of every value (a value is kept as a slice of the body), the
//! place of every fault, and never the caller's payload. It reads without recursion, so depth is a count.

use std::borrow::Cow;

use super::{
    fault::{Fault, Read},
    number,
};

/// How deep lists and objects may be nested.
pub(super) const DEPTH: u8 = 128;

/// A place in a JSON text, and how to go on from it.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    depth: u8,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Reader { text, at: 0, depth: 0 }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The offset of what comes next, blanks not skipped.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Goes on from an offset that a number or a literal ends at.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// The next byte that is no blank, without taking it.
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

    /// Takes `byte` if it is what comes next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes a `null` if one comes next.
    pub(super) fn null(&mut self) -> Read<bool> {
        if self.peek() == Some(b'n') {
            self.literal("null")?;
            return Ok(true);
        }
        Ok(false)
    }

    /// What stands here is not what was expected. A value that is no JSON at all is told as that.
    #[cold]
    pub(super) fn unexpected(&mut self, expected: &str) -> Box<Fault> {
        if let Err(fault) = self.clone().skip() {
            return fault;
        }
        let came = kind_of(self.peek());
        Fault::at(self.at, format!("{expected} is expected, {came} came"))
    }

    #[cold]
    fn broken(&mut self, expected: &str) -> Box<Fault> {
        let came = match self.peek() {
            None => "the end of the text".to_owned(),
            Some(byte @ (b'{' | b'}' | b'[' | b']' | b',' | b':')) => format!("'{}'", char::from(byte)),
            Some(b'"') => "a string".to_owned(),
            Some(b'-' | b'0'..=b'9') => "a number".to_owned(),
            Some(_) => "something else".to_owned(),
        };
        Fault::at(self.at, format!("not valid JSON: {expected} is expected, {came} came"))
    }

    fn enter(&mut self) -> Read<()> {
        if self.depth == DEPTH {
            return Err(Fault::at(self.at, format!("lists and objects are nested deeper than {DEPTH} levels")));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    /// Nothing but blanks may follow.
    pub(super) fn end(&mut self) -> Read<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Fault::at(self.at, "not valid JSON: something follows the end of the document")),
        }
    }

    /// Takes one value that is the whole text, and gives its text without the blanks around it.
    pub(super) fn whole(&mut self) -> Read<&'a str> {
        let value = self.value()?;
        self.end()?;
        Ok(value)
    }

    /// Reads a list: `element` is called at each element, with its index.
    pub(super) fn list(
        &mut self,
        expected: &str,
        mut element: impl FnMut(&mut Self, usize) -> Read<()>,
    ) -> Read<usize> {
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
            element(self, count).map_err(|fault| fault.in_element(count))?;
            count += 1;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.leave();
                    return Ok(count);
                }
                _ => return Err(self.broken("a comma or ']'").in_element(count - 1)),
            }
        }
    }

    /// Reads an object: `member` is called at the value of each member, with its name.
    pub(super) fn object(
        &mut self,
        expected: &str,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Read<()>,
    ) -> Read<()> {
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
                _ => return Err(self.broken("a comma or '}'")),
            }
        }
    }

    /// Reads an object of which the members `known` count, each at most once: `member` is called at the value of each
    /// of these, with its index in `known`. Others are checked and ignored.
    pub(super) fn members(&mut self, known: &[&str], mut member: impl FnMut(&mut Self, usize) -> Read<()>) -> Read<()> {
        let mut seen = 0_u32;
        self.object("an object", |reader, key| match known.iter().position(|name| *name == key) {
            None => reader.skip().map_err(|fault| fault.in_member(&key)),
            Some(index) if seen & (1 << index) != 0 => Err(reader.twice().in_member(&key)),
            Some(index) => {
                seen |= 1 << index;
                member(reader, index).map_err(|fault| fault.in_member(&key))
            }
        })
    }

    /// The member whose value comes next has been there already.
    pub(super) fn twice(&self) -> Box<Fault> {
        Fault::at(self.at, "the member stands twice in its object")
    }

    /// Takes a member's name and its colon.
    fn key(&mut self) -> Read<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return Err(self.broken("the name of a member"));
        }
        let key = self.string("a name")?;
        if !self.take(b':') {
            return Err(self.broken("':'"));
        }
        Ok(key)
    }

    /// Takes any value, checking it to its depths.
    pub(super) fn skip(&mut self) -> Read<()> {
        // A bit for each level that this call has opened: set for an object. `DEPTH` levels fit.
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
                            self.pass_key()?;
                        }
                        continue;
                    }
                    self.leave();
                }
                Some(b'"') => self.pass_string(|_| ())?,
                Some(b'-' | b'0'..=b'9') => self.pass_number()?,
                Some(b't') => self.literal("true")?,
                Some(b'f') => self.literal("false")?,
                Some(b'n') => self.literal("null")?,
                _ => return Err(self.broken("a value")),
            }
            // A value has ended: so may what it stands in.
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                let in_object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if in_object {
                            self.pass_key()?;
                        }
                        break;
                    }
                    Some(b'}') if in_object => self.leave(),
                    Some(b']') if !in_object => self.leave(),
                    _ if in_object => return Err(self.broken("a comma or '}'")),
                    _ => return Err(self.broken("a comma or ']'")),
                }
                objects >>= 1;
            }
        }
    }

    /// Takes any value and gives its text.
    pub(super) fn value(&mut self) -> Read<&'a str> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(&self.text[start..self.at])
    }

    fn pass_key(&mut self) -> Read<()> {
        if self.peek() != Some(b'"') {
            return Err(self.broken("the name of a member"));
        }
        self.pass_string(|_| ())?;
        if !self.take(b':') {
            return Err(self.broken("':'"));
        }
        Ok(())
    }

    fn pass_number(&mut self) -> Read<()> {
        match number::end_of_number(self.text.as_bytes(), self.at) {
            Some(end) => {
                self.at = end;
                Ok(())
            }
            None => Err(Fault::at(self.at, "not valid JSON: the number is malformed")),
        }
    }

    /// Takes `true`, `false` or `null`.
    pub(super) fn literal(&mut self, word: &str) -> Read<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(Fault::at(self.at, "not valid JSON: a value is expected, something else came"));
        }
        self.at += word.len();
        Ok(())
    }

    /// The well-formed number that comes next, without taking it.
    pub(super) fn number_ahead(&mut self) -> Option<&'a str> {
        self.peek();
        let end = number::end_of_number(self.text.as_bytes(), self.at)?;
        Some(&self.text[self.at..end])
    }

    /// Whether a list comes next whose first element is a list.
    pub(super) fn list_in_list(&self) -> bool {
        let mut ahead = self.clone();
        ahead.take(b'[') && ahead.peek() == Some(b'[')
    }
}

/// What a value is, by its first byte.
pub(super) fn kind_of(first: Option<u8>) -> &'static str {
    match first {
        Some(b'"') => "a string",
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        Some(_) => "a number",
        None => "nothing",
    }
}
