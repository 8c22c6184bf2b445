//! The parameters of a request or of an input: what the protocol defines of them, and the engine's own. Decoding a
//! request makes them, items carry them.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use bytes::Bytes;
use serde::{
    Deserializer, Serialize,
    de::{DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor},
    forward_to_deserialize_any,
};

use super::{
    JsonText,
    fault::{Fault, Read},
    json::utf8,
    reader::Reader,
    request::{LONGEST_NAME, short},
    said::{self, Said},
};
use crate::error::Rejection;

/// The most parameters that a request or an input may have; each costs memory beyond its bytes.
const MOST: usize = 1024;
/// The parameters that the protocol itself gives a meaning.
const RESERVED: [&str; 5] = ["action", "binary_data_output", "binary_data_size", "metadata", "score_threshold"];

/// The parameters of a request or of one input. A parameter that is `null` counts as absent. A clone is cheap.
///
/// ```
/// use chariot_engine::protocol::Parameters;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Mine {
///     top_k: u32,
/// }
///
/// let parameters = Parameters::from_text(r#"{"action": "predict", "score_threshold": "0.5", "top_k": 3}"#)?;
/// assert_eq!(parameters.action(), Some("predict"));
/// assert_eq!(parameters.score_threshold(), Some(0.5));
/// assert_eq!(parameters.decode::<Mine>()?.top_k, 3);
/// # Ok::<(), chariot_engine::Rejection>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Parameters(Option<Arc<Known>>);

/// What has been read of them.
#[derive(Debug)]
struct Known {
    /// The whole object.
    text: JsonText,
    action: Option<String>,
    metadata: Option<JsonText>,
    score_threshold: Option<f32>,
}

impl Parameters {
    /// Reads parameters from a JSON object; `null` is the same as none.
    ///
    /// # Errors
    /// A text that is no JSON object, a parameter that stands there twice, an `action` that is no string, and a
    /// `score_threshold` that is no finite number or string of one.
    pub fn from_text(text: impl Into<Bytes>) -> Result<Self, Rejection> {
        let text = JsonText::from_text(text)?.into_bytes();
        let read = Parameters::decode_from(&mut Reader::new(utf8(&text)?), &text);
        read.map_err(|fault| fault.in_member("parameters").unplaced())
    }

    /// Parameters from a value that serialises as an object.
    ///
    /// # Errors
    /// A value that JSON cannot hold, and what [`read`](Self::read) refuses.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, Rejection> {
        match JsonText::from_value(value) {
            Ok(text) => Parameters::from_text(text.into_bytes()),
            Err(error) => Err(Rejection::new(error.to_string()).at("parameters")),
        }
    }

    /// Reads the object that comes next in `body`.
    pub(super) fn decode_from(reader: &mut Reader<'_>, body: &Bytes) -> Read<Self> {
        Self::decode_without("", reader, body, |_| Ok(()))
    }

    /// Reads the object that comes next in `body`. The parameter `taken` is none of them, but of the form that the
    /// tensors are in: at its value `take` is called.
    pub(super) fn decode_without(
        taken: &str,
        reader: &mut Reader<'_>,
        body: &Bytes,
        mut take: impl FnMut(&mut Reader<'_>) -> Read<()>,
    ) -> Read<Self> {
        if reader.null()? {
            return Ok(Parameters::default());
        }
        let (mut action, mut metadata, mut score_threshold) = (None, None, None);
        let (mut seen, mut any) = (HashSet::new(), false);
        reader.peek();
        let start = reader.position();
        reader.object("an object", |reader, key| {
            let name = key.clone();
            if !seen.insert(key) {
                return Err(reader.twice().in_member(&name));
            }
            if seen.len() > MOST {
                return Err(Fault::at(reader.position(), format!("at most {MOST} are expected, more came")));
            }
            if name.len() > LONGEST_NAME {
                let length = name.len();
                let text = format!("a name of at most {LONGEST_NAME} bytes is expected, one of {length} came");
                return Err(Fault::at(reader.position(), text));
            }
            let mut value = |reader: &mut Reader<'_>| {
                if reader.null()? {
                    return Ok(());
                }
                if *name == *taken {
                    return take(reader);
                }
                any = true;
                match &*name {
                    "action" => action = Some(short(reader, "an action")?),
                    "metadata" => metadata = Some(JsonText::checked(body.slice_ref(reader.value()?.as_bytes()))),
                    "score_threshold" => score_threshold = Some(threshold(reader)?),
                    _ => reader.skip()?,
                }
                Ok(())
            };
            value(reader).map_err(|fault: Box<Fault>| fault.in_member(&name))
        })?;
        let text = JsonText::checked(body.slice(start..reader.position()));
        Ok(Parameters(any.then(|| Arc::new(Known { text, action, metadata, score_threshold }))))
    }

    /// What is to be done with the input, if the caller says so.
    pub fn action(&self) -> Option<&str> {
        self.0.as_ref()?.action.as_deref()
    }

    /// What the output must carry along, byte for byte.
    pub fn metadata(&self) -> Option<&JsonText> {
        self.0.as_ref()?.metadata.as_ref()
    }

    /// The score below which the caller wants no result, if the caller says so.
    pub fn score_threshold(&self) -> Option<f32> {
        self.0.as_ref()?.score_threshold
    }

    /// The parameter of this name.
    pub fn get(&self, name: &str) -> Option<JsonText> {
        let known = self.0.as_ref()?;
        let mut found = None;
        // The text has been read before, so it has no fault now.
        let _ = Reader::new(known.text.as_str()).object("an object", |reader, key| {
            let value = reader.value()?;
            if key == name && value != "null" {
                found = Some(known.text.part(value));
            }
            Ok(())
        });
        found
    }

    /// These, with action and score threshold of `other` where they have none themselves (and all of its parameters, if
    /// they are none), and with the metadata of `carried`.
    pub(crate) fn completed_by(&self, other: &Parameters, carried: &Parameters) -> Parameters {
        let Some(known) = self.0.as_ref().or(other.0.as_ref()) else { return Parameters::default() };
        let of = |parameters: &Parameters| parameters.action().map(str::to_owned);
        Parameters(Some(Arc::new(Known {
            text: known.text.clone(),
            action: of(self).or_else(|| of(other)),
            metadata: carried.metadata().cloned(),
            score_threshold: self.score_threshold().or_else(|| other.score_threshold()),
        })))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Reads the engine's own parameters as a type. Parameters that are `null` are left out, so that defaults apply, and
    /// so are those with a meaning of their own (`action`, `metadata`, `score_threshold`, `binary_data_size`,
    /// `binary_data_output`).
    ///
    /// # Errors
    /// A parameter that does not fit: `parameters.top_k: an integer from 0 to 255 is expected, a string came`.
    pub fn decode<P: DeserializeOwned>(&self) -> Result<P, Rejection> {
        let members = Members { entries: self.own().into_iter(), value: None };
        P::deserialize(members).map_err(|said| said.0.in_member("parameters").unplaced())
    }

    /// The parameters without a meaning of their own.
    fn own(&self) -> Vec<(Cow<'_, str>, &str)> {
        let mut own = Vec::new();
        if let Some(known) = &self.0 {
            // As in `get`, there is no fault to be found any more.
            let _ = Reader::new(known.text.as_str()).object("an object", |reader, key| {
                let value = reader.value()?;
                if value != "null" && !RESERVED.contains(&&*key) {
                    own.push((key, value));
                }
                Ok(())
            });
        }
        own
    }
}

/// A number, or a string that holds one.
fn threshold(reader: &mut Reader<'_>) -> Read<f32> {
    const EXPECTED: &str = "a finite number or a string of one";
    reader.peek();
    let start = reader.position();
    let value: Option<f32> = if reader.peek() == Some(b'"') {
        reader.string(EXPECTED)?.trim().parse().ok()
    } else if let Some(number) = reader.number_ahead() {
        reader.go_to(start + number.len());
        number.parse().ok()
    } else {
        return Err(reader.unexpected(EXPECTED));
    };
    let came = "one that is neither came";
    value.filter(|value| value.is_finite()).ok_or_else(|| Fault::at(start, format!("{EXPECTED} is expected, {came}")))
}

/// The engine's own parameters as serde wants them.
struct Members<'de> {
    entries: std::vec::IntoIter<(Cow<'de, str>, &'de str)>,
    value: Option<(Cow<'de, str>, &'de str)>,
}

impl<'de> Deserializer<'de> for Members<'de> {
    type Error = Said;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Said> {
        visitor.visit_map(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Said> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Said> {
        visitor.visit_newtype_struct(self)
    }

    /// A type that wants nothing takes anything.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Said> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Said> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf seq tuple tuple_struct map
        struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Said;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Said> {
        self.value = self.entries.next();
        match &self.value {
            Some((name, _)) => seed.deserialize(name.as_ref().into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Said> {
        let (name, value) = self.value.take().ok_or_else(|| Said(Fault::of("a value is expected before its name")))?;
        seed.deserialize(&mut serde_json::Deserializer::from_str(value))
            .map_err(|error| Said(said::of_json(&error, value).in_member(&name)))
    }
}
