//! Text of the renderings: quoting that YAML and Python both read, and names for Kubernetes.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// The length limit of most names in Kubernetes, and of label values.
const MAX_LENGTH: usize = 63;

/// Returns the text in double quotes, as JSON, YAML 1.1, YAML 1.2 and Python all read it. Unprintable characters are
/// escaped.
pub(super) fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    escaped(&json).unwrap_or(json)
}

/// Escapes unprintable characters as `\u....`. Returns `None` if there are none. Text that JSON has already escaped has
/// none.
fn escaped(json: &str) -> Option<String> {
    // These include the line breaks of YAML 1.1 and byte order marks.
    let unprintable =
        |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    json.contains(unprintable).then(|| {
        let escape = |c: char| if unprintable(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
        json.chars().map(escape).collect()
    })
}

/// Renders a value as a Python literal. Lists and objects take several lines, of which all but the first are indented by
/// this number of spaces.
pub(super) fn python(value: &(impl Serialize + ?Sized), indent: usize) -> String {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, PythonFormatter(PrettyFormatter::with_indent(b"    ")));
    // Writing plain data with string keys into memory cannot fail.
    value.serialize(&mut serializer).expect("the value is plain data");
    // Line breaks within strings are escaped, so these are all between values.
    String::from_utf8_lossy(&text).replace('\n', &format!("\n{:indent$}", ""))
}

/// A JSON formatter with Python's `None`, `True` and `False`.
struct PythonFormatter(PrettyFormatter<'static>);

impl Formatter for PythonFormatter {
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"None")
    }

    fn write_bool<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: bool) -> io::Result<()> {
        writer.write_all(if value { b"True" } else { b"False" })
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        match escaped(fragment) {
            Some(escaped) => writer.write_all(escaped.as_bytes()),
            None => writer.write_all(fragment.as_bytes()),
        }
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

/// Converts a name to a Kubernetes name (an RFC 1035 label) with this suffix: `My_Engine` becomes `my-engine`.
pub(super) fn dns_label(name: &str, suffix: &str) -> String {
    let folded: String =
        name.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let mut label = folded.trim_matches('-').to_string();
    if !label.starts_with(|c: char| c.is_ascii_lowercase()) {
        label.insert_str(0, "engine-");
    }
    label.truncate(MAX_LENGTH - suffix.len());
    format!("{}{suffix}", label.trim_end_matches('-'))
}

/// Converts a text to a Kubernetes label value: `1.0.0+build 7` becomes `1.0.0-build-7`.
pub(super) fn label_value(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let value: String = text.chars().map(|c| if fits(c) { c } else { '-' }).take(MAX_LENGTH).collect();
    value.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unprintable_characters_are_escaped() {
        assert_eq!(quoted("a \"b\"\n\u{7f}\u{85}\u{2028}é😀"), r#""a \"b\"\n\u007f\u0085\u2028é😀""#);
        assert_eq!(python(&"a \"b\"\n\u{7f}\u{85}\u{2028}é😀", 0), r#""a \"b\"\n\u007f\u0085\u2028é😀""#);
    }

    #[test]
    fn python_literals_are_named_differently_from_json() {
        assert_eq!(
            python(&(true, false, None::<u8>, "true", [0; 0]), 0),
            "[\n    True,\n    False,\n    None,\n    \"true\",\n    []\n]"
        );
        assert_eq!(python(&[1], 2), "[\n      1\n  ]");
    }

    #[test]
    fn names_fit_kubernetes() {
        assert_eq!(dns_label("digits", ""), "digits");
        assert_eq!(dns_label("My_Engine.2", "-model"), "my-engine-2-model");
        assert_eq!(dns_label("8bit", ""), "engine-8bit");
        assert_eq!(dns_label("_", ""), "engine");
        assert_eq!(dns_label(&"a".repeat(100), "-model"), format!("{}-model", "a".repeat(57)));
        assert_eq!(label_value("1.0.0+build 7"), "1.0.0-build-7");
        assert_eq!(label_value("+é"), "");
    }
}
