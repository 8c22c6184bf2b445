//! How the answers to a request's items become the text of its response. Workers call it.

use std::{collections::HashMap, sync::Arc};

use super::{hosted::Answered, shared::HostOptions};
use crate::{
    error::{Error, ErrorKind, Rejection, Result, quoted},
    model::ItemInfo,
    output::EncodedOutput,
    protocol::{
        EncodeError, EncodedResponse, InferOutput, InferResponse, JsonText, Protocol, ResponseHead, TensorData,
        WantedOutput, encode_chariot_v2,
    },
    settings::OutputEncoding,
};

/// What a response needs of its request.
#[derive(Debug)]
pub(super) struct Head {
    /// The id of request and response.
    pub(super) id: Arc<str>,
    /// The protocol of request and response.
    pub(super) protocol: Protocol,
    /// The outputs that are asked for, in order; empty for all.
    pub(super) wanted: Vec<WantedOutput>,
    /// Whether outputs are binary of which `wanted` does not say.
    pub(super) binary: bool,
}

/// Writes a response from what became of its items.
///
/// # Errors
/// A rejection that names every refused item (the first ten and a count), else the first failure.
pub(super) fn encode(options: &HostOptions, head: &Head, mut answered: Vec<Answered>) -> Result<EncodedResponse> {
    if let Some(error) = fault(&mut answered) {
        return Err(error);
    }
    let answers = answered.into_iter().filter_map(|Answered { info, answer }| Some((info, answer.ok()?)));
    if head.protocol == Protocol::V2 {
        return Ok(encode_chariot_v2(&results(answers)?));
    }
    let outputs = select(outputs(answers, options.encoding), &head.wanted)?;
    let written = ResponseHead { model_name: &options.name, model_version: Some(&options.version), id: &head.id };
    let forms: HashMap<&str, bool> =
        head.wanted.iter().filter_map(|output| Some((&*output.name, output.binary?))).collect();
    let is_binary = |name: &str| forms.get(name).copied().unwrap_or(head.binary);
    InferResponse { outputs }.encode_binary(&written, is_binary).map_err(|error| match error {
        EncodeError::NotFinite(_) | EncodeError::NotText(_) => Error::unwritable(error),
        error => error.into(),
    })
}

/// What the caller is told instead, if items failed.
fn fault(answered: &mut Vec<Answered>) -> Option<Error> {
    let mut faults = Vec::new();
    let mut failed = None;
    for (index, answered) in answered.iter().enumerate() {
        if let Err(error) = &answered.answer {
            match (error.kind(), error.public_message()) {
                (ErrorKind::Rejected, Some(text)) => faults.push(text),
                _ => failed = failed.or(Some(index)),
            }
        }
    }
    match Rejection::all(&faults) {
        Err(rejection) => Some(rejection.into()),
        Ok(()) => failed.and_then(|index| answered.swap_remove(index).answer.err()),
    }
}

/// The answers to items, each with the metadata of its item.
fn results(answers: impl Iterator<Item = (ItemInfo, EncodedOutput)>) -> Result<Vec<(JsonText, Option<JsonText>)>> {
    let result = |(info, answer): (ItemInfo, EncodedOutput)| match answer {
        EncodedOutput::Value(value) => Ok((value, info.parameters.metadata().cloned())),
        EncodedOutput::Tensors(_) => Err("named tensors are no answer to an item".into()),
    };
    answers.map(result).collect()
}

/// The answers to the elements of one input are one output; named tensors are outputs already.
fn outputs(
    answers: impl Iterator<Item = (ItemInfo, EncodedOutput)>,
    encoding: OutputEncoding,
) -> (Vec<InferOutput>, bool) {
    let mut outputs: Vec<InferOutput> = Vec::new();
    let mut named = false;
    let mut values = Vec::new();
    let mut answers = answers.peekable();
    while let Some((info, answer)) = answers.next() {
        match answer {
            EncodedOutput::Tensors(tensors) => {
                named = true;
                outputs.extend(tensors);
            }
            EncodedOutput::Value(value) => {
                values.push(value);
                let is_last = answers.peek().is_none_or(|(next, _)| next.slot.input != info.slot.input);
                if is_last {
                    outputs.push(InferOutput {
                        name: info.output_name().to_string(),
                        shape: vec![values.len()],
                        data: elements(std::mem::take(&mut values), encoding),
                        metadata: info.parameters.metadata().cloned(),
                    });
                }
            }
        }
    }
    (outputs, named)
}

/// The values of an output as elements of BYTES. In binary form either encoding is the JSON text of each.
fn elements(values: Vec<JsonText>, encoding: OutputEncoding) -> TensorData {
    match encoding {
        OutputEncoding::Json => values.into(),
        OutputEncoding::String => values.iter().map(ToString::to_string).collect::<Vec<_>>().into(),
    }
}

/// The outputs that were asked for, in the order in which they were. It applies to named tensors only.
fn select((outputs, named): (Vec<InferOutput>, bool), wanted: &[WantedOutput]) -> Result<Vec<InferOutput>> {
    if wanted.is_empty() || !named {
        return Ok(outputs);
    }
    let known: Vec<String> = outputs.iter().map(|output| quoted(&output.name)).collect();
    let mut by_name: HashMap<String, InferOutput> =
        outputs.into_iter().map(|output| (output.name.clone(), output)).collect();
    let selected = wanted.iter().enumerate().map(|(index, WantedOutput { name, .. })| {
        by_name.remove(name).ok_or_else(|| {
            let text = format!("one of {} is expected, once, {} came", known.join(", "), quoted(name));
            Rejection::new(text).at(format_args!("outputs[{index}].name")).into()
        })
    });
    selected.collect()
}
