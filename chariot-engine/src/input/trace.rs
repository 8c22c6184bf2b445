//! The columns of a row type for the metadata, and an example value of any type.
//!
//! Both are derived from the calls that serde makes when it deserializes the type.

use serde::de::DeserializeOwned;

use super::tracer::{Fill, Shape, trace};
use crate::{
    protocol::{DataType, JsonText},
    signature::{Dim, TensorSpec},
};

/// The values of the first trace, and those of a second trace for types that reject them.
pub(super) const FILLS: [Fill; 2] =
    [Fill { number: 0, text: "", flag: false }, Fill { number: 1, text: "a", flag: true }];

/// Returns the inputs that a request can bring rows of this type in: one per field, or a matrix for a list of numbers.
///
/// Empty if rows of this type can be neither.
pub(super) fn columns<T: DeserializeOwned>() -> Vec<TensorSpec> {
    const NAME: &str = "row";
    let column = |name, datatype| TensorSpec::new(name, datatype, &[Dim::Batch("n")], "");
    let shape = trace::<T>(FILLS[0]);
    match &shape {
        Shape::Object(fields) => {
            let columns = fields.iter().map(|(name, shape)| Some(column(*name, shape.datatype()?)));
            columns.collect::<Option<_>>().unwrap_or_default()
        }
        Shape::List { items, fixed } => {
            let width = if *fixed { Dim::Fixed(items.len()) } else { Dim::Any };
            match items.first() {
                Some(Shape::Number(datatype)) if items.iter().all(|item| *item == items[0]) => {
                    vec![TensorSpec::new(NAME, *datatype, &[Dim::Batch("n"), width], "")]
                }
                _ => Vec::new(),
            }
        }
        scalar => scalar.datatype().map(|datatype| column(NAME, datatype)).into_iter().collect(),
    }
}

/// Returns a value that this type can be deserialized from, if one is found.
pub(super) fn example<T: DeserializeOwned>() -> Option<JsonText> {
    FILLS.into_iter().find_map(|fill| {
        let shape = trace::<T>(fill);
        if shape == Shape::Other {
            return None;
        }
        let mut text = String::new();
        shape.write(fill, &mut text);
        let value = JsonText::from_text(text).ok()?;
        value.parse::<T>().is_ok().then_some(value)
    })
}

impl Shape {
    /// Returns the datatype of a column of such values.
    fn datatype(&self) -> Option<DataType> {
        match self {
            Shape::Bool => Some(DataType::Bool),
            Shape::Number(datatype) => Some(*datatype),
            Shape::Text(_) | Shape::Choice(_) => Some(DataType::Bytes),
            Shape::List { .. } | Shape::Object(_) | Shape::Other => None,
        }
    }

    /// Appends the value as JSON.
    fn write(&self, fill: Fill, text: &mut String) {
        match self {
            Shape::Bool => text.push_str(if fill.flag { "true" } else { "false" }),
            Shape::Number(DataType::Fp32 | DataType::Fp64) => text.push_str(&format!("{}.0", fill.number)),
            Shape::Number(_) => text.push_str(&fill.number.to_string()),
            Shape::Text(string) => push_string(string, text),
            Shape::Choice(names) => push_string(names.first().unwrap_or(&""), text),
            Shape::List { items, .. } => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    item.write(fill, text);
                }
                text.push(']');
            }
            Shape::Object(fields) => {
                text.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    push_string(name, text);
                    text.push(':');
                    value.write(fill, text);
                }
                text.push('}');
            }
            Shape::Other => text.push_str("null"),
        }
    }
}

/// Appends a string as JSON.
fn push_string(string: &str, text: &mut String) {
    text.push_str(&serde_json::Value::from(string).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::collections::HashMap;

    use serde::Deserialize;

    fn announced<T: DeserializeOwned>() -> Vec<String> {
        let show = |spec: TensorSpec| {
            let metadata = spec.metadata();
            format!("{} {} {:?}", metadata.name, metadata.datatype, metadata.shape)
        };
        columns::<T>().into_iter().map(show).collect()
    }

    fn example_of<T: DeserializeOwned>() -> Option<String> {
        example::<T>().map(|value| value.as_str().to_owned())
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "the fields are traced, not used")]
    struct Person {
        age: u8,
        #[serde(alias = "haemoglobin", rename = "hb")]
        blood: Option<f32>,
        name: String,
        #[serde(default)]
        smokes: bool,
        colour: Colour,
        #[serde(skip)]
        seen: usize,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        Red,
    }

    #[test]
    fn a_struct_has_a_column_for_each_field() {
        assert_eq!(
            announced::<Person>(),
            ["age UINT8 [-1]", "haemoglobin FP32 [-1]", "name BYTES [-1]", "smokes BOOL [-1]", "colour BYTES [-1]"]
        );
        let example = r#"{"age":0,"haemoglobin":0.0,"name":"","smokes":false,"colour":"red"}"#;
        assert_eq!(example_of::<Person>().as_deref(), Some(example));
        let _ = Colour::Red;
    }

    #[test]
    fn numbers_without_names_are_a_matrix_or_a_column() {
        assert_eq!(announced::<[f32; 4]>(), ["row FP32 [-1, 4]"]);
        assert_eq!(announced::<(i64, i64)>(), ["row INT64 [-1, 2]"]);
        assert_eq!(announced::<Vec<f64>>(), ["row FP64 [-1, -1]"]);
        assert_eq!(announced::<f64>(), ["row FP64 [-1]"]);
        assert_eq!(example_of::<[f32; 2]>().as_deref(), Some("[0.0,0.0]"));
        assert_eq!(example_of::<(u8, String)>().as_deref(), Some(r#"[0,""]"#));
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "the fields are traced, not used")]
    struct Tree {
        children: Vec<Tree>,
        first: Option<Box<Tree>>,
        second: Option<Box<Tree>>,
    }

    #[test]
    fn a_type_that_is_not_a_row_of_columns_has_none() {
        assert!(announced::<HashMap<String, f64>>().is_empty());
        assert!(announced::<(f64, u8)>().is_empty());
        assert!(announced::<Vec<String>>().is_empty());
        assert!(announced::<serde_json::Value>().is_empty());
        assert!(announced::<()>().is_empty());
        assert!(announced::<Tree>().is_empty());
        assert_eq!(example_of::<HashMap<String, f64>>().as_deref(), Some("{}"));
        assert_eq!(example_of::<serde_json::Value>(), None);
    }

    /// Rejects a number that is not positive.
    #[derive(Deserialize)]
    #[serde(try_from = "f64")]
    struct Positive;

    impl TryFrom<f64> for Positive {
        type Error = &'static str;

        fn try_from(number: f64) -> Result<Self, Self::Error> {
            if number > 0.0 { Ok(Positive) } else { Err("expected a positive number") }
        }
    }

    /// Rejects any value.
    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    struct Date;

    impl TryFrom<String> for Date {
        type Error = &'static str;

        fn try_from(_: String) -> Result<Self, Self::Error> {
            Err("expected a date")
        }
    }

    #[test]
    fn fields_that_reject_a_value_are_found_too() {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code, reason = "the fields are traced, not used")]
        struct Checked {
            width: Positive,
            day: i32,
            height: Positive,
        }
        assert_eq!(announced::<Checked>(), ["width FP64 [-1]", "day INT32 [-1]", "height FP64 [-1]"]);
        assert_eq!(example_of::<Checked>().as_deref(), Some(r#"{"width":1.0,"day":1,"height":1.0}"#));

        #[derive(Deserialize)]
        #[allow(dead_code, reason = "the fields are traced, not used")]
        struct Dated {
            since: Date,
            until: Option<Date>,
        }
        assert_eq!(announced::<Dated>(), ["since BYTES [-1]", "until BYTES [-1]"]);
        assert_eq!(example_of::<Dated>(), None);
    }
}
