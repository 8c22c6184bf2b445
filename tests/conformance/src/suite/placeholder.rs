//! Placeholders `{{...}}` in the texts of cases: their names and their substitution. `suite::load` checks the names,
//! `request` and `check` substitute them.

use std::collections::BTreeMap;

use serde_json::Value;

/// The placeholders for facts about a server.
const FACTS: [&str; 22] = [
    "model",
    "model_id",
    "version",
    "infer",
    "base",
    "example",
    "valid",
    "valid.inputs",
    "other.inputs",
    "input",
    "input.name",
    "input.datatype",
    "input.shape",
    "input.data",
    "input.count",
    "batch2.shape",
    "batch2.data",
    "output.name",
    "output2.name",
    "item",
    "item.json",
    "item.media",
];

/// Returns `true` if a placeholder stands for a fact about a server.
pub(crate) fn is_fact(name: &str) -> bool {
    FACTS.contains(&name)
}

/// The form in which a value replaces its placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// Unchanged: a header, an expectation
    Plain,
    /// Inside JSON text: a string without its quotes
    Json,
    /// Inside the path of a URL
    Path,
}

/// The values of placeholders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(pub(crate) BTreeMap<String, Value>);

impl Names {
    /// Replaces the placeholders of a text.
    pub(crate) fn text(&self, template: &str, writing: Writing) -> Result<String, String> {
        let mut text = String::with_capacity(template.len());
        for part in parts(template)? {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Repeat(count, what) => text.push_str(&what.repeat(count)),
                Part::Name(name) => {
                    // The values of a sweep are already JSON where they are used in JSON.
                    let raw = writing == Writing::Json && (name.starts_with("sweep.") || name == "other.inputs");
                    let writing = if raw { Writing::Plain } else { writing };
                    text.push_str(&written(self.value_of(name)?, writing));
                }
            }
        }
        Ok(text)
    }

    /// Replaces the placeholders in the strings of a value. A string that is a single placeholder becomes its value.
    pub(crate) fn value(&self, template: &Value) -> Result<Value, String> {
        Ok(match template {
            Value::String(text) => match parts(text)?.as_slice() {
                [Part::Name(name)] => self.value_of(name)?.clone(),
                _ => Value::String(self.text(text, Writing::Plain)?),
            },
            Value::Array(list) => list.iter().map(|value| self.value(value)).collect::<Result<_, _>>()?,
            Value::Object(members) => {
                let member =
                    |(name, value): (&String, &Value)| Ok((self.text(name, Writing::Plain)?, self.value(value)?));
                Value::Object(members.iter().map(member).collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }

    /// Replaces the placeholders in an entry of a sweep. In its texts, values are written as inside JSON text.
    pub(crate) fn sweep(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) if !is_one_name(text) => Ok(self.text(text, Writing::Json)?.into()),
            other => self.value(other),
        }
    }

    fn value_of(&self, name: &str) -> Result<&Value, String> {
        self.0.get(name).ok_or_else(|| format!("'{{{{{name}}}}}' is not known for this server"))
    }
}

/// Returns `true` if a text is a single placeholder.
pub(crate) fn is_one_name(template: &str) -> bool {
    matches!(parts(template).as_deref(), Ok([Part::Name(_)]))
}

/// Returns the names of the placeholders in a text.
pub(crate) fn names_in(template: &str) -> Result<Vec<&str>, String> {
    let parts = parts(template)?;
    Ok(parts.into_iter().filter_map(|part| if let Part::Name(name) = part { Some(name) } else { None }).collect())
}

enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
    Repeat(usize, &'a str),
}

fn parts(template: &str) -> Result<Vec<Part<'_>>, String> {
    let (mut parts, mut rest) = (Vec::new(), template);
    while let Some(start) = rest.find("{{") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        let end = after.find("}}").ok_or("'{{' is not closed")?;
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(part(&after[..end])?);
        rest = &after[end + 2..];
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

fn part(inner: &str) -> Result<Part<'_>, String> {
    if let Some(repeat) = inner.strip_prefix("repeat ") {
        let (count, what) = repeat.split_once(' ').ok_or("'repeat' takes a count and a text")?;
        let count = count.parse().map_err(|_| format!("'repeat': expected a count, got '{count}'"))?;
        return Ok(Part::Repeat(count, what));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if inner.is_empty() || !inner.bytes().all(is_name) {
        return Err(format!("'{{{{{inner}}}}}' is not a placeholder"));
    }
    Ok(Part::Name(inner))
}

fn written(value: &Value, writing: Writing) -> String {
    match (value, writing) {
        (Value::String(text), Writing::Json) => {
            let quoted = Value::String(text.clone()).to_string();
            quoted[1..quoted.len() - 1].to_string()
        }
        (Value::String(text), Writing::Path) => text.bytes().map(in_path).collect(),
        (Value::String(text), Writing::Plain) => text.clone(),
        (other, _) => other.to_string(),
    }
}

/// Writes a byte of a path: `/` separates segments, and bytes that are not allowed in a path are percent-encoded.
fn in_path(byte: u8) -> String {
    match byte {
        b'/' | b'-' | b'.' | b'_' | b'~' | b':' | b'@' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    }
}
