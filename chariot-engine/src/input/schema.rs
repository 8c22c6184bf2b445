//! The JSON Schema of a struct, from the calls that serde makes when it reads the type, and from what the type accepts.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    trace,
    tracer::{self, Shape},
};
use crate::protocol::DataType;

/// The depth up to which members are described. Deeper ones are described as any value.
const MAX_DEPTH: usize = 4;

/// Returns the schema of an object that reads as this struct, or `None` if the type is not a struct.
///
/// `accepts` decides whether an object reads as the type. It is asked about variations of an example, to find out which
/// members are required, which may be `null`, and which names an enum has. A type that accepts no example gets a schema
/// without required members.
pub(crate) fn object<T: DeserializeOwned>(accepts: &dyn Fn(&Value) -> bool) -> Option<Value> {
    let shape = tracer::trace::<T>(trace::FILLS[0]);
    let Shape::Object(fields) = &shape else { return None };
    if fields.is_empty() {
        return None;
    }
    let example = trace::example::<T>().and_then(|text| text.parse().ok()).filter(accepts);
    Some(Variations { example, accepts }.object(fields, ""))
}

/// An example of a type, and the values that the type accepts in its place.
struct Variations<'a> {
    example: Option<Value>,
    accepts: &'a dyn Fn(&Value) -> bool,
}

impl Variations<'_> {
    /// Returns the schema of the object at this JSON pointer.
    fn object(&self, fields: &[(&'static str, Shape)], pointer: &str) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, shape) in fields {
            let member = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            properties.insert((*name).to_string(), self.value(shape, &member));
            if self.accepts_without(pointer, name) == Some(false) {
                required.push(*name);
            }
        }
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = required.into();
        }
        schema
    }

    /// Returns the schema of the value at this JSON pointer.
    fn value(&self, shape: &Shape, pointer: &str) -> Value {
        if pointer.split('/').count() > MAX_DEPTH + 1 {
            return json!({});
        }
        let mut schema = match shape {
            Shape::Bool => json!({ "type": "boolean" }),
            Shape::Number(datatype) => number(*datatype),
            Shape::Text(_) => json!({ "type": "string" }),
            Shape::Choice(names) => self.choice(names, pointer),
            Shape::List { items, .. } => {
                let mut list = json!({ "type": "array" });
                if let Some(first) = items.first().filter(|first| items.iter().all(|item| item == *first)) {
                    list["items"] = self.value(first, &format!("{pointer}/0"));
                }
                list
            }
            Shape::Object(fields) => self.object(fields, pointer),
            Shape::Other => json!({}),
        };
        if self.accepts_with(pointer, Value::Null) != Some(false) {
            if let Some(names) = schema.get_mut("enum").and_then(Value::as_array_mut) {
                names.push(Value::Null);
            } else if let Some(name) = schema.get("type").cloned() {
                schema["type"] = json!([name, "null"]);
            }
        }
        schema
    }

    /// Returns the schema of an enum: the names that the type accepts without data, or any string if it accepts others.
    fn choice(&self, names: &[&'static str], pointer: &str) -> Value {
        let accepted = |name: &str| self.accepts_with(pointer, name.into());
        if accepted("a name that no enum has") != Some(false) {
            return json!({ "type": "string" });
        }
        let names: Vec<&str> = names.iter().copied().filter(|name| accepted(name) == Some(true)).collect();
        json!({ "enum": names })
    }

    /// Returns `true` if the example is accepted with this value in place of its own, and `None` if there is no example.
    fn accepts_with(&self, pointer: &str, value: Value) -> Option<bool> {
        let mut variation = self.example.clone()?;
        *variation.pointer_mut(pointer)? = value;
        Some((self.accepts)(&variation))
    }

    /// Returns `true` if the example is accepted without this member, and `None` if there is no example.
    fn accepts_without(&self, pointer: &str, name: &str) -> Option<bool> {
        let mut variation = self.example.clone()?;
        variation.pointer_mut(pointer)?.as_object_mut()?.remove(name)?;
        Some((self.accepts)(&variation))
    }
}

/// Returns the schema of a number. Integers of 64 bits have no upper limit, since those of 128 bits are traced as such.
fn number(datatype: DataType) -> Value {
    let range = |least: i64, most: i64| json!({ "type": "integer", "minimum": least, "maximum": most });
    match datatype {
        DataType::Uint8 => range(0, u8::MAX.into()),
        DataType::Uint16 => range(0, u16::MAX.into()),
        DataType::Uint32 => range(0, u32::MAX.into()),
        DataType::Uint64 => json!({ "type": "integer", "minimum": 0 }),
        DataType::Int8 => range(i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => range(i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => range(i32::MIN.into(), i32::MAX.into()),
        DataType::Int64 => json!({ "type": "integer" }),
        _ => json!({ "type": "number" }),
    }
}

#[cfg(test)]
#[allow(dead_code, reason = "the fields are traced, not used")]
mod tests {
    use serde::Deserialize;

    use super::*;

    fn of<T: DeserializeOwned>() -> Option<Value> {
        object::<T>(&|value| serde_json::from_value::<T>(value.clone()).is_ok())
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Mode {
        Greedy,
        BeamSearch,
        Custom { beams: u8 },
    }

    #[derive(Deserialize)]
    enum Open {
        A,
        #[serde(other)]
        Other,
    }

    #[test]
    fn members_have_their_types_and_those_without_a_default_are_required() {
        #[derive(Deserialize)]
        struct Sampling {
            top_k: u8,
            temperature: Option<f32>,
            #[serde(default)]
            seed: i64,
            mode: Mode,
            fallback: Option<Mode>,
            open: Open,
            stop: Vec<String>,
            nested: Nested,
        }
        #[derive(Deserialize)]
        struct Nested {
            words: Option<bool>,
            #[serde(rename = "a/b~c")]
            odd: u64,
        }
        assert_eq!(
            of::<Sampling>().unwrap(),
            json!({
                "type": "object",
                "required": ["top_k", "mode", "open", "stop", "nested"],
                "properties": {
                    "top_k": { "type": "integer", "minimum": 0, "maximum": 255 },
                    "temperature": { "type": ["number", "null"] },
                    "seed": { "type": "integer" },
                    "mode": { "enum": ["greedy", "beam-search"] },
                    "fallback": { "enum": ["greedy", "beam-search", null] },
                    "open": { "type": "string" },
                    "stop": { "type": "array", "items": { "type": "string" } },
                    "nested": {
                        "type": "object",
                        "required": ["a/b~c"],
                        "properties": {
                            "words": { "type": ["boolean", "null"] },
                            "a/b~c": { "type": "integer", "minimum": 0 },
                        },
                    },
                },
            })
        );
    }

    #[test]
    fn a_type_that_accepts_no_example_has_no_required_members() {
        #[derive(Deserialize)]
        #[serde(try_from = "String")]
        struct Date;

        impl TryFrom<String> for Date {
            type Error = &'static str;

            fn try_from(_: String) -> Result<Self, Self::Error> {
                Err("expected a date")
            }
        }

        #[derive(Deserialize)]
        struct Since {
            since: Date,
            most: u8,
        }
        let any = json!({
            "since": { "type": ["string", "null"] },
            "most": { "type": ["integer", "null"], "minimum": 0, "maximum": 255 },
        });
        assert_eq!(of::<Since>().unwrap(), json!({ "type": "object", "properties": any }));
    }

    #[test]
    fn a_type_that_is_no_struct_has_no_schema() {
        assert_eq!(of::<u8>(), None);
        assert_eq!(of::<Value>(), None);
        assert_eq!(of::<std::collections::HashMap<String, u8>>(), None);
    }

    #[test]
    fn a_type_that_contains_itself_ends() {
        #[derive(Deserialize)]
        struct Tree {
            value: u8,
            children: Vec<Tree>,
        }
        assert!(of::<Tree>().is_some());
    }
}
