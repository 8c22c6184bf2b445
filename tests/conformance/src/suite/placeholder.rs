//! `{{...}}` in the texts of cases: the names in them, and what stands for them in a request or an expectation.
//! `suite::load` looks at the names, `request` and `check` write the texts.

use std::collections::BTreeMap;

use serde_json::Value;

/// The placeholders that are known of a server.
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

/// Whether a placeholder is one of those known of a server.
pub(crate) fn is_fact(name: &str) -> bool {
    FACTS.contains(&name)
}

/// How a value is written where its placeholder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// As it is: a header, an expectation
    Plain,
    /// Within a JSON text: a string without its quotes
    Json,
    /// Within a path of a URL
    Path,
}

/// The values of placeholders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(pub(crate) BTreeMap<String, Value>);

impl Names {
    /// A text with its placeholders replaced.
    pub(crate) fn text(&self, template: &str, writing: Writing) -> Result<String, String> {
        let mut text = String::with_capacity(template.len());
        for part in parts(template)? {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Repeat(count, what) => text.push_str(&what.repeat(count)),
                Part::Name(name) => {
                    // Who writes a sweep writes JSON where it belongs into JSON.
                    let raw = writing == Writing::Json && (name.starts_with("sweep.") || name == "other.inputs");
                    let writing = if raw { Writing::Plain } else { writing };
                    text.push_str(&written(self.value_of(name)?, writing));
                }
            }
        }
        Ok(text)
    }

    /// A value with the placeholders of its strings replaced; a string that is one placeholder becomes its value.
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

    /// What an entry of a sweep says: within its texts, placeholders are written as in a JSON text.
    pub(crate) fn sweep(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) if !is_one_name(text) => Ok(self.text(text, Writing::Json)?.into()),
            other => self.value(other),
        }
    }

    fn value_of(&self, name: &str) -> Result<&Value, String> {
        self.0.get(name).ok_or_else(|| format!("'{{{{{name}}}}}' is not known of this server"))
    }
}

/// Whether a text is one placeholder and nothing else.
pub(crate) fn is_one_name(template: &str) -> bool {
    matches!(parts(template).as_deref(), Ok([Part::Name(_)]))
}

/// The names of the placeholders in a text.
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
        let count = count.parse().map_err(|_| format!("'repeat': a count is expected, '{count}' came"))?;
        return Ok(Part::Repeat(count, what));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if inner.is_empty() || !inner.bytes().all(is_name) {
        return Err(format!("'{{{{{inner}}}}}' is no placeholder"));
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

/// A byte of a path: `/` separates, and what a path may not hold is percent-encoded.
fn in_path(byte: u8) -> String {
    match byte {
        b'/' | b'-' | b'.' | b'_' | b'~' | b':' | b'@' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    }
}
