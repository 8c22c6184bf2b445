//! `chariot-v2`: one item as JSON, as it is, or several as lines of JSON, and how their answers are written. A
//! [`Form`](super::Form) leads here; workers write the answers.

use bytes::Bytes;

use super::{
    EncodedResponse, InferInput, InferRequest, JsonText, Parameters, Protocol, TensorData, binary, data,
    fault::{Fault, Read},
    form::PARAMETERS_HEADER,
    input_label::Origin,
    json::utf8,
    reader::Reader,
    request,
};
use crate::error::Rejection;

/// The most lines that a request may have; each costs memory beyond its bytes.
const MOST_LINES: usize = 16_384;

/// Reads a JSON document, which is one item or a request of `chariot-v2-kserve`.
pub(super) fn document(body: &Bytes) -> Result<(InferRequest, Protocol), Rejection> {
    let text = request::document(body)?;
    let mut item = None;
    let read = request::members(&mut Reader::new(text), body, &mut None, Some(&mut item));
    let request = read.map_err(|fault| fault.rejection(text))?;
    Ok(match item {
        None => (request, Protocol::V2Kserve),
        Some(data) => {
            let input = InferInput::item(data, request.parameters, Origin::Body);
            (InferRequest::new(vec![input]), Protocol::V2)
        }
    })
}

/// Reads lines of JSON, an item each. Those that are blank count as lines and are passed over, as is one after the last.
pub(super) fn lines(body: &Bytes) -> Result<InferRequest, Rejection> {
    let text = utf8(body)?;
    let mut inputs = Vec::new();
    let (mut line, mut counted) = (1, 0);
    let mut reader = Reader::new(text);
    while reader.peek().is_some() {
        let start = reader.position();
        line += text.as_bytes()[counted..start].iter().filter(|byte| **byte == b'\n').count();
        counted = start;
        if inputs.len() == MOST_LINES {
            return Err(Rejection::new(format!("at most {MOST_LINES} items in a request are expected, more came")));
        }
        let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let mut within = Reader::new(&text[..end]);
        within.go_to(start);
        let origin = Origin::Line(line);
        let read = one(&mut within, body).map_err(|fault| fault.in_owner(origin.label("", 0)).rejection(text));
        let (data, parameters) = read?;
        inputs.push(InferInput::item(data, parameters, origin));
        reader.go_to(end);
    }
    if inputs.is_empty() {
        return Err(Rejection::new("a JSON object a line is expected, an empty body came"));
    }
    Ok(InferRequest::new(inputs))
}

/// Reads the object that is one line.
fn one(reader: &mut Reader<'_>, body: &Bytes) -> Read<(TensorData, Parameters)> {
    let (mut data, mut parameters) = (None, Parameters::default());
    reader.members(&["input", "parameters"], |reader, member| {
        match member {
            0 => data = Some(element(reader, body)?),
            _ => parameters = Parameters::decode_from(reader, body)?,
        }
        Ok(())
    })?;
    reader.end()?;
    match data {
        Some(data) => Ok((data, parameters)),
        None => Err(Fault::of("a string is expected, the member is missing").in_member("input")),
    }
}

/// Reads the string that an item is.
pub(super) fn element(reader: &mut Reader<'_>, body: &Bytes) -> Read<TensorData> {
    match reader.peek() {
        Some(b'"') => data::texts(reader, body),
        _ => Err(reader.unexpected("a string")),
    }
}

/// Takes a body that is one item as it is, whose parameters a header holds.
pub(super) fn item(body: &Bytes, parameters: Option<&Bytes>) -> Result<InferRequest, Rejection> {
    let parameters = parameters.map_or_else(|| Ok(Parameters::default()), in_header)?;
    if body.is_empty() {
        return Err(Rejection::new("the bytes of an item are expected, an empty body came"));
    }
    let data = binary::whole(body).map_err(|fault| fault.unplaced())?;
    Ok(InferRequest::new(vec![InferInput::item(data, parameters, Origin::Body)]))
}

fn in_header(value: &Bytes) -> Result<Parameters, Rejection> {
    let read = utf8(value).and_then(|text| {
        let mut reader = Reader::new(text);
        let parameters = Parameters::decode_from(&mut reader, value);
        parameters.and_then(|read| reader.end().map(|()| read)).map_err(|fault| fault.rejection(text))
    });
    read.map_err(|fault| fault.at(PARAMETERS_HEADER))
}

/// Writes answers, each with the metadata of its item: one as JSON, several as lines.
pub(crate) fn encode(answers: &[(JsonText, Option<JsonText>)]) -> EncodedResponse {
    let size = |(value, metadata): &(JsonText, Option<JsonText>)| {
        48 + value.as_bytes().len() + metadata.as_ref().map_or(0, |metadata| metadata.as_bytes().len())
    };
    let mut body = Vec::with_capacity(answers.iter().map(size).sum());
    if let [(value, metadata)] = answers {
        write(&mut body, value.as_bytes(), metadata.as_ref());
        return EncodedResponse::new(body, "application/json");
    }
    for (value, metadata) in answers {
        let start = body.len();
        write(&mut body, value.as_bytes(), metadata.as_ref());
        // In JSON a line can only end where any blank may stand.
        body[start..].iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
        body.push(b'\n');
    }
    EncodedResponse::new(body, "application/jsonl")
}

fn write(body: &mut Vec<u8>, value: &[u8], metadata: Option<&JsonText>) {
    body.extend_from_slice(b"{\"output\":");
    body.extend_from_slice(value);
    if let Some(metadata) = metadata {
        body.extend_from_slice(b",\"parameters\":{\"metadata\":");
        body.extend_from_slice(metadata.as_bytes());
        body.push(b'}');
    }
    body.push(b'}');
}
