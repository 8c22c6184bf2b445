//! Encoding of the outputs of a request's items as its response. Workers call it.

use std::collections::HashMap;

use bytes::Bytes;
use smallvec::SmallVec;

use super::{erased::ItemOutput, job::ResponseContext, options::HostOptions, replies::ChargedResponse};
use crate::{
    error::{Error, ErrorKind, Expected, Rejection, Result, quoted},
    inflight::{Charge, RequestToken},
    model::{ItemInfo, Spec},
    output::EncodedOutput,
    protocol::{
        DataType, EncodeError, EncodedResponse, InferInput, InferOutput, InferResponse, JsonText, Protocol,
        ResponseHead, TensorData, WantedOutput, encode_chariot_v2,
    },
    settings::OutputEncoding,
};

/// Encodes a response from the outputs of its items. Its bytes are charged before they are written.
///
/// # Errors
/// Returns a rejection that names every rejected item (the first ten and a count), else the first failure. Fails if the
/// response exceeds a memory limit.
pub(super) fn encode(
    options: &HostOptions,
    context: &ResponseContext,
    token: &RequestToken,
    mut items: Vec<ItemOutput>,
) -> Result<ChargedResponse> {
    if let Some(error) = first_error(&mut items) {
        return Err(error);
    }
    let each = |ItemOutput { info, output }| Some((info, output.ok()?));
    if let Some(form) = &context.form {
        let results = results(items.into_iter().filter_map(each))?;
        let outputs: Vec<JsonText> = results.into_iter().map(|(value, _)| value).collect();
        let charge = token.charge_response(form.bound(&context.id, &outputs))?;
        let response = EncodedResponse::json(form.encode(&context.id, &outputs, token.tokens())?);
        return Ok(settled(response, Vec::new(), 0, charge));
    }
    if context.protocol == Protocol::V2 {
        let results = results(items.into_iter().filter_map(each))?;
        let bytes = results.iter().map(|(value, metadata)| {
            value.as_bytes().len() + metadata.as_ref().map_or(0, |metadata| metadata.as_bytes().len()) + 64
        });
        let charge = token.charge_response(bytes.sum())?;
        return Ok(settled(encode_chariot_v2(&results), Vec::new(), 0, charge));
    }
    let of_one_input = |one: &ItemOutput, next: &ItemOutput| one.info.input == next.info.input;
    let lengths: SmallVec<[usize; 4]> = items.chunk_by(of_one_input).map(<[_]>::len).collect();
    let outputs = outputs(items.into_iter().filter_map(each), &lengths, options.encoding);
    let outputs = select(outputs, &context.requested)?;
    let head = ResponseHead { model_name: &options.name, model_version: Some(&options.version), id: &context.id };
    let binary: HashMap<&str, bool> =
        context.requested.iter().filter_map(|output| Some((&*output.name, output.binary?))).collect();
    let is_binary = |name: &str| binary.get(name).copied().unwrap_or(context.binary);
    let response = InferResponse { outputs };
    let named = 6 * (head.id.len() + head.model_name.len() + options.version.len());
    let charge = token.charge_response(response.encoded_bound(is_binary).saturating_add(named))?;
    let kept = response.frame_memory(is_binary);
    let (encoded, frames) = response.encode_frames(&head, is_binary).map_err(|error| match error {
        EncodeError::NotFinite(_) | EncodeError::NotText(_) => Error::unwritable(error),
        error => error.into(),
    })?;
    Ok(settled(encoded, frames, kept, charge))
}

/// Charges the memory that a response takes, in place of the most that it could have taken. Its frames keep `kept` bytes.
fn settled(response: EncodedResponse, frames: Vec<Bytes>, kept: usize, charge: Charge) -> ChargedResponse {
    charge.settle(response.body.capacity().saturating_add(kept) as u64);
    ChargedResponse { response, frames, charge }
}

/// Returns the fault of a request whose inputs hold elements that JSON cannot represent, for a response in JSON. The fault
/// counts only if the outputs cannot be represented either: a model may well accept NaN.
///
/// Only binary tensors are read, and only if the response may be JSON.
pub(super) fn unwritable_inputs(
    inputs: &[InferInput],
    spec: &Spec,
    requested: &[WantedOutput],
    binary: bool,
) -> Option<Rejection> {
    // The output for an item is JSON also within a binary response. An item itself is bytes of any kind.
    let is_item = spec.element.is_some();
    let all_binary = match requested {
        [] => binary,
        requested => requested.iter().all(|output| output.binary.unwrap_or(binary)),
    };
    if !is_item && all_binary {
        return None;
    }
    let mut faults = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let is_text = input.data.datatype() == DataType::Bytes;
        if is_text && is_item || input.data.fits_json() {
            continue;
        }
        let fault = match is_text {
            true => Expected::new("UTF-8 text for a response in JSON", "other bytes"),
            false => Expected::new("finite numbers for a response in JSON", "NaN or an infinity"),
        };
        faults.push(format!("{}: {fault}", input.label(index)));
    }
    Rejection::all(&faults).err()
}

/// Blames the request for an output that JSON cannot represent, if its inputs hold such elements already.
pub(super) fn blame(error: Error, unwritable_inputs: Option<Rejection>) -> Error {
    match unwritable_inputs {
        Some(rejection) if error.is_unwritable() => rejection.into(),
        _ => error,
    }
}

/// Returns the error of the request, if items were rejected or failed.
fn first_error(items: &mut Vec<ItemOutput>) -> Option<Error> {
    let mut faults = Vec::new();
    let mut failed = None;
    for (index, item) in items.iter().enumerate() {
        if let Err(error) = &item.output {
            match (error.kind(), error.public_message()) {
                (ErrorKind::Rejected, Some(text)) => faults.push(text),
                _ => failed = failed.or(Some(index)),
            }
        }
    }
    match Rejection::all(&faults) {
        Err(rejection) => Some(rejection.into()),
        Ok(()) => failed.and_then(|index| items.swap_remove(index).output.err()),
    }
}

/// Returns the outputs of items, each with the metadata of its item.
fn results(items: impl Iterator<Item = (ItemInfo, EncodedOutput)>) -> Result<Vec<(JsonText, Option<JsonText>)>> {
    let result = |(info, output): (ItemInfo, EncodedOutput)| match output {
        EncodedOutput::Value(value) => Ok((value, info.shared.parameters.metadata().cloned())),
        EncodedOutput::Tensors(_) => Err("a chariot-v2 response cannot hold named tensors".into()),
    };
    items.map(result).collect()
}

/// Collects the outputs of one input's elements into one output tensor. `lengths` has the number of items of each input.
/// Named tensors are outputs already.
fn outputs(
    mut items: impl Iterator<Item = (ItemInfo, EncodedOutput)>,
    lengths: &[usize],
    encoding: OutputEncoding,
) -> (Vec<InferOutput>, bool) {
    let mut outputs: Vec<InferOutput> = Vec::new();
    let mut named = false;
    for length in lengths {
        let mut values = Vec::new();
        let mut of_values = None;
        for (info, output) in items.by_ref().take(*length) {
            match output {
                EncodedOutput::Tensors(tensors) => {
                    named = true;
                    outputs.extend(tensors);
                }
                EncodedOutput::Value(value) => {
                    if values.is_empty() {
                        values.reserve_exact(*length);
                    }
                    values.push(value);
                    of_values = Some(info);
                }
            }
        }
        if let Some(info) = of_values {
            outputs.push(InferOutput {
                name: info.output_name().to_string(),
                shape: vec![values.len()],
                data: elements(values, encoding),
                metadata: info.shared.parameters.metadata().cloned(),
            });
        }
    }
    (outputs, named)
}

/// Returns the values of an output as BYTES elements. In binary form, both encodings write the JSON text of each value.
fn elements(values: Vec<JsonText>, encoding: OutputEncoding) -> TensorData {
    match encoding {
        OutputEncoding::Json => values.into(),
        OutputEncoding::String => values.iter().map(ToString::to_string).collect::<Vec<_>>().into(),
    }
}

/// Returns the requested outputs in the requested order. Applies to named tensors only.
fn select((outputs, named): (Vec<InferOutput>, bool), requested: &[WantedOutput]) -> Result<Vec<InferOutput>> {
    if requested.is_empty() || !named {
        return Ok(outputs);
    }
    let known: Vec<String> = outputs.iter().map(|output| quoted(&output.name)).collect();
    let mut by_name: HashMap<String, InferOutput> =
        outputs.into_iter().map(|output| (output.name.clone(), output)).collect();
    let selected = requested.iter().enumerate().map(|(index, WantedOutput { name, .. })| {
        by_name.remove(name).ok_or_else(|| {
            let expected = format!("one of {}, each at most once", known.join(", "));
            Rejection::new(Expected::new(expected, quoted(name))).at(format_args!("outputs[{index}].name")).into()
        })
    });
    selected.collect()
}
