//! The names of classes in the property `names` of an ONNX file, as the exporters of the YOLO family write it: the text of a
//! Python dict or list. The models of tasks with classes and the command line call it.

use std::{iter::Peekable, str::CharIndices};

use chariot_engine::Error;

use crate::message::expected;

/// The name of the property.
pub(crate) const PROPERTY: &str = "names";

/// Reads the names from the text of a dict, `{0: 'person', 1: 'car'}`, whose IDs count from 0, or of a list,
/// `['person', 'car']`.
///
/// # Errors
/// Returns an error that names the place if the text is neither, if an ID is another one, or if there are no names.
pub(crate) fn parse(text: &str) -> Result<Vec<String>, Error> {
    let mut reader = Reader { text, rest: text.char_indices().peekable() };
    let close = match reader.next_token() {
        Some((_, '{')) => '}',
        Some((_, '[')) => ']',
        other => return Err(reader.fault("a dict or a list of names", other)),
    };
    let mut names = Vec::new();
    loop {
        if close == '}' {
            reader.id(names.len())?;
            reader.expect(':')?;
        }
        names.push(reader.string()?);
        match reader.next_token() {
            Some((_, ',')) => {}
            Some((_, end)) if end == close => break,
            other => return Err(reader.fault(format_args!("',' or '{close}'"), other)),
        }
    }
    match reader.next_token() {
        None => Ok(names),
        other => Err(reader.fault("the end of the text", other)),
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl Reader<'_> {
    /// Returns the next character that is not a space.
    fn next_token(&mut self) -> Option<(usize, char)> {
        while self.rest.next_if(|(_, character)| *character == ' ').is_some() {}
        self.rest.next()
    }

    fn expect(&mut self, wanted: char) -> Result<(), Error> {
        match self.next_token() {
            Some((_, found)) if found == wanted => Ok(()),
            other => Err(self.fault(format_args!("'{wanted}'"), other)),
        }
    }

    /// Reads the ID of the next name.
    fn id(&mut self, wanted: usize) -> Result<(), Error> {
        let what = format!("the ID {wanted}");
        let digits = wanted.to_string();
        let mut found = self.next_token();
        let first = found;
        for digit in digits.chars() {
            match found {
                Some((_, character)) if character == digit => found = self.rest.next_if(|(_, c)| c.is_ascii_digit()),
                _ => return Err(self.fault(what, first)),
            }
        }
        // More digits are another number.
        if found.is_some() { Err(self.fault(what, first)) } else { Ok(()) }
    }

    /// Reads a string in single or double quotes.
    fn string(&mut self) -> Result<String, Error> {
        let (start, quote) = match self.next_token() {
            Some((start, quote @ ('\'' | '"'))) => (start, quote),
            other => return Err(self.fault("a name in quotes", other)),
        };
        let mut name = String::new();
        loop {
            match self.rest.next() {
                Some((_, end)) if end == quote => return Ok(name),
                Some((at, '\\')) => name.push(self.escaped(at)?),
                Some((_, character)) => name.push(character),
                None => return Err(self.fault(format_args!("the end of the name that begins at {start}"), None)),
            }
        }
    }

    /// Reads what follows a backslash, in the forms that Python writes.
    fn escaped(&mut self, at: usize) -> Result<char, Error> {
        let digits = match self.rest.next() {
            Some((_, same @ ('\\' | '\'' | '"'))) => return Ok(same),
            Some((_, 'n')) => return Ok('\n'),
            Some((_, 'r')) => return Ok('\r'),
            Some((_, 't')) => return Ok('\t'),
            Some((_, 'x')) => 2,
            Some((_, 'u')) => 4,
            Some((_, 'U')) => 8,
            _ => return Err(self.fault("an escape of Python", Some((at, '\\')))),
        };
        let mut number = 0;
        for _ in 0..digits {
            let digit = self.rest.next().and_then(|(_, digit)| digit.to_digit(16));
            let digit =
                digit.ok_or_else(|| self.fault(format_args!("{digits} hexadecimal digits"), Some((at, '\\'))))?;
            number = number << 4 | digit;
        }
        char::from_u32(number).ok_or_else(|| self.fault("an escape of a character", Some((at, '\\'))))
    }

    /// Returns an error about the character at a byte of the text, or about its end.
    fn fault(&self, what: impl std::fmt::Display, got: Option<(usize, char)>) -> Error {
        let (at, got) = match got {
            Some((at, character)) => (at, format!("'{}'", character.escape_debug())),
            None => (self.text.len(), "the end".to_owned()),
        };
        Error::from(format!("byte {at}: {}", expected(what, got)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_a_dict_or_a_list_of_python() {
        let names = |text: &str| parse(text).map_err(|error| error.to_string());
        let of = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_string()).collect::<Vec<_>>());
        assert_eq!(names("{0: 'person', 1: 'car'}"), of(&["person", "car"]));
        assert_eq!(names(r#"['person', "driver's cab"]"#), of(&["person", "driver's cab"]));
        assert_eq!(
            names(r"{0:'a\\\'\n',1:'\xe9\u20ac\U0001f600 {}[],:' }"),
            of(&["a\\'\n", "\u{e9}\u{20ac}\u{1f600} {}[],:"])
        );
        let many: Vec<String> = (0..1200).map(|id| format!("{id}: 'class {id}'")).collect();
        assert_eq!(names(&format!("{{{}}}", many.join(", "))).unwrap().len(), 1200);
    }

    #[test]
    fn everything_else_is_refused_with_its_place() {
        for (text, fault) in [
            ("", "byte 0: expected a dict or a list of names, got the end"),
            ("person, car", "byte 0: expected a dict or a list of names, got 'p'"),
            ("{}", "byte 1: expected the ID 0, got '}'"),
            ("[]", "byte 1: expected a name in quotes, got ']'"),
            ("{1: 'a'}", "byte 1: expected the ID 0, got '1'"),
            ("{0: 'a', 10: 'b'}", "byte 9: expected the ID 1, got '1'"),
            ("{0: 'a', 0: 'b'}", "byte 9: expected the ID 1, got '0'"),
            ("{0 'a'}", "byte 3: expected ':', got '\\''"),
            ("{0: a}", "byte 4: expected a name in quotes, got 'a'"),
            ("{0: 'a'", "byte 7: expected ',' or '}', got the end"),
            ("{0: 'a']", "byte 7: expected ',' or '}', got ']'"),
            ("{0: 'a',}", "byte 8: expected the ID 1, got '}'"),
            ("['a'] + ['b']", "byte 6: expected the end of the text, got '+'"),
            ("['a", "byte 3: expected the end of the name that begins at 1, got the end"),
            (r"['\q']", r"byte 2: expected an escape of Python, got '\\'"),
            (r"['\xfg']", r"byte 2: expected 2 hexadecimal digits, got '\\'"),
            (r"['\ud800']", r"byte 2: expected an escape of a character, got '\\'"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), fault, "{text}");
        }
        // A text that only begins many things takes no stack.
        assert!(parse(&"[".repeat(1 << 20)).is_err() && parse(&"{0: ".repeat(1 << 18)).is_err());
    }
}
