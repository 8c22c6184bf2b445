//! [`Sampling`]: the sampling parameters of a caller, as [`Prompt`](super::Prompt) and [`Chat`](super::Chat) have them.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Unexpected, Visitor},
};
use serde_json::{Value, json};

use crate::{
    error::{Expected, quoted},
    protocol::JsonText,
};

/// The maximum number of stop texts.
const MAX_STOPS: usize = 16;

/// The maximum length of a stop text, in bytes.
const MAX_STOP: usize = 1024;

/// The maximum number of alternatives for each token.
const MAX_LOGPROBS: i128 = 20;

/// The names of the maximum number of tokens.
const MAX_TOKENS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_new_tokens"];

/// The sampling parameters of a caller. A field is `None` where the caller says nothing, so that the engine's default holds.
///
/// It is deserialized from the `parameters` of an input, by the names of the fields. A value out of its range is a 400 that
/// names the input and the parameter.
///
/// ```
/// use chariot_engine::{input::Sampling, protocol::Parameters};
///
/// let parameters = Parameters::from_text(r#"{"max_tokens": 64, "temperature": 0.7, "stop": "\n"}"#)?;
/// let sampling: Sampling = parameters.decode()?;
/// assert_eq!((sampling.max_tokens, sampling.temperature, sampling.top_p), (Some(64), Some(0.7), None));
/// assert_eq!(sampling.stop, ["\n"]);
///
/// let hot = Parameters::from_text(r#"{"temperature": 3}"#)?;
/// let fault = hot.decode::<Sampling>().unwrap_err();
/// assert_eq!(fault.text(), "parameters.temperature: expected a number from 0 to 2, got 3");
/// # Ok::<(), chariot_engine::Rejection>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Sampling {
    /// The maximum number of tokens to generate, at least 1. Its names on the wire are `max_tokens`,
    /// `max_completion_tokens` and `max_new_tokens`.
    pub max_tokens: Option<usize>,
    /// The temperature, from 0 to 2. At 0 the most likely token is taken.
    pub temperature: Option<f32>,
    /// The share of the probability that the most likely tokens have together, above 0 and up to 1. Others are not taken.
    pub top_p: Option<f32>,
    /// The number of tokens to choose from, the most likely ones. 0 (or -1 on the wire) stands for all.
    pub top_k: Option<usize>,
    /// The divisor for the logits of tokens that are in the prompt or in the text, above 0 and up to 2. 1 changes nothing.
    pub repetition_penalty: Option<f32>,
    /// The amount by which the logit of a token falls each time that it is generated, from -2 to 2.
    pub frequency_penalty: Option<f32>,
    /// The amount by which the logit of a token falls once it has been generated, from -2 to 2.
    pub presence_penalty: Option<f32>,
    /// The texts that end the generated text, which does not include them: 16 at most, none of them empty or longer than
    /// 1 KiB. A single text on the wire is a list of one.
    pub stop: Vec<String>,
    /// The seed of the random numbers: any integer of 64 bits. A negative one is taken as its two's complement.
    pub seed: Option<u64>,
    /// The number of alternatives to report for each token, from 0 to 20, beside the logarithmic probability of the token
    /// itself. Models that report none ignore it.
    pub logprobs: Option<usize>,
}

impl Sampling {
    /// Returns these parameters, with others where the caller says nothing. The stop texts of both end a text.
    ///
    /// ```
    /// use chariot_engine::input::Sampling;
    ///
    /// let (mut caller, mut engine) = (Sampling::default(), Sampling::default());
    /// caller.top_p = Some(0.5);
    /// (engine.top_p, engine.temperature) = (Some(0.9), Some(0.2));
    /// let both = caller.or(&engine);
    /// assert_eq!((both.top_p, both.temperature), (Some(0.5), Some(0.2)));
    /// ```
    #[must_use]
    pub fn or(&self, other: &Sampling) -> Sampling {
        Sampling {
            max_tokens: self.max_tokens.or(other.max_tokens),
            temperature: self.temperature.or(other.temperature),
            top_p: self.top_p.or(other.top_p),
            top_k: self.top_k.or(other.top_k),
            repetition_penalty: self.repetition_penalty.or(other.repetition_penalty),
            frequency_penalty: self.frequency_penalty.or(other.frequency_penalty),
            presence_penalty: self.presence_penalty.or(other.presence_penalty),
            stop: self.stop.iter().chain(&other.stop).cloned().collect(),
            seed: self.seed.or(other.seed),
            logprobs: self.logprobs.or(other.logprobs),
        }
    }

    /// Returns the JSON Schema of the parameters.
    pub(super) fn schema() -> Option<JsonText> {
        let tokens = json!({ "type": "integer", "minimum": 1 });
        let penalty = json!({ "type": "number", "minimum": -2, "maximum": 2 });
        let stop = json!({ "type": "string", "minLength": 1, "maxLength": MAX_STOP });
        let stops = json!({ "type": "array", "items": stop, "maxItems": MAX_STOPS });
        let mut schema = json!({ "type": "object", "properties": {
            "temperature": { "type": "number", "minimum": 0, "maximum": 2 },
            "top_p": { "type": "number", "exclusiveMinimum": 0, "maximum": 1 },
            "top_k": { "type": "integer", "minimum": -1 },
            "repetition_penalty": { "type": "number", "exclusiveMinimum": 0, "maximum": 2 },
            "frequency_penalty": penalty,
            "presence_penalty": penalty,
            "stop": { "anyOf": [stop, stops] },
            "seed": { "type": "integer" },
            "logprobs": { "type": "integer", "minimum": 0, "maximum": MAX_LOGPROBS as u64 },
            "response_format": { "type": "object", "required": ["type"], "properties": { "type": { "const": "text" } } },
        }});
        for name in MAX_TOKENS {
            schema["properties"][name] = tokens.clone();
        }
        for (name, schema) in schema["properties"].as_object_mut()? {
            if let Some(kind) = schema.get("type").cloned() {
                schema["type"] = json!([kind, "null"]);
            } else if name == "stop" {
                schema["anyOf"].as_array_mut()?.push(json!({ "type": Value::from("null") }));
            }
        }
        JsonText::from_value(&schema).ok()
    }
}

impl<'de> Deserialize<'de> for Sampling {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let values = [written.max_completion_tokens, written.max_tokens, written.max_new_tokens];
        let mut given = MAX_TOKENS.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?)));
        let first = given.next();
        if let Some((name, value)) = first
            && let Some((other, differs)) = given.find(|(_, other)| *other != value)
        {
            let what = format_args!("the same number as in '{name}', {value}");
            return Err(D::Error::custom(format_args!("{other}: {}", Expected::new(what, differs))));
        }
        Ok(Sampling {
            max_tokens: first.map(|(_, value)| value),
            temperature: written.temperature,
            top_p: written.top_p,
            top_k: written.top_k,
            repetition_penalty: written.repetition_penalty,
            frequency_penalty: written.frequency_penalty,
            presence_penalty: written.presence_penalty,
            stop: written.stop,
            seed: written.seed,
            logprobs: written.logprobs,
        })
    }
}

/// The parameters by their names on the wire.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(deserialize_with = "tokens")]
    max_completion_tokens: Option<usize>,
    #[serde(deserialize_with = "tokens")]
    max_tokens: Option<usize>,
    #[serde(deserialize_with = "tokens")]
    max_new_tokens: Option<usize>,
    #[serde(deserialize_with = "temperature")]
    temperature: Option<f32>,
    #[serde(deserialize_with = "top_p")]
    top_p: Option<f32>,
    #[serde(deserialize_with = "top_k")]
    top_k: Option<usize>,
    #[serde(deserialize_with = "factor")]
    repetition_penalty: Option<f32>,
    #[serde(deserialize_with = "penalty")]
    frequency_penalty: Option<f32>,
    #[serde(deserialize_with = "penalty")]
    presence_penalty: Option<f32>,
    #[serde(deserialize_with = "stop")]
    stop: Vec<String>,
    #[serde(deserialize_with = "seed")]
    seed: Option<u64>,
    #[serde(deserialize_with = "logprobs")]
    logprobs: Option<usize>,
    #[serde(rename = "response_format")]
    _response_format: Option<ResponseFormat>,
}

/// The form of the text that the caller wants. Only the plain text is known.
#[derive(Deserialize)]
struct ResponseFormat {
    #[serde(rename = "type", deserialize_with = "plain_text")]
    _kind: (),
}

fn plain_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    let kind = String::deserialize(deserializer)?;
    if kind != "text" {
        return Err(D::Error::custom(Expected::new("'text'", quoted(&kind))));
    }
    Ok(())
}

fn tokens<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let what = "an integer of at least 1";
    let value = deserializer.deserialize_any(Integer { what, least: 1, most: u64::MAX.into() })?;
    // More than a machine of 32 bits can count is no limit.
    Ok(value.map(|value| usize::try_from(value).unwrap_or(usize::MAX)))
}

fn top_k<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let what = "an integer of at least -1";
    let value = deserializer.deserialize_any(Integer { what, least: -1, most: u64::MAX.into() })?;
    Ok(value.map(|value| usize::try_from(value.max(0)).unwrap_or(usize::MAX)))
}

fn seed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let what = "an integer of 64 bits";
    let value = deserializer.deserialize_any(Integer { what, least: i64::MIN.into(), most: u64::MAX.into() })?;
    Ok(value.map(|value| value as u64))
}

fn logprobs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let what = "an integer from 0 to 20";
    let value = deserializer.deserialize_any(Integer { what, least: 0, most: MAX_LOGPROBS })?;
    Ok(value.and_then(|value| usize::try_from(value).ok()))
}

fn temperature<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    deserializer.deserialize_any(Number { what: "a number from 0 to 2", accepts: |value| (0.0..=2.0).contains(&value) })
}

fn top_p<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    let what = "a number above 0 and up to 1";
    deserializer.deserialize_any(Number { what, accepts: |value| value > 0.0 && value <= 1.0 })
}

fn factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    let what = "a number above 0 and up to 2";
    deserializer.deserialize_any(Number { what, accepts: |value| value > 0.0 && value <= 2.0 })
}

fn penalty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    let what = "a number from -2 to 2";
    deserializer.deserialize_any(Number { what, accepts: |value| (-2.0..=2.0).contains(&value) })
}

fn stop<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_any(Stops)
}

/// Reads an integer in a range, or `null`.
struct Integer {
    what: &'static str,
    least: i128,
    most: i128,
}

impl Integer {
    fn check<E: Error>(&self, value: i128, got: Unexpected<'_>) -> Result<Option<i128>, E> {
        match (self.least..=self.most).contains(&value) {
            true => Ok(Some(value)),
            false => Err(E::invalid_value(got, self)),
        }
    }
}

impl<'de> Visitor<'de> for Integer {
    type Value = Option<i128>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.check(value.into(), Unexpected::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.check(value.into(), Unexpected::Unsigned(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Reads a number in a range, or `null`.
struct Number {
    what: &'static str,
    accepts: fn(f32) -> bool,
}

impl Number {
    fn check<E: Error>(self, value: f64) -> Result<Option<f32>, E> {
        match (self.accepts)(value as f32) {
            true => Ok(Some(value as f32)),
            false => Err(E::custom(Expected::new(self.what, value))),
        }
    }
}

impl<'de> Visitor<'de> for Number {
    type Value = Option<f32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        self.check(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.check(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.check(value as f64)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Reads a text, a list of texts, or `null`.
struct Stops;

impl Stops {
    fn check<E: Error>(stop: String) -> Result<String, E> {
        match stop.len() {
            1..=MAX_STOP => Ok(stop),
            length => {
                let what = format_args!("a text of 1 to {MAX_STOP} bytes");
                Err(E::custom(Expected::new(what, length)))
            }
        }
    }
}

impl<'de> Visitor<'de> for Stops {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: Error>(self, stop: &str) -> Result<Self::Value, E> {
        Ok(vec![Self::check(stop.to_owned())?])
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut stops = Vec::new();
        while let Some(stop) = elements.next_element::<String>()? {
            if stops.len() == MAX_STOPS {
                return Err(A::Error::custom(Expected::new(format_args!("at most {MAX_STOPS} texts"), "more")));
            }
            stops.push(Self::check(stop)?);
        }
        Ok(stops)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Parameters;

    fn read(text: &str) -> Result<Sampling, String> {
        Parameters::from_text(text.to_owned()).unwrap().decode().map_err(|fault| fault.text().to_owned())
    }

    #[test]
    fn each_parameter_is_read_by_its_name() {
        let all = read(
            r#"{"max_new_tokens": 7, "max_tokens": 7, "temperature": 0, "top_p": 1, "top_k": 40, "repetition_penalty": 1.5,
                "frequency_penalty": -2, "presence_penalty": 0.5, "stop": ["a", "\n\n"], "seed": -1, "logprobs": 20,
                "response_format": {"type": "text"}, "unknown": {}}"#,
        );
        let expected = Sampling {
            max_tokens: Some(7),
            temperature: Some(0.0),
            top_p: Some(1.0),
            top_k: Some(40),
            repetition_penalty: Some(1.5),
            frequency_penalty: Some(-2.0),
            presence_penalty: Some(0.5),
            stop: vec!["a".into(), "\n\n".into()],
            seed: Some(u64::MAX),
            logprobs: Some(20),
        };
        assert_eq!(all, Ok(expected));
        assert_eq!(read("{}"), Ok(Sampling::default()));
        assert_eq!(read(r#"{"max_tokens": null, "stop": null, "response_format": null}"#), Ok(Sampling::default()));
        assert_eq!(read(r#"{"top_k": -1}"#).unwrap().top_k, Some(0));
        assert_eq!(read(r#"{"seed": 18446744073709551615}"#).unwrap().seed, Some(u64::MAX));
        // What OpenAI's clients write beside the values.
        assert_eq!(serde_json::from_str::<Sampling>(r#"{"seed": null, "stop": "x"}"#).unwrap().stop, ["x"]);
    }

    #[test]
    fn what_is_out_of_range_is_rejected_by_name() {
        let long = format!(r#"{{"stop": ["{}"]}}"#, "x".repeat(1025));
        let many = format!(r#"{{"stop": {:?}}}"#, ["x"; 17]);
        let cases = [
            r#"{"max_tokens": 0}"#,
            r#"{"max_tokens": 1.5}"#,
            r#"{"max_completion_tokens": -1}"#,
            r#"{"max_new_tokens": "7"}"#,
            r#"{"max_tokens": 1, "max_completion_tokens": 2}"#,
            r#"{"max_tokens": 1, "max_new_tokens": 2}"#,
            r#"{"temperature": 2.1}"#,
            r#"{"temperature": "hot"}"#,
            r#"{"temperature": 1e400}"#,
            r#"{"top_p": 0}"#,
            r#"{"top_k": -2}"#,
            r#"{"repetition_penalty": 0}"#,
            r#"{"frequency_penalty": -2.5}"#,
            r#"{"presence_penalty": true}"#,
            r#"{"stop": ""}"#,
            r#"{"stop": ["a", ""]}"#,
            r#"{"stop": [1]}"#,
            r#"{"stop": {}}"#,
            &long,
            &many,
            r#"{"seed": 1e3}"#,
            r#"{"seed": 36893488147419103232}"#,
            r#"{"logprobs": 21}"#,
            r#"{"logprobs": true}"#,
            r#"{"response_format": {"type": "json_object"}}"#,
            r#"{"response_format": {}}"#,
            r#"{"response_format": "text"}"#,
        ];
        let mut messages = String::new();
        for case in cases {
            let shown: String = case.chars().take(60).collect();
            messages += &format!("{shown} → {}\n", read(case).unwrap_err());
        }
        insta::assert_snapshot!("sampling", messages);
    }

    #[test]
    fn the_schema_has_every_name() {
        let schema: Value = Sampling::schema().unwrap().parse().unwrap();
        let names: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names.len(), 13, "{names:?}");
        assert!(MAX_TOKENS.iter().all(|name| names.contains(name)));
    }
}
