//! The parameters of a request or of an input: those that the protocol defines, and the engine's own. Decoded with a
//! request and carried by its items.

use std::{
    any::Any,
    borrow::Cow,
    collections::HashSet,
    ops::Range,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde::{
    Deserializer, Serialize,
    de::{DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor},
    forward_to_deserialize_any,
};
use smallvec::SmallVec;

use super::{
    fault::{Fault, ReadResult},
    json_text::{JsonText, utf8},
    meter::{Meter, block},
    metered::Metered,
    reader::JsonReader,
    serde_error::{self, SerdeFault},
    string::MAX_NAME,
};
use crate::error::{Expected, Rejection};

/// The limit on the parameters of a request or an input; each costs memory beyond its bytes.
const MAX_COUNT: usize = 1024;
/// The parameters that the protocol defines.
const RESERVED: [&str; 5] = ["action", "binary_data_output", "binary_data_size", "metadata", "score_threshold"];

/// The parameters of a request or of one input. A parameter that is `null` counts as absent. Cheap to clone.
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
pub struct Parameters(Option<Arc<Decoded>>);

/// The limit on the names and values of a request's or an input's parameters, without the metadata, in bytes. Metadata is
/// repeated and never read.
const MAX_TEXT: usize = 1 << 20;

/// The text of a request's parameters, and what has been read of it.
#[derive(Debug)]
struct Decoded {
    /// The whole object.
    text: JsonText,
    /// The parameters that are neither `null` nor metadata: where in `text` the name with its quotes is, and the value.
    entries: SmallVec<[(Range<usize>, Range<usize>); 2]>,
    action: Option<Arc<str>>,
    metadata: Option<JsonText>,
    score_threshold: Option<f32>,
    /// The engine's own parameters as a type, or the reason why they are not, once an item has asked.
    typed: OnceLock<Result<Arc<dyn Any + Send + Sync>, Rejection>>,
}

impl Decoded {
    /// Returns the names and values of the parameters, as [`entries`](Self::entries) has them.
    fn values(&self) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
        // The text has been decoded before, so reading it again cannot fail.
        let part = |range: &Range<usize>| std::str::from_utf8(self.text.as_bytes().get(range.clone())?).ok();
        self.entries.iter().filter_map(move |(name, value)| {
            let name = JsonReader::new(part(name)?).string("a name").ok()?;
            Some((name, part(value)?))
        })
    }
}

impl Parameters {
    /// Decodes parameters from a JSON object; `null` gives empty parameters.
    ///
    /// # Errors
    /// Returns an error if the text is not a JSON object, if it has a duplicate parameter, if `action` is not a string, or
    /// if `score_threshold` is neither a finite number nor a string that contains one.
    pub fn from_text(text: impl Into<Bytes>) -> Result<Self, Rejection> {
        let text = JsonText::from_text(text)?.into_bytes();
        let read = Parameters::decode_from(&mut JsonReader::new(utf8(&text)?), &text);
        read.map_err(|fault| fault.in_member("parameters").rejection())
    }

    /// Makes parameters from a value that serializes as an object.
    ///
    /// # Errors
    /// Returns an error if JSON cannot represent the value, and the errors of [`from_text`](Self::from_text).
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, Rejection> {
        match JsonText::from_value(value) {
            Ok(text) => Parameters::from_text(text.into_bytes()),
            Err(error) => Err(Rejection::new(error.to_string()).at("parameters")),
        }
    }

    /// Decodes the object that is next in `body`.
    pub(super) fn decode_from(reader: &mut JsonReader<'_>, body: &Bytes) -> ReadResult<Self> {
        Self::decode_without("", reader, body, |_| Ok(()))
    }

    /// Decodes the object that is next in `body`. Leaves out the parameter `taken`, which describes the format of a tensor:
    /// calls `take` at its value.
    pub(super) fn decode_without(
        taken: &str,
        reader: &mut JsonReader<'_>,
        body: &Bytes,
        mut take: impl FnMut(&mut JsonReader<'_>) -> ReadResult<()>,
    ) -> ReadResult<Self> {
        if reader.null()? {
            return Ok(Parameters::default());
        }
        let (mut action, mut metadata, mut score_threshold) = (None, None, None);
        let mut seen = HashSet::new();
        let mut entries = SmallVec::<[(Range<usize>, Range<usize>); 2]>::new();
        let mut length = 0_usize;
        reader.peek();
        let start = reader.position();
        reader.object("an object", |reader, key| {
            let name = key.clone();
            let name_range = reader.name_range();
            if !seen.insert(key) {
                return Err(reader.duplicate().in_member(&name));
            }
            if seen.len() > MAX_COUNT {
                let expected = format!("at most {MAX_COUNT} parameters");
                return Err(Fault::at(reader.position(), Expected::new(expected, "more")));
            }
            if name.len() > MAX_NAME {
                let expected = format!("a name of at most {MAX_NAME} bytes");
                let got = format!("{} bytes", name.len());
                return Err(Fault::at(reader.position(), Expected::new(expected, got)));
            }
            let mut value = |reader: &mut JsonReader<'_>| {
                if reader.null()? {
                    return Ok(());
                }
                if *name == *taken {
                    return take(reader);
                }
                reader.peek();
                let value_at = reader.position();
                match &*name {
                    "action" => action = Some(reader.short_string("an action")?.into()),
                    "metadata" => {
                        metadata = Some(JsonText::new_unchecked(body.slice_ref(reader.value()?.as_bytes())));
                        return Ok(());
                    }
                    "score_threshold" => score_threshold = Some(threshold(reader)?),
                    _ => reader.skip()?,
                }
                length += name.len() + (reader.position() - value_at);
                if length > MAX_TEXT {
                    let expected = format!("at most {MAX_TEXT} bytes of parameters beside the metadata");
                    return Err(Fault::at(value_at, Expected::new(expected, "more")));
                }
                if entries.len() == entries.capacity() {
                    reader.reserve(entries.capacity() * 2 * size_of::<(Range<usize>, Range<usize>)>())?;
                }
                let value = value_at - start..reader.position() - start;
                entries.push((name_range.start - start..name_range.end - start, value));
                Ok(())
            };
            value(reader).map_err(|fault: Box<Fault>| fault.in_member(&name))
        })?;
        if entries.is_empty() && metadata.is_none() {
            return Ok(Parameters::default());
        }
        reader.reserve(block(size_of::<Decoded>()))?;
        let text = JsonText::new_unchecked(body.slice(start..reader.position()));
        let typed = OnceLock::new();
        Ok(Parameters(Some(Arc::new(Decoded { text, entries, action, metadata, score_threshold, typed }))))
    }

    /// Returns the action that the caller requests for the input.
    pub fn action(&self) -> Option<&str> {
        self.0.as_ref()?.action.as_deref()
    }

    /// Returns the action as the items of an input share it.
    pub(crate) fn shared_action(&self) -> Option<&Arc<str>> {
        self.0.as_ref()?.action.as_ref()
    }

    /// Returns the metadata, which the output must repeat byte for byte.
    pub fn metadata(&self) -> Option<&JsonText> {
        self.0.as_ref()?.metadata.as_ref()
    }

    /// Returns the lowest score of the results that the caller requests.
    pub fn score_threshold(&self) -> Option<f32> {
        self.0.as_ref()?.score_threshold
    }

    /// Returns the parameter with this name.
    pub fn get(&self, name: &str) -> Option<JsonText> {
        let decoded = self.0.as_ref()?;
        if name == "metadata" {
            return decoded.metadata.clone();
        }
        decoded.values().find_map(|(key, value)| (key == name).then(|| decoded.text.part(value)))
    }

    /// Fills in action and score threshold from `other` where they are missing (all of its parameters, if these are empty),
    /// and replaces the metadata with that of `carried`.
    pub(crate) fn completed_by(&self, other: &Parameters, carried: &Parameters) -> Parameters {
        let Some(decoded) = self.0.as_ref().or(other.0.as_ref()) else { return Parameters::default() };
        let action = |parameters: &Parameters| parameters.0.as_ref()?.action.clone();
        Parameters(Some(Arc::new(Decoded {
            text: decoded.text.clone(),
            entries: decoded.entries.clone(),
            action: action(self).or_else(|| action(other)),
            metadata: carried.metadata().cloned(),
            score_threshold: self.score_threshold().or_else(|| other.score_threshold()),
            typed: OnceLock::new(),
        })))
    }

    /// Returns `true` if these are a clone of the others, or if both are empty.
    pub(crate) fn is_same(&self, other: &Parameters) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// Returns `true` if there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Deserializes the engine's own parameters as a type. Leaves out parameters that are `null`, so that defaults apply,
    /// and those that the protocol defines (`action`, `metadata`, `score_threshold`, `binary_data_size`,
    /// `binary_data_output`).
    ///
    /// # Errors
    /// Returns an error if a parameter does not match the type:
    /// `parameters.top_k: expected an integer from 0 to 255, got a string`.
    pub fn decode<P: DeserializeOwned>(&self) -> Result<P, Rejection> {
        self.decode_metered(&Meter::default())
    }

    /// Deserializes the engine's own parameters as [`decode`](Self::decode) does, and reserves memory for them.
    fn decode_metered<P: DeserializeOwned>(&self, meter: &Meter<'_>) -> Result<P, Rejection> {
        let members = Members { entries: self.own().into_iter(), value: None };
        P::deserialize(Metered::new(members, meter)).map_err(|error| error.0.in_member("parameters").rejection())
    }

    /// Deserializes the engine's own parameters as a type, once for all items that share them. The memory of the result is
    /// kept.
    pub(crate) fn decode_once<P>(&self, meter: &Meter<'_>) -> Result<Arc<P>, Rejection>
    where
        P: DeserializeOwned + Send + Sync + 'static,
    {
        let decode = || {
            let before = meter.held();
            meter.read(block(2 * size_of::<usize>() + size_of::<P>()))?;
            let parameters = Arc::new(self.decode_metered::<P>(meter)?);
            meter.keep(meter.held() - before);
            Ok(parameters)
        };
        let Some(decoded) = &self.0 else { return decode() };
        let typed = decoded.typed.get_or_init(|| decode().map(|parameters| parameters as Arc<dyn Any + Send + Sync>));
        match typed.clone()?.downcast() {
            Ok(parameters) => Ok(parameters),
            // The items of an input are of one type.
            Err(_) => decode(),
        }
    }

    /// Returns the memory of the parameters in bytes, without the body of the request and without a type.
    pub(crate) fn memory(&self) -> usize {
        let entries = |decoded: &Arc<Decoded>| {
            let spilled = if decoded.entries.spilled() { decoded.entries.capacity() } else { 0 };
            spilled * size_of::<(Range<usize>, Range<usize>)>()
        };
        let action = |decoded: &Arc<Decoded>| decoded.action.as_ref().map_or(0, |action| block(action.len() + 16));
        self.0.as_ref().map_or(0, |decoded| block(16 + size_of::<Decoded>()) + entries(decoded) + action(decoded))
    }

    /// Returns the engine's own parameters.
    fn own(&self) -> Vec<(Cow<'_, str>, &str)> {
        let values = self.0.iter().flat_map(|decoded| decoded.values());
        values.filter(|(name, _)| !RESERVED.contains(&&**name)).collect()
    }
}

/// Reads a number, or a string that contains one.
fn threshold(reader: &mut JsonReader<'_>) -> ReadResult<f32> {
    const EXPECTED: &str = "a finite number or a string that contains one";
    reader.peek();
    let start = reader.position();
    let mut got = "another string";
    let value: Option<f32> = if reader.peek() == Some(b'"') {
        reader.string(EXPECTED)?.trim().parse().ok()
    } else if let Some(number) = reader.number_ahead() {
        reader.go_to(start + number.len());
        got = "a number out of range";
        number.parse().ok()
    } else {
        return Err(reader.unexpected(EXPECTED));
    };
    value.filter(|value| value.is_finite()).ok_or_else(|| Fault::at(start, Expected::new(EXPECTED, got)))
}

/// A deserializer of the engine's own parameters.
struct Members<'de> {
    entries: std::vec::IntoIter<(Cow<'de, str>, &'de str)>,
    value: Option<(Cow<'de, str>, &'de str)>,
}

impl<'de> Deserializer<'de> for Members<'de> {
    type Error = SerdeFault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeFault> {
        visitor.visit_map(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeFault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, SerdeFault> {
        visitor.visit_newtype_struct(self)
    }

    /// Accepts any parameters for a type without fields.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, SerdeFault> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, SerdeFault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf seq tuple tuple_struct map
        struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = SerdeFault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, SerdeFault> {
        self.value = self.entries.next();
        match &self.value {
            Some((name, _)) => seed.deserialize(name.as_ref().into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, SerdeFault> {
        let (name, value) =
            self.value.take().ok_or_else(|| SerdeFault(Fault::new("a value was read before its name")))?;
        seed.deserialize(&mut serde_json::Deserializer::from_str(value))
            .map_err(|error| SerdeFault(serde_error::locate_fault(&error, value).in_member(&name)))
    }
}
