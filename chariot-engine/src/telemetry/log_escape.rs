//! The escaping of log lines: no text of a caller, an author or the environment can end a line, hide one, or repaint a
//! terminal. `logs` writes every event through it.

use std::fmt::{self, Write};

use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FormatFields,
        format::{DefaultFields, Writer},
    },
};

use crate::error::{is_unprintable, printable};

/// Formats the fields of an event for people, with unprintable characters escaped. Line breaks stay: `logs` indents what
/// follows them.
#[derive(Debug, Default)]
pub(super) struct PrintableFields(DefaultFields);

impl<'writer> FormatFields<'writer> for PrintableFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        self.0.format_fields(Writer::new(&mut Printable(writer)), fields)
    }
}

/// Writes text with unprintable characters escaped, except line breaks.
struct Printable<'writer>(Writer<'writer>);

impl Write for Printable<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (index, line) in text.split('\n').enumerate() {
            self.0.write_str(if index > 0 { "\n" } else { "" })?;
            self.0.write_str(&printable(line))?;
        }
        Ok(())
    }
}

/// Escapes the unprintable characters of JSON text that its encoder leaves as they are. Returns `None` if there are none.
/// They occur only within strings, and all of them have four digits.
pub(super) fn escaped_json(json: &str) -> Option<String> {
    json.contains(is_unprintable).then(|| {
        let mut escaped = String::with_capacity(json.len() + 64);
        for character in json.chars() {
            match is_unprintable(character) {
                true => escaped.push_str(&format!("\\u{:04x}", u32::from(character))),
                false => escaped.push(character),
            }
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[test]
    fn json_stays_json() {
        let text = "\r\n\0\u{7f}\u{9b}\u{2028}\u{202e}\u{feff}é 犬";
        let json = serde_json::Value::from(text).to_string();
        let escaped = escaped_json(&json).unwrap();
        assert!(!escaped.contains(is_unprintable), "{escaped:?}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        assert_eq!(escaped_json(r#"{"a": "é 犬"}"#), None);
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_text_of_an_event_for_people_is_unprintable() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(PrintableFields::default())
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let text = "a\r\u{1b}[2K\u{9b}\0\u{85}\u{2028}\u{202e}\u{feff}é";
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(text, shown = %text, debug = ?[text], "message {text}\nand a line");
            tracing::info_span!("span", %text).in_scope(|| tracing::error!("within"));
        });
        let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(!written.contains(|character| character != '\n' && is_unprintable(character)), "{written:?}");
        assert_eq!(written.lines().count(), 3);
        assert!(written.contains("message a\\r"), "{written}");
    }
}
