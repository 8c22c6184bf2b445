//! A case, as it is written in a file of cases. `suite::load` parses it, `request` builds its request, and `check`
//! compares responses with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

/// The part of the protocol that a server claims to support. Each level includes those before it.
///
/// ```
/// use conformance::Level;
///
/// assert!(Level::Oip < Level::Binary && Level::Binary < Level::Chariot);
/// assert_eq!("binary".parse(), Ok(Level::Binary));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum Level {
    /// The REST form of the Open Inference Protocol, and plain HTTP
    Oip,
    /// Also the binary tensors and the compression of Triton
    Binary,
    /// Also the additions of Chariot: its routes, items, errors, and `chariot-v2`
    Chariot,
    /// Also OpenAI's API, for models that generate text or embed texts
    OpenAi,
}

impl Level {
    /// Returns the name of the level.
    pub fn name(self) -> &'static str {
        match self {
            Level::Oip => "oip",
            Level::Binary => "binary",
            Level::Chariot => "chariot",
            Level::OpenAi => "openai",
        }
    }
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Level::Oip, Level::Binary, Level::Chariot, Level::OpenAi]
            .into_iter()
            .find(|level| level.name() == text)
            .ok_or_else(|| format!("expected 'oip', 'binary', 'chariot' or 'openai', got '{text}'"))
    }
}

/// A requirement of a specification, and the requests that check it.
///
/// ```
/// let suite = conformance::Suite::embedded();
/// let case = &suite.cases()[0].1;
/// assert!(!case.name.is_empty() && !case.says.is_empty());
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The name of the case, unique in the suite
    pub name: String,
    /// The requirement that the case checks
    pub says: String,
    /// The source of the requirement
    pub source: String,
    /// The lowest level that includes the case
    pub level: Level,
    /// The conditions that must hold for the server
    #[serde(default)]
    pub needs: Vec<String>,
    /// One request per entry, whose members become placeholders
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
    /// Returns the requests in order: the only one, or those of `step`.
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

    /// Returns `true` if the case has steps and also a request of its own.
    pub(crate) fn is_ambiguous(&self) -> bool {
        !self.step.is_empty() && (!self.expect.is_empty() || self.path.is_some() || self.body.is_some())
    }
}

/// One request and its expected response.
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
    /// The values that later steps use as `{{captured.NAME}}`: names and JSON Pointers
    #[serde(default)]
    pub(crate) capture: BTreeMap<String, String>,
}

/// A header of a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum HeaderValue {
    One(String),
    Many(Vec<String>),
    /// `false`: omits the header, even a default one
    Sent(bool),
}

/// The base of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Base {
    None,
    Valid,
    Two,
    Item,
}

/// An operation of RFC 6902. Its value can be given as JSON where TOML cannot express it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation {
    pub(crate) op: String,
    pub(crate) path: String,
    pub(crate) from: Option<String>,
    pub(crate) value: Option<Value>,
    pub(crate) json: Option<String>,
}

/// The conversion of a JSON request to one with binary tensors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Binary {
    /// The inputs to convert. Default: all
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

/// An expected response: one of the ways in which a server can meet a requirement.
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

/// A predicate on a header.
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

/// A predicate on a location in the JSON of a response.
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
    /// Returns `true` if the predicate checks anything: a path alone is a mistake.
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

/// A predicate on a body as text.
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

/// A predicate on an output, in JSON or in binary form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TensorPredicate {
    pub(crate) output: usize,
    pub(crate) equals: Option<Value>,
    pub(crate) datatype: Option<String>,
    pub(crate) shape: Option<Value>,
    pub(crate) binary: Option<bool>,
}

/// A table or a list of tables. Parsed through a value, so that an error names the actual content.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Expect>, D::Error> {
    match Value::deserialize(deserializer)? {
        list @ Value::Array(_) => serde_json::from_value(list),
        one => serde_json::from_value(one).map(|one| vec![one]),
    }
    .map_err(D::Error::custom)
}
