//! What a case is, as it is written in a file of cases. `suite::load` reads it, `request` makes bytes of it, `check`
//! holds answers against it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

/// How much a server claims to speak. Each level holds those before it.
///
/// ```
/// use conformance::Level;
///
/// assert!(Level::Oip < Level::Binary && Level::Binary < Level::Chariot);
/// assert_eq!("binary".parse(), Ok(Level::Binary));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The REST form of the Open Inference Protocol, and plain HTTP
    Oip,
    /// Triton's binary tensors and compression too
    Binary,
    /// Chariot's use of it too: its routes, items, errors, and `chariot-v2`
    Chariot,
}

impl Level {
    /// How it is written.
    pub fn name(self) -> &'static str {
        match self {
            Level::Oip => "oip",
            Level::Binary => "binary",
            Level::Chariot => "chariot",
        }
    }
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Level::Oip, Level::Binary, Level::Chariot]
            .into_iter()
            .find(|level| level.name() == text)
            .ok_or_else(|| format!("'oip', 'binary' or 'chariot' is expected, '{text}' came"))
    }
}

/// A sentence of a specification, and what is asked of a server to see whether it keeps it.
///
/// ```
/// let suite = conformance::Suite::embedded();
/// let case = &suite.cases()[0].1;
/// assert!(!case.name.is_empty() && !case.says.is_empty());
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is called: once in the whole suite
    pub name: String,
    /// The sentence that it rests on
    pub says: String,
    /// Where that is published
    pub source: String,
    /// From which level on it is asked
    pub level: Level,
    /// What must be known of the server
    #[serde(default)]
    pub needs: Vec<String>,
    /// One request for each of these, whose members are placeholders
    #[serde(default)]
    pub(crate) sweep: Vec<BTreeMap<String, Value>>,
    #[serde(default)]
    step: Vec<Step>,
    method: Option<String>,
    path: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, HeaderValue>,
    base: Option<Base>,
    #[serde(default)]
    patch: Vec<Operation>,
    body: Option<String>,
    body_base64: Option<String>,
    #[serde(default)]
    body_item: bool,
    #[serde(default)]
    chunked: bool,
    coding: Option<String>,
    #[serde(default)]
    coding_cut: usize,
    coding_append_base64: Option<String>,
    binary: Option<Binary>,
    #[serde(default, deserialize_with = "one_or_many")]
    expect: Vec<Expect>,
}

impl Case {
    /// The requests in their order: one, or those of `step`.
    pub(crate) fn steps(&self) -> Vec<Step> {
        if !self.step.is_empty() {
            return self.step.clone();
        }
        let case = self.clone();
        vec![Step {
            method: case.method,
            path: case.path,
            headers: case.headers,
            base: case.base,
            patch: case.patch,
            body: case.body,
            body_base64: case.body_base64,
            body_item: case.body_item,
            chunked: case.chunked,
            coding: case.coding,
            coding_cut: case.coding_cut,
            coding_append_base64: case.coding_append_base64,
            binary: case.binary,
            expect: case.expect,
            capture: BTreeMap::new(),
        }]
    }

    /// Whether the case says the same thing twice: by steps and by itself.
    pub(crate) fn is_ambiguous(&self) -> bool {
        !self.step.is_empty() && (!self.expect.is_empty() || self.path.is_some() || self.body.is_some())
    }
}

/// One request and what must come.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) method: Option<String>,
    pub(crate) path: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, HeaderValue>,
    pub(crate) base: Option<Base>,
    #[serde(default)]
    pub(crate) patch: Vec<Operation>,
    pub(crate) body: Option<String>,
    pub(crate) body_base64: Option<String>,
    #[serde(default)]
    pub(crate) body_item: bool,
    #[serde(default)]
    pub(crate) chunked: bool,
    pub(crate) coding: Option<String>,
    #[serde(default)]
    pub(crate) coding_cut: usize,
    pub(crate) coding_append_base64: Option<String>,
    pub(crate) binary: Option<Binary>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(crate) expect: Vec<Expect>,
    /// What later steps call by `{{captured.NAME}}`: a name and a JSON Pointer
    #[serde(default)]
    pub(crate) capture: BTreeMap<String, String>,
}

/// A header of a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum HeaderValue {
    One(String),
    Many(Vec<String>),
    /// `false`: not even the default one
    Sent(bool),
}

/// What a body starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Base {
    None,
    Valid,
    Two,
    Item,
}

/// An operation of RFC 6902, whose value may be written as JSON where TOML cannot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation {
    pub(crate) op: String,
    pub(crate) path: String,
    pub(crate) from: Option<String>,
    pub(crate) value: Option<Value>,
    pub(crate) json: Option<String>,
}

/// How a JSON request becomes one with binary tensors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Binary {
    /// Which inputs; absent, all
    pub(crate) inputs: Option<Vec<usize>>,
    #[serde(default)]
    pub(crate) patch: Vec<Operation>,
    #[serde(default)]
    pub(crate) cut: usize,
    pub(crate) append_base64: Option<String>,
    pub(crate) length: Option<String>,
    #[serde(default)]
    pub(crate) raw: bool,
}

/// What must come: one of the ways in which a server may keep a sentence.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) status: Value,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) body: Vec<Predicate>,
    pub(crate) text: Option<TextPredicate>,
    #[serde(default)]
    pub(crate) echo: bool,
    #[serde(default)]
    pub(crate) tensors: Vec<TensorPredicate>,
}

/// What must hold of a header, where it is more than its text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HeaderPredicate {
    pub(crate) absent: bool,
    pub(crate) present: bool,
    pub(crate) integer: bool,
    pub(crate) contains: Option<String>,
    pub(crate) not_contains: Option<String>,
    pub(crate) starts_with: Option<String>,
    pub(crate) one_of: Option<Vec<String>>,
    pub(crate) lists: Vec<String>,
}

/// What must hold of a place in the JSON of an answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Predicate {
    pub(crate) path: String,
    pub(crate) equals: Option<Value>,
    pub(crate) json: Option<String>,
    pub(crate) not_equals: Option<Value>,
    pub(crate) one_of: Option<Vec<Value>>,
    #[serde(default)]
    pub(crate) absent: bool,
    #[serde(default)]
    pub(crate) present: bool,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) length: Option<Value>,
    pub(crate) min_length: Option<usize>,
    #[serde(default)]
    pub(crate) contains: Vec<Value>,
    #[serde(default)]
    pub(crate) not_contains: Vec<Value>,
    #[serde(default)]
    pub(crate) mentions: Vec<String>,
    #[serde(default)]
    pub(crate) mentions_any: Vec<String>,
    pub(crate) close_to: Option<Value>,
    pub(crate) within: Option<f64>,
    pub(crate) keys: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) has_keys: Vec<String>,
    pub(crate) each: Option<Vec<Predicate>>,
    #[serde(default)]
    pub(crate) is_json: bool,
}

impl Predicate {
    /// Whether something is asked: a path alone is a slip.
    pub(crate) fn asks(&self) -> bool {
        let values = [&self.equals, &self.not_equals, &self.length, &self.close_to];
        let lists = [&self.contains, &self.not_contains];
        let texts = [&self.mentions, &self.mentions_any, &self.has_keys];
        self.absent
            || self.present
            || self.is_json
            || self.json.is_some()
            || self.one_of.is_some()
            || self.kind.is_some()
            || self.min_length.is_some()
            || self.keys.is_some()
            || self.each.is_some()
            || values.iter().any(|value| value.is_some())
            || lists.iter().any(|list| !list.is_empty())
            || texts.iter().any(|list| !list.is_empty())
    }
}

/// What must hold of a body as text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TextPredicate {
    pub(crate) contains: Vec<String>,
    pub(crate) not_contains: Vec<String>,
    pub(crate) equals: Option<String>,
    pub(crate) starts_with: Option<String>,
    pub(crate) ends_with: Option<String>,
    pub(crate) empty: bool,
}

/// What must hold of an output, however it came.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TensorPredicate {
    pub(crate) output: usize,
    pub(crate) equals: Option<Value>,
    pub(crate) datatype: Option<String>,
    pub(crate) shape: Option<Value>,
    pub(crate) binary: Option<bool>,
}

/// A table, or a list of tables. Read by way of a value, so that a fault is told by what stands there.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Expect>, D::Error> {
    match Value::deserialize(deserializer)? {
        list @ Value::Array(_) => serde_json::from_value(list),
        one => serde_json::from_value(one).map(|one| vec![one]),
    }
    .map_err(D::Error::custom)
}
