//! A request as `multipart/form-data`, which browsers and `curl -F` send: files are items, and the other fields parameters.
//! [`BodyFormat`](super::BodyFormat) calls the decoder.

use bytes::Bytes;

use super::{
    binary,
    input_label::Origin,
    json_text::{JsonText, without_mark},
    meter::{Meter, block, push},
    multipart::{Part, Parts},
    parameters::Parameters,
    reader::JsonReader,
    request::{InferInput, InferRequest},
    string::MAX_NAME,
    write_string::write_string,
};
use crate::error::{Expected, Rejection};

/// The field that is an item, although it is not a file.
const INPUT: &str = "input";

/// The field that holds parameters as a JSON object.
const PARAMETERS: &str = "parameters";

/// The parameters whose value is the text of the field, even if it looks like another JSON value.
const TEXTS: [&str; 2] = ["action", "metadata"];

/// Decodes a form. `of_header` are parameters from a header. The byte order mark in front of a text is no part of it.
pub(super) fn request(
    body: &Bytes,
    boundary: &[u8],
    of_header: Option<&Bytes>,
    are_texts: bool,
    meter: &Meter<'_>,
) -> Result<InferRequest, Rejection> {
    let mut inputs = Vec::new();
    let mut fields = Fields { members: Vec::new(), meter };
    if let Some(object) = of_header {
        fields.add_object(object.clone()).map_err(|fault| fault.at(super::PARAMETERS_HEADER))?;
    }
    for part in Parts::new(body, boundary)? {
        let part = part?;
        match &part.file {
            // A browser sends this for a field in which no file was chosen.
            Some(file) if file.is_empty() && part.bytes.is_empty() => {}
            None if part.name != INPUT => {
                fields.add(&part).map_err(|fault| fault.at(format!("part {}", part.number)))?
            }
            _ => {
                let input = item(part, are_texts, meter)?;
                push(&mut inputs, input, |bytes| meter.read(bytes))?;
            }
        }
    }
    if inputs.is_empty() {
        let expected = format_args!("a file, or a field '{INPUT}'");
        return Err(Rejection::new(Expected::new(expected, "none")).at("request body"));
    }
    let parameters = fields.parameters()?;
    for input in &mut inputs {
        input.parameters = parameters.clone();
    }
    Ok(InferRequest::new(inputs))
}

/// Makes an item of a part.
fn item(part: Part, are_texts: bool, meter: &Meter<'_>) -> Result<InferInput, Rejection> {
    if part.bytes.is_empty() {
        return Err(part.fault(Expected::new("the bytes of an item", "none")));
    }
    let bytes = if are_texts { without_mark(&part.bytes) } else { part.bytes.clone() };
    let data = binary::whole(&bytes).map_err(|fault| part.fault(fault.to_string()))?;
    let origin = Origin::Part(part.number);
    let name = match &part.file {
        Some(file) if !file.is_empty() => file,
        _ => &part.name,
    };
    if name.len() > MAX_NAME {
        let expected = format_args!("a name of at most {MAX_NAME} bytes");
        return Err(part.fault(Expected::new(expected, format_args!("{} bytes", name.len()))));
    }
    meter.read(block(name.len()))?;
    Ok(InferInput { name: name.clone(), ..InferInput::item(data, Parameters::default(), origin) })
}

/// The fields that are parameters, as the members of a JSON object.
struct Fields<'a, 'b> {
    members: Vec<u8>,
    meter: &'a Meter<'b>,
}

impl Fields<'_, '_> {
    /// Adds a field. Its value is JSON, or else a string; an empty one counts as absent.
    fn add(&mut self, part: &Part) -> Result<(), Rejection> {
        if part.bytes.is_empty() {
            return Ok(());
        }
        if part.name == PARAMETERS {
            return self.add_object(part.bytes.clone()).map_err(|fault| fault.at(PARAMETERS));
        }
        let text = std::str::from_utf8(&part.bytes)
            .map_err(|_| Rejection::new(Expected::new("UTF-8 text", "bytes that are not UTF-8")))?;
        // An escaped character takes six bytes at most.
        self.reserve(6 * (part.name.len() + text.len()) + 8)?;
        self.members.push(b',');
        write_string(&mut self.members, &part.name);
        self.members.push(b':');
        match JsonText::from_text(part.bytes.clone()) {
            Ok(value) if !TEXTS.contains(&&*part.name) => self.members.extend_from_slice(value.as_bytes()),
            _ => write_string(&mut self.members, text),
        }
        Ok(())
    }

    /// Adds the members of a JSON object.
    fn add_object(&mut self, text: Bytes) -> Result<(), Rejection> {
        let object = JsonText::from_text(text)?;
        let members = object.as_str().strip_prefix('{').and_then(|members| members.strip_suffix('}'));
        let members = members.ok_or_else(|| Rejection::new(Expected::new("an object", object.kind())))?.trim_ascii();
        if !members.is_empty() {
            self.reserve(members.len() + 1)?;
            self.members.push(b',');
            self.members.extend_from_slice(members.as_bytes());
        }
        Ok(())
    }

    /// Makes room for this number of bytes.
    fn reserve(&mut self, bytes: usize) -> Result<(), Rejection> {
        // One more for the end of the object.
        let bytes = bytes + 1;
        if self.members.capacity() - self.members.len() < bytes {
            let more = bytes.max(self.members.capacity());
            self.meter.read(block(more))?;
            self.members.reserve_exact(more);
        }
        Ok(())
    }

    /// Returns the parameters, whose text stays in memory with the items.
    fn parameters(mut self) -> Result<Parameters, Rejection> {
        match self.members.first_mut() {
            Some(first) => *first = b'{',
            None => return Ok(Parameters::default()),
        }
        self.members.push(b'}');
        self.meter.keep(block(self.members.capacity()));
        let text = JsonText::new_unchecked(self.members.into());
        let mut reader = JsonReader::metered(text.as_str(), self.meter);
        let read = Parameters::decode_from(&mut reader, &text.clone().into_bytes());
        read.map_err(|fault| fault.in_member(PARAMETERS).rejection())
    }
}
