//! `chariot-v2`: decodes one item from JSON or raw bytes, or several from lines of JSON, and encodes their outputs.
//! [`BodyFormat`](super::BodyFormat) calls the decoders, workers call the encoder.

use bytes::Bytes;
use memchr::{memchr, memchr_iter};

use super::{
    binary,
    decode::{self, ItemMember, Items},
    fault::{Fault, ReadResult},
    input_label::Origin,
    json_text::{JsonText, utf8, without_mark},
    meter::Meter,
    parameters::Parameters,
    reader::JsonReader,
    request::{InferInput, InferRequest},
    response::EncodedResponse,
    tensor::TensorData,
    version::{PARAMETERS_HEADER, Protocol},
};
use crate::error::{Expected, Rejection};

/// The limit on the lines of a request; each costs memory beyond its bytes.
const MAX_LINES: usize = 16_384;

/// Decodes a JSON document: one item, or a request of `chariot-v2-kserve`. `takes_items` is set if the model accepts both.
pub(super) fn document(
    body: &Bytes,
    items: Items,
    takes_items: bool,
    meter: &Meter<'_>,
) -> Result<(InferRequest, Protocol), Rejection> {
    let body = &without_mark(body);
    let text = decode::document(body)?;
    let mut item = ItemMember { items, takes_items, data: None };
    let read = decode::members(&mut JsonReader::metered(text, meter), body, &mut None, Some(&mut item));
    let request = read.map_err(|fault| fault.rejection_in(text))?;
    Ok(match item.data {
        None => (request, Protocol::V2Kserve),
        Some(data) => {
            let input = InferInput::item(data, request.parameters, Origin::Body);
            (InferRequest::new(vec![input]), Protocol::V2)
        }
    })
}

/// Decodes lines of JSON, one item per line. Skips blank lines, but counts them.
pub(super) fn lines(body: &Bytes, items: Items, meter: &Meter<'_>) -> Result<InferRequest, Rejection> {
    let body = &without_mark(body);
    let text = utf8(body)?;
    // Blank lines are few, and a vector that grows needs its memory twice.
    let most = memchr_iter(b'\n', text.as_bytes()).take(MAX_LINES - 1).count() + 1;
    meter.read(most * size_of::<InferInput>())?;
    let mut inputs = Vec::with_capacity(most);
    let (mut line, mut counted) = (1, 0);
    let mut reader = JsonReader::metered(text, meter);
    while reader.peek().is_some() {
        let start = reader.position();
        line += text.as_bytes()[counted..start].iter().filter(|byte| **byte == b'\n').count();
        if inputs.len() == MAX_LINES {
            let expected = format_args!("at most {MAX_LINES} items in a request");
            return Err(Rejection::new(Expected::new(expected, "more")));
        }
        let end = memchr(b'\n', &text.as_bytes()[start..]).map_or(text.len(), |length| start + length);
        counted = end;
        let mut within = reader.another(&text[..end]);
        within.go_to(start);
        let origin = Origin::Line(line);
        let read =
            line_item(&mut within, body, items).map_err(|fault| fault.in_owner(origin.label("", 0)).rejection_in(text));
        let (data, parameters) = read?;
        inputs.push(InferInput::item(data, parameters, origin));
        reader.go_to(end);
    }
    if inputs.is_empty() {
        return Err(Rejection::new(Expected::new("one JSON object per line", "an empty body")));
    }
    Ok(InferRequest::new(inputs))
}

/// Reads the object of one line.
fn line_item(reader: &mut JsonReader<'_>, body: &Bytes, items: Items) -> ReadResult<(TensorData, Parameters)> {
    let (mut data, mut parameters) = (None, Parameters::default());
    reader.members(&["input", "parameters"], |reader, member| {
        match member {
            0 => data = Some(items.read(reader, body)?),
            _ => parameters = Parameters::decode_from(reader, body)?,
        }
        Ok(())
    })?;
    reader.end()?;
    match data {
        Some(data) => Ok((data, parameters)),
        None => Err(Fault::new(Expected::new(items.expected(), "nothing")).in_member("input")),
    }
}

/// Makes a request from a body that is one raw item, with parameters from a header.
pub(super) fn item(body: &Bytes, parameters: Option<&Bytes>) -> Result<InferRequest, Rejection> {
    let parameters = parameters.map_or_else(|| Ok(Parameters::default()), header_parameters)?;
    if body.is_empty() {
        return Err(Rejection::new(Expected::new("the bytes of an item", "an empty body")));
    }
    let data = binary::whole(body).map_err(|fault| fault.rejection())?;
    Ok(InferRequest::new(vec![InferInput::item(data, parameters, Origin::Body)]))
}

fn header_parameters(value: &Bytes) -> Result<Parameters, Rejection> {
    let read = utf8(value).and_then(|text| {
        let mut reader = JsonReader::new(text);
        let parameters = Parameters::decode_from(&mut reader, value);
        parameters.and_then(|read| reader.end().map(|()| read)).map_err(|fault| fault.rejection_in(text))
    });
    read.map_err(|fault| fault.at(PARAMETERS_HEADER))
}

/// Encodes outputs, each with the metadata of its item: one as JSON, several as lines of JSON.
pub(crate) fn encode(outputs: &[(JsonText, Option<JsonText>)]) -> EncodedResponse {
    let size = |(value, metadata): &(JsonText, Option<JsonText>)| {
        48 + value.as_bytes().len() + metadata.as_ref().map_or(0, |metadata| metadata.as_bytes().len())
    };
    let mut body = Vec::with_capacity(outputs.iter().map(size).sum());
    if let [(value, metadata)] = outputs {
        write(&mut body, value.as_bytes(), metadata.as_ref());
        return EncodedResponse::new(body, "application/json");
    }
    for (value, metadata) in outputs {
        let start = body.len();
        write(&mut body, value.as_bytes(), metadata.as_ref());
        // JSON allows a line break only where it allows a space.
        body[start..].iter_mut().for_each(|byte| *byte = if *byte == b'\n' { b' ' } else { *byte });
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
