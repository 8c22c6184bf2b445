//! [`EmbeddingsForm`]: responses with vectors. The runtime writes responses with it.

use std::sync::Arc;

use base64_simd::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

use super::request::Answer;
use crate::{
    error::{Error, Expected, Result},
    protocol::{JsonText, ResponseForm},
};

/// The most bytes of an element beside its vector.
const ELEMENT: usize = 64;

/// The most bytes of a response beside its elements and the name of the model.
const HEAD: usize = 160;

/// The form of the response to one request.
#[derive(Debug)]
pub(crate) struct EmbeddingsForm {
    /// The name of the model.
    model: String,
    answer: Answer,
}

impl EmbeddingsForm {
    pub(crate) fn new(model: &str, answer: Answer) -> Arc<Self> {
        Arc::new(EmbeddingsForm { model: model.to_owned(), answer })
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    object: &'static str,
    data: Vec<Element<'a>>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Element<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    Numbers(&'a RawValue),
    Base64(String),
}

/// The number of tokens, 0 if the model does not count them: clients require the member.
#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

impl ResponseForm for EmbeddingsForm {
    fn bound(&self, _: &str, outputs: &[JsonText]) -> usize {
        // A number takes two bytes at least, and in base64 less than six; each vector is held as bytes and as text.
        let times = if self.answer.base64 { 8 } else { 1 };
        let element = |output: &JsonText| output.as_bytes().len().saturating_mul(times).saturating_add(ELEMENT);
        outputs.iter().map(element).fold(HEAD + 6 * self.model.len(), usize::saturating_add)
    }

    fn encode(&self, _: &str, outputs: &[JsonText], tokens: usize) -> Result<Vec<u8>> {
        let mut data = Vec::with_capacity(outputs.len());
        for (index, output) in outputs.iter().enumerate() {
            let embedding = self.vector(output)?;
            data.push(Element { object: "embedding", index, embedding });
        }
        let usage = Usage { prompt_tokens: tokens, total_tokens: tokens };
        Ok(serde_json::to_vec(&Whole { object: "list", data, model: &self.model, usage })?)
    }
}

impl EmbeddingsForm {
    fn vector<'a>(&self, output: &'a JsonText) -> Result<Vector<'a>> {
        let Answer { base64, dimensions, .. } = self.answer;
        if !base64 && dimensions.is_none() {
            return Ok(Vector::Numbers(serde_json::from_str(output.as_str())?));
        }
        let vector: Vec<f32> = serde_json::from_str(output.as_str())?;
        if let Some(dimensions) = dimensions
            && dimensions != vector.len()
        {
            let what = format_args!("{}, the length of the vectors of this model", vector.len());
            return Err(Error::rejected(Expected::new(what, dimensions)).at("dimensions"));
        }
        if !base64 {
            return Ok(Vector::Numbers(serde_json::from_str(output.as_str())?));
        }
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        Ok(Vector::Base64(STANDARD.encode_to_string(bytes)))
    }
}
