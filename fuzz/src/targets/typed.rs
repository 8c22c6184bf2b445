//! A JSON value for an author's type: through `JsonText`, and through the inputs that use it.

use std::collections::BTreeMap;

use bytes::Bytes;
use chariot_engine::{
    input::{DecodeContext, ElementPayload, Input, Json, Text, WithParams},
    protocol::{BytesElement, JsonText, Parameters},
};
use serde::{Deserialize, de::IgnoredAny};

use super::{Outcome, class_of, json};
use crate::check;

pub(super) const WORDS: &[&str] = &[
    "\"small\"",
    "\"wide\"",
    "\"ratio\"",
    "\"name\"",
    "\"tags\"",
    "\"choice\"",
    "\"First\"",
    "{\"Second\":",
    "\"pair\"",
    "\"inner\"",
    "\"map\"",
    "\"letter\"",
    "\"fixed\"",
    "\"unit\"",
    "\"shape\"",
    "\"circle\"",
    "\"kind\"",
    "\"any\"",
    "\"strict\"",
    "[1,true]",
    "{\"inner\":{\"inner\":",
    "\"Paylo4dCanary\"",
    "\"{\\\"small\\\":1}\"",
];

/// A type with a field of every kind.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Zoo {
    small: u8,
    wide: Option<i64>,
    ratio: f32,
    name: String,
    tags: Vec<String>,
    choice: Choice,
    pair: (i32, bool),
    inner: Option<Box<Zoo>>,
    map: BTreeMap<String, u16>,
    letter: char,
    fixed: [u8; 3],
    unit: (),
    shape: Option<Shape>,
    any: Option<Untagged>,
    strict: Option<Strict>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
enum Choice {
    #[default]
    First,
    Second(u8),
    Third {
        flag: bool,
    },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Shape {
    Circle { radius: f64 },
    Square { side: u32 },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i32),
    Words(Vec<String>),
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    needed: u64,
}

pub(super) fn typed(input: &[u8]) -> Outcome {
    let json_value = match JsonText::from_text(Bytes::copy_from_slice(input)) {
        Ok(value) => value,
        Err(rejection) => return json::rejected(rejection.text(), input),
    };
    // The SDK skips a byte order mark, serde_json rejects it.
    let unmarked = input.strip_prefix("\u{feff}".as_bytes()).unwrap_or(input);
    assert!(serde_json::from_slice::<IgnoredAny>(unmarked).is_ok(), "serde_json rejects JSON that is accepted");
    let theirs = serde_json::from_slice::<Zoo>(unmarked);
    let ours = json_value.parse::<Zoo>();
    assert_eq!(ours.is_ok(), theirs.is_ok());
    let cx = DecodeContext::default();
    let element = |value| ElementPayload::new("x", value, Parameters::default());
    let mut faults = Vec::new();
    for value in [BytesElement::Json(json_value.clone()), BytesElement::Binary(Bytes::copy_from_slice(input))] {
        match Json::<Zoo>::decode(element(value), &cx) {
            Ok(Json(read)) => assert!(theirs.as_ref().map_or(true, |theirs| *theirs == read)),
            Err(error) => faults.extend(error.public_message()),
        }
    }
    let text = WithParams::<Text, Strict>::decode(element(BytesElement::Json(json_value.clone())), &cx);
    faults.extend(text.err().and_then(|error| error.public_message()));
    faults.extend(ours.as_ref().err().map(|rejection| rejection.text().to_owned()));
    faults.iter().for_each(|text| check::message(text, input));
    match ours {
        Ok(zoo) => {
            Outcome::Accepted(class_of((zoo.inner.is_some(), zoo.tags.len().min(2), format!("{:?}", zoo.choice))))
        }
        Err(rejection) => Outcome::Rejected(rejection.text().to_owned()),
    }
}
