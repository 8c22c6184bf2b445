//! The layout of a golden file's text, for readers: members in their order, short values on one line. `write` uses it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

/// The most characters of a value on one line, beside its indentation.
const WIDTH: usize = 110;

/// A JSON value that keeps the order of members.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ordered {
    /// A value without parts, as JSON text.
    Scalar(String),
    List(Vec<Ordered>),
    Object(Vec<(String, Ordered)>),
}

impl Ordered {
    /// Returns a member of an object.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Ordered> {
        let Ordered::Object(members) = self else { return None };
        members.iter_mut().find(|(of, _)| of == name).map(|(_, value)| value)
    }

    /// Returns the elements of a list.
    pub(super) fn elements_mut(&mut self) -> &mut [Ordered] {
        if let Ordered::List(elements) = self { elements } else { &mut [] }
    }

    /// Returns the value as text on several lines.
    pub(super) fn pretty(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text + "\n"
    }

    fn write(&self, text: &mut String, depth: usize) {
        let line = self.line();
        let is_whole = depth > 0 && line.len() <= WIDTH;
        let (open, parts, close): (_, Vec<(String, &Ordered)>, _) = match self {
            Ordered::List(elements) if !is_whole => {
                ("[", elements.iter().map(|element| (String::new(), element)).collect(), "]")
            }
            Ordered::Object(members) if !is_whole => {
                ("{", members.iter().map(|(name, value)| (format!("{}: ", quoted(name)), value)).collect(), "}")
            }
            _ => return text.push_str(&line),
        };
        text.push_str(open);
        for (index, (name, part)) in parts.iter().enumerate() {
            text.push_str(if index > 0 { ",\n" } else { "\n" });
            text.push_str(&"  ".repeat(depth + 1));
            text.push_str(name);
            part.write(text, depth + 1);
        }
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
        text.push_str(close);
    }

    fn line(&self) -> String {
        match self {
            Ordered::Scalar(text) => text.clone(),
            Ordered::List(elements) => {
                format!("[{}]", elements.iter().map(Ordered::line).collect::<Vec<_>>().join(", "))
            }
            Ordered::Object(members) => {
                let member = |(name, value): &(String, Ordered)| format!("{}: {}", quoted(name), value.line());
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Parts)
    }
}

/// Reads a value with its parts in order.
struct Parts;

/// Implements the methods of a visitor for values without parts.
macro_rules! scalars {
    ($($method:ident: $kind:ty)*) => {$(
        fn $method<E>(self, value: $kind) -> Result<Ordered, E> {
            Ok(Ordered::Scalar(serde_json::Value::from(value).to_string()))
        }
    )*};
}

impl<'de> Visitor<'de> for Parts {
    type Value = Ordered;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    scalars! {
        visit_bool: bool
        visit_i64: i64
        visit_u64: u64
        visit_f64: f64
        visit_str: &str
    }

    fn visit_unit<E>(self) -> Result<Ordered, E> {
        Ok(Ordered::Scalar("null".into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Ordered, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Ordered::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Ordered::Object(members))
    }
}
