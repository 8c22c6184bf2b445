//! How the answers to a request's items become the text of its response. Workers call it.

use std::collections::HashMap;

use super::hosted::DynItem;
use crate::{
    error::{Error, Kind, Rejection, Result},
    model::ItemInfo,
    output::Answer,
    protocol::{EncodeError, InferOutput, InferResponse, ResponseHead, TensorData},
};

/// What a response needs of its request.
#[derive(Debug)]
pub(super) struct Head {
    /// The id of request and response.
    pub(super) id: String,
    /// The names of the outputs that are asked for, in order; empty for all.
    pub(super) wanted: Vec<String>,
}

/// What a response needs of the items, which the model takes away.
pub(super) fn infos(items: &[DynItem]) -> Vec<ItemInfo> {
    items.iter().map(|item| item.info.clone()).collect()
}

/// Writes a response from one result an item.
///
/// # Errors
/// A rejection that names every refused item (the first ten and a count), else the first failure.
pub(super) fn encode(
    model: (&str, &str),
    head: &Head,
    infos: &[ItemInfo],
    results: Vec<Result<Answer>>,
) -> Result<Vec<u8>> {
    let mut answers = Vec::with_capacity(results.len());
    let mut faults = Vec::new();
    let mut failure = None;
    for result in results {
        match result {
            Ok(answer) => answers.push(answer),
            Err(error) => match (error.kind(), error.public()) {
                (Kind::Rejected, Some(text)) => faults.push(text),
                _ => failure = failure.or(Some(error)),
            },
        }
    }
    Rejection::all(&faults)?;
    if let Some(error) = failure {
        return Err(error);
    }
    let outputs = select(outputs(infos, answers), &head.wanted)?;
    let head = ResponseHead { model_name: model.0, model_version: Some(model.1), id: &head.id };
    InferResponse { outputs }.encode(&head).map_err(|error| match error {
        EncodeError::NotFinite(_) => Error::unwritable(error),
        error => error.into(),
    })
}

/// The answers to the elements of one input are one output; named tensors are outputs already.
fn outputs(infos: &[ItemInfo], answers: Vec<Answer>) -> (Vec<InferOutput>, bool) {
    let mut outputs: Vec<InferOutput> = Vec::new();
    let mut named = false;
    let mut values = Vec::new();
    let mut answers = answers.into_iter().zip(infos).peekable();
    while let Some((answer, info)) = answers.next() {
        match answer {
            Answer::Tensors(tensors) => {
                named = true;
                outputs.extend(tensors);
            }
            Answer::Value(value) => {
                values.push(value);
                let last = answers.peek().is_none_or(|(_, next)| next.slot.input != info.slot.input);
                if last {
                    outputs.push(InferOutput {
                        name: info.slot.name.to_string(),
                        shape: vec![values.len()],
                        data: TensorData::from(std::mem::take(&mut values)),
                        metadata: info.parameters.metadata().cloned(),
                    });
                }
            }
        }
    }
    (outputs, named)
}

/// The outputs that were asked for, in the order in which they were. It applies to named tensors only.
fn select((outputs, named): (Vec<InferOutput>, bool), wanted: &[String]) -> Result<Vec<InferOutput>> {
    if wanted.is_empty() || !named {
        return Ok(outputs);
    }
    let mut by_name: HashMap<String, InferOutput> =
        outputs.into_iter().map(|output| (output.name.clone(), output)).collect();
    let selected = wanted.iter().enumerate().map(|(index, name)| {
        by_name.remove(name).ok_or_else(|| {
            Rejection::new(format!("the name of an output is expected once, {} came", crate::protocol::quote(name)))
                .at(format_args!("outputs[{index}].name"))
                .into()
        })
    });
    selected.collect()
}
