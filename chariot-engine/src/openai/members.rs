//! The members of a request body: which are read, which values of the others are served, and the reading of all of them. The
//! reader of requests calls it.
//!
//! A member that would change the answer and that no model of this server could follow is refused by name, unless it has the
//! value that changes nothing. Members that are not known are ignored, and `null` counts as absent.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::task::Task;
use crate::{
    error::{Expected, Rejection},
    protocol::json_fault,
};

/// The treatment of a member.
#[derive(Clone, Copy, Debug)]
enum Use {
    /// The reader of requests reads it.
    Read,
    /// It is a parameter of the input.
    Sampling,
    /// Only these values are served, as they are without blanks; in words, the first of them.
    Only(&'static str, &'static [&'static str]),
}

use Use::{Only, Read, Sampling};

/// The longest value that a message or a comparison repeats, in bytes.
const SHORT: usize = 32;

const NOTHING: Use = Only("no value", &[]);
const NO_LIST: Use = Only("an empty list", &["[]"]);
const NO_OBJECT: Use = Only("an empty object", &["{}"]);
const FALSE: Use = Only("false", &["false"]);
const TRUE: Use = Only("true", &["true"]);
const ZERO: Use = Only("0", &["0", "0.0"]);
const ONE: Use = Only("1", &["1", "1.0"]);

/// The members of requests for text of either task.
const GENERATION: &[(&str, Use)] = &[
    ("model", Read),
    ("n", Read),
    ("stream", Read),
    ("stream_options", Read),
    ("max_tokens", Sampling),
    ("temperature", Sampling),
    ("top_p", Sampling),
    ("top_k", Sampling),
    ("repetition_penalty", Sampling),
    ("frequency_penalty", Sampling),
    ("presence_penalty", Sampling),
    ("stop", Sampling),
    ("seed", Read),
    ("logit_bias", NO_OBJECT),
    ("response_format", Only("{\"type\": \"text\"}", &[r#"{"type":"text"}"#])),
    ("best_of", ONE),
    // Of other servers with this API.
    ("allowed_token_ids", NO_LIST),
    ("bad_words", NO_LIST),
    ("guided_choice", NOTHING),
    ("guided_grammar", NOTHING),
    ("guided_json", NOTHING),
    ("guided_regex", NOTHING),
    ("ignore_eos", FALSE),
    ("include_stop_str_in_output", FALSE),
    ("length_penalty", ONE),
    ("min_p", ZERO),
    ("min_tokens", ZERO),
    ("prompt_logprobs", NOTHING),
    ("stop_token_ids", NO_LIST),
    ("structured_outputs", NOTHING),
    ("truncate_prompt_tokens", NOTHING),
    ("use_beam_search", FALSE),
];

const COMPLETIONS: &[(&str, Use)] = &[
    ("prompt", Read),
    ("echo", FALSE),
    ("logprobs", Read),
    ("prompt_embeds", NOTHING),
    ("suffix", Only("an empty string", &[r#""""#])),
];

const CHAT: &[(&str, Use)] = &[
    ("messages", Read),
    ("max_completion_tokens", Sampling),
    ("add_generation_prompt", TRUE),
    ("audio", NOTHING),
    ("chat_template", NOTHING),
    ("chat_template_kwargs", NO_OBJECT),
    ("continue_final_message", FALSE),
    ("documents", NO_LIST),
    ("echo", FALSE),
    ("function_call", Only("'none'", &[r#""none""#, r#""auto""#])),
    ("functions", NO_LIST),
    ("logprobs", Read),
    ("modalities", Only("[\"text\"]", &[r#"["text"]"#])),
    ("store", FALSE),
    ("tool_choice", Only("'none'", &[r#""none""#, r#""auto""#])),
    ("tools", NO_LIST),
    ("top_logprobs", Read),
    ("web_search_options", NOTHING),
];

const EMBEDDINGS: &[(&str, Use)] = &[("model", Read), ("input", Read), ("dimensions", Read), ("encoding_format", Read)];

/// The tables of members of a task.
fn tables(task: Task) -> [&'static [(&'static str, Use)]; 2] {
    match task {
        Task::Completions => [GENERATION, COMPLETIONS],
        Task::Chat => [GENERATION, CHAT],
        Task::Embeddings => [EMBEDDINGS, &[]],
    }
}

/// Returns `true` if a message that begins with this name is about a member of a body.
pub(super) fn is_member(name: &str) -> bool {
    [GENERATION, COMPLETIONS, CHAT, EMBEDDINGS].into_iter().flatten().any(|(known, _)| *known == name)
}

/// The members of a body that are read or are parameters, each with its text.
#[derive(Debug, Default)]
pub(super) struct Members<'a>(Vec<(&'static str, Use, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads the members of a body, which is valid JSON.
    ///
    /// # Errors
    /// Rejects a body that is not an object, a member that occurs twice, and a member with a value that is not served.
    pub(super) fn read(task: Task, body: &'a str) -> Result<Self, Rejection> {
        let members = Reading { tables: tables(task) };
        let mut json = serde_json::Deserializer::from_str(body);
        let members = json.deserialize_map(members).map_err(|error| json_fault(&error, body))?;
        for (name, of, value) in &members.0 {
            if let Only(what, served) = of {
                check_only(what, served, value).map_err(|fault| fault.at(name))?;
            }
        }
        Ok(members)
    }

    /// Returns the text of a member.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, ..)| *known == name).map(|(.., value)| value.get())
    }

    /// Returns the members that are parameters of the input, each with its text.
    pub(super) fn sampling(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.0.iter().filter(|(_, of, _)| matches!(of, Sampling)).map(|(name, _, value)| (*name, value.get()))
    }
}

fn check_only(what: &str, served: &[&str], value: &RawValue) -> Result<(), Rejection> {
    let value = value.get();
    let compact: String = value.chars().filter(|letter| !letter.is_ascii_whitespace()).take(SHORT + 1).collect();
    if served.contains(&&*compact) {
        return Ok(());
    }
    let expected = if served.is_empty() { what.to_owned() } else { format!("{what} or no value") };
    Err(Rejection::new(Expected::new(expected, shown(value))))
}

/// Returns a value for a message: itself if it is a short number or a boolean, otherwise its kind.
pub(super) fn shown(value: &str) -> &str {
    match value.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        _ if value.len() <= SHORT => value,
        _ => "a number",
    }
}

/// Reads the members that a table has.
struct Reading {
    tables: [&'static [(&'static str, Use)]; 2],
}

impl<'de> Visitor<'de> for Reading {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members::default();
        while let Some(Name(name)) = map.next_key_seed(NameSeed)? {
            let Some((name, of)) = self.tables.iter().copied().flatten().find(|(known, _)| *known == name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value: Option<&RawValue> = map.next_value()?;
            if members.0.iter().any(|(known, ..)| known == name) {
                return Err(A::Error::duplicate_field(name));
            }
            if let Some(value) = value {
                members.0.push((name, *of, value));
            }
        }
        Ok(members)
    }
}

/// A name of a member, borrowed from the body if it has no escapes.
struct Name<'a>(Cow<'a, str>);

struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Name<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(name.into()))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name<'de>, E> {
        // Longer than any that is known.
        Ok(Name(name.chars().take(SHORT).collect::<String>().into()))
    }
}

/// Reads a list of at most this many values.
///
/// # Errors
/// Rejects a longer list.
pub(super) fn list(text: &str, most: usize) -> Result<Vec<&RawValue>, Rejection> {
    struct List(usize);
    impl<'de> Visitor<'de> for List {
        type Value = Option<Vec<&'de RawValue>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = elements.next_element()? {
                if values.len() == self.0 {
                    while elements.next_element::<IgnoredAny>()?.is_some() {}
                    return Ok(None);
                }
                values.push(value);
            }
            Ok(Some(values))
        }
    }
    let values = serde_json::Deserializer::from_str(text).deserialize_seq(List(most));
    let values = values.map_err(|error| json_fault(&error, text))?;
    values.ok_or_else(|| Rejection::new(Expected::new(format_args!("at most {most} elements"), "more")))
}
