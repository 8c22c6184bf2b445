//! [`Request`]: the body of a request as inputs of the model, and what the caller wants of the answer. The handler of these
//! routes reads bodies with it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    members::{Members, list, shown},
    task::Task,
};
use crate::{
    error::{Expected, Rejection, quoted},
    model::Spec,
    protocol::{InferInput, InferRequest, JsonText, Origin, Parameters, TensorData, json_fault},
};

/// The most answers to one prompt.
const MAX_N: u32 = 16;

/// The most items of a request: its prompts, as often as it wants answers.
const MAX_ITEMS: usize = 2048;

/// The most alternatives for each token of a message.
const MAX_TOP_LOGPROBS: u32 = 20;

/// The most alternatives for each token of a text.
const MAX_LOGPROBS: u32 = 5;

/// A request as the inputs that it stands for.
#[derive(Debug)]
pub(crate) struct Request {
    /// The name of the model, if the caller gives one.
    pub(crate) model: Option<String>,
    /// The inputs: each prompt as often as the caller wants answers to it.
    pub(crate) inputs: InferRequest,
    pub(crate) answer: Answer,
}

/// The wishes of the caller for the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) task: Task,
    /// The answer is a stream of server-sent events.
    pub(crate) stream: bool,
    /// The stream ends with the number of tokens.
    pub(crate) include_usage: bool,
    /// The number of answers to each prompt.
    pub(crate) n: usize,
    /// The number of alternatives for each token, if its logarithmic probability is wanted.
    pub(crate) logprobs: Option<usize>,
    /// Vectors are base64 of their bytes.
    pub(crate) base64: bool,
    /// The length that vectors must have.
    pub(crate) dimensions: Option<usize>,
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    /// Rejects a body that is not a JSON object, and members with values that are not served, by their names.
    pub(crate) fn read(task: Task, body: &Bytes) -> Result<Request, Rejection> {
        let body = JsonText::from_text(body.clone())?;
        let members = Members::read(task, body.as_str())?;
        let model: Option<Cow<'_, str>> = parsed(&members, "model")?;
        let (inputs, answer) = match task {
            Task::Embeddings => embeddings(&body, &members)?,
            Task::Completions | Task::Chat => generation(task, &body, &members)?,
        };
        Ok(Request { model: model.map(Cow::into_owned), inputs: InferRequest::new(inputs), answer })
    }

    /// Checks that a model with this declaration can answer.
    ///
    /// # Errors
    /// Rejects what the model does not report.
    pub(crate) fn check(&self, spec: &Spec) -> Result<(), Rejection> {
        let fault = match (self.answer.task, self.answer.logprobs) {
            (_, None) => return Ok(()),
            _ if spec.logprobs => return Ok(()),
            (Task::Chat, Some(_)) => Rejection::new(Expected::new("false or no value", "true")),
            (_, Some(wanted)) => Rejection::new(Expected::new("no value", wanted)),
        };
        Err(fault.at("logprobs"))
    }
}

/// Reads a request for text.
fn generation(task: Task, body: &JsonText, members: &Members<'_>) -> Result<(Vec<InferInput>, Answer), Rejection> {
    let n = match parsed::<u32>(members, "n")? {
        None => 1,
        Some(n @ 1..=MAX_N) => n as usize,
        Some(n) => {
            return Err(Rejection::new(Expected::new(format_args!("an integer from 1 to {MAX_N}"), n)).at("n"));
        }
    };
    let stream = parsed(members, "stream")?.unwrap_or(false);
    let include_usage = include_usage(members, stream)?;
    let prompts = match task {
        Task::Chat => vec![("messages".to_owned(), messages(body, members)?)],
        _ => texts(body, members, "prompt", MAX_ITEMS / n)?,
    };
    let seed = members.get("seed");
    // Answers of one seed would all be the same.
    let seeds = (0..n).map(|index| seed.map(|seed| seed_of(seed, index)));
    let logprobs = logprobs(task, members)?;
    let parameters = seeds.map(|seed| sampling(members, seed.as_deref(), logprobs)).collect::<Result<Vec<_>, _>>()?;
    let mut inputs = Vec::with_capacity(prompts.len() * n);
    for (name, prompt) in &prompts {
        inputs.extend(parameters.iter().map(|parameters| input(name, prompt.clone(), parameters.clone())));
    }
    Ok((inputs, Answer { task, stream, include_usage, n, logprobs, base64: false, dimensions: None }))
}

/// Reads a request for vectors.
fn embeddings(body: &JsonText, members: &Members<'_>) -> Result<(Vec<InferInput>, Answer), Rejection> {
    let base64 = match parsed::<Cow<'_, str>>(members, "encoding_format")?.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            return Err(Rejection::new(Expected::new("'float' or 'base64'", quoted(other))).at("encoding_format"));
        }
    };
    let dimensions = parsed(members, "dimensions")?;
    let texts = texts(body, members, "input", MAX_ITEMS)?;
    let inputs = texts.into_iter().map(|(name, text)| input(&name, text, Parameters::default())).collect();
    let task = Task::Embeddings;
    let answer = Answer { task, stream: false, include_usage: false, n: 1, logprobs: None, base64, dimensions };
    Ok((inputs, answer))
}

fn input(name: &str, element: JsonText, parameters: Parameters) -> InferInput {
    let data = TensorData::from(vec![element]);
    InferInput { parameters, origin: Origin::Member, ..InferInput::new(name, [1], data) }
}

/// Returns a member as a type, or `None` if it is absent.
fn parsed<'a, T: Deserialize<'a>>(members: &Members<'a>, name: &str) -> Result<Option<T>, Rejection> {
    let parse = |text| serde_json::from_str(text).map_err(|error| json_fault(&error, text).at(name));
    members.get(name).map(parse).transpose()
}

/// Returns `true` if a stream ends with the number of tokens.
fn include_usage(members: &Members<'_>, stream: bool) -> Result<bool, Rejection> {
    #[derive(Deserialize)]
    struct Options {
        include_usage: Option<bool>,
    }
    const NAME: &str = "stream_options";
    match parsed::<Options>(members, NAME)? {
        None => Ok(false),
        Some(_) if !stream => Err(Rejection::new(Expected::new("no value without \"stream\": true", "some")).at(NAME)),
        Some(options) => Ok(options.include_usage.unwrap_or(false)),
    }
}

/// Returns the number of alternatives for each token, if its logarithmic probability is wanted.
fn logprobs(task: Task, members: &Members<'_>) -> Result<Option<usize>, Rejection> {
    let count = |name: &str, most: u32| match parsed::<u32>(members, name)? {
        Some(count) if count > most => {
            let what = format_args!("an integer from 0 to {most}");
            Err(Rejection::new(Expected::new(what, count)).at(name))
        }
        count => Ok(count.map(|count| count as usize)),
    };
    if task == Task::Completions {
        return count("logprobs", MAX_LOGPROBS);
    }
    let wanted = parsed(members, "logprobs")?.unwrap_or(false);
    match count("top_logprobs", MAX_TOP_LOGPROBS)? {
        Some(top @ 1..) if !wanted => {
            Err(Rejection::new(Expected::new("no value without \"logprobs\": true", top)).at("top_logprobs"))
        }
        top => Ok(wanted.then_some(top.unwrap_or(0))),
    }
}

/// Returns the messages of a conversation, which the input checks.
fn messages(body: &JsonText, members: &Members<'_>) -> Result<JsonText, Rejection> {
    match members.get("messages") {
        Some(messages) if messages.starts_with('[') => Ok(body.part(messages)),
        other => {
            let got = other.map_or("nothing", shown);
            Err(Rejection::new(Expected::new("a list of messages", got)).at("messages"))
        }
    }
}

/// Returns the texts of a member, which is a string or a list of at most `most` strings, each with the name of its input.
fn texts(
    body: &JsonText,
    members: &Members<'_>,
    name: &str,
    most: usize,
) -> Result<Vec<(String, JsonText)>, Rejection> {
    let reject = |got: &str| Rejection::new(Expected::new("a string or a list of strings", got)).at(name);
    let value = members.get(name).ok_or_else(|| reject("nothing"))?;
    if value.starts_with('"') {
        return Ok(vec![(name.to_owned(), body.part(value))]);
    }
    if !value.starts_with('[') {
        return Err(reject(shown(value)));
    }
    let elements = list(value, most).map_err(|fault| fault.at(name))?;
    if elements.is_empty() {
        return Err(reject("an empty list"));
    }
    let text = |(index, element): (usize, &RawValue)| {
        let element = element.get();
        match element.as_bytes().first() {
            Some(b'"') => Ok((format!("{name}[{index}]"), body.part(element))),
            Some(b'[' | b'-' | b'0'..=b'9') => Err(reject("token ids")),
            _ => Err(Rejection::new(Expected::new("a string", shown(element))).at(format_args!("{name}[{index}]"))),
        }
    };
    elements.into_iter().enumerate().map(text).collect()
}

/// Returns the seed of an answer to a prompt, from that of the request. What is no seed stays as it is.
fn seed_of(seed: &str, index: usize) -> Cow<'_, str> {
    let index = index as u64;
    if index == 0 {
        return seed.into();
    }
    let signed = seed.parse::<i64>().map(|seed| seed.wrapping_add_unsigned(index).to_string());
    let any = signed.or_else(|_| seed.parse::<u64>().map(|seed| seed.wrapping_add(index).to_string()));
    any.map_or(seed.into(), Cow::Owned)
}

/// Returns the parameters of an input.
fn sampling(members: &Members<'_>, seed: Option<&str>, logprobs: Option<usize>) -> Result<Parameters, Rejection> {
    let mut text = String::from("{");
    let logprobs = logprobs.map(|count| count.to_string());
    let own = [("seed", seed), ("logprobs", logprobs.as_deref())];
    let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
    for (name, value) in members.sampling().chain(own) {
        let comma = if text.len() > 1 { "," } else { "" };
        text.push_str(&format!("{comma}\"{name}\":"));
        text.push_str(value);
    }
    text.push('}');
    Parameters::from_text(text)
}
