//! Decodes an inference request in one pass over its body: JSON, JSON followed by binary tensors, or one binary tensor.

use bytes::Bytes;

use super::{
    binary::{self, BinaryTail, JSON_LENGTH_HEADER},
    data,
    datatype::DataType,
    fault::{Fault, ReadResult},
    input_label::{Origin, input_label, owner},
    json_text::{utf8, without_mark},
    leaves::{self, Leaf},
    metadata::TensorMetadata,
    meter::{Meter, push},
    parameters::Parameters,
    reader::JsonReader,
    request::{InferInput, InferRequest, WantedOutput},
    tensor::TensorData,
};
use crate::error::{Expected, Rejection};

/// The limit on the inputs of a request, and on its outputs.
const MAX_TENSORS: usize = 1024;
/// The limit on the dimensions of a shape.
const MAX_DIMENSIONS: usize = 32;
/// The parameter with the size of a binary tensor, in bytes.
const BINARY_SIZE: &str = "binary_data_size";

impl InferRequest {
    /// Decodes a JSON body. Use [`decode_binary`](Self::decode_binary) for a body with binary tensors.
    ///
    /// # Errors
    /// Returns an error with the location of the first fault in the body, the expected and the given value.
    pub fn decode(body: &Bytes) -> Result<InferRequest, Rejection> {
        Self::decode_with(body, &mut None, &Meter::default())
    }

    /// Decodes a body of JSON followed by binary tensors; the JSON takes `json_length` bytes.
    ///
    /// ```
    /// use chariot_engine::protocol::InferRequest;
    ///
    /// let json = r#"{"inputs":[{"name":"x","datatype":"INT16","shape":[2],"parameters":{"binary_data_size":4}}]}"#;
    /// let body = [json.as_bytes(), &[1, 0, 2, 0]].concat();
    /// let request = InferRequest::decode_binary(&body.into(), json.len())?;
    /// assert_eq!(request.inputs[0].data.as_slice::<i16>(), Some(&[1, 2][..]));
    /// # Ok::<(), chariot_engine::Rejection>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error with the location of the first fault in the body, the expected and the given value.
    pub fn decode_binary(body: &Bytes, json_length: usize) -> Result<InferRequest, Rejection> {
        Self::decode_binary_metered(body, json_length, &Meter::default())
    }

    /// Decodes a body as [`decode_binary`](Self::decode_binary) does, and reserves memory before it is taken.
    pub(super) fn decode_binary_metered(
        body: &Bytes,
        json_length: usize,
        meter: &Meter<'_>,
    ) -> Result<InferRequest, Rejection> {
        let (json, tail) = binary::split(body, json_length)?;
        let mut tail = Some(tail);
        let request = InferRequest::decode_with(&json, &mut tail, meter)?;
        tail.map_or(Ok(()), |tail| tail.end())?;
        Ok(request)
    }

    /// Decodes a body that is only the tensor of the one input. A body of BYTES is one element; for other data types, the
    /// one dimension of variable length (-1) is computed from the length of the body.
    ///
    /// ```
    /// use chariot_engine::protocol::{DataType, InferRequest, TensorMetadata};
    ///
    /// let input = TensorMetadata::new("x", DataType::Uint8, [-1, 2]);
    /// let request = InferRequest::decode_raw(&vec![1, 2, 3, 4].into(), &input)?;
    /// assert_eq!(request.inputs[0].shape, Some(vec![2, 2]));
    /// # Ok::<(), chariot_engine::Rejection>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the length of the body does not match the data type and the shape of the input.
    pub fn decode_raw(body: &Bytes, input: &TensorMetadata) -> Result<InferRequest, Rejection> {
        let read = match input.datatype {
            DataType::Bytes => binary::one_element(body, &input.shape),
            datatype => binary::raw_shape(body.len(), datatype, &input.shape)
                .and_then(|shape| Ok((shape, binary::tensor(datatype, body.clone(), body.len(), |_| Ok(()))?))),
        };
        let (shape, data) = read.map_err(|fault| fault.in_owner(input_label(&input.name, 0)).rejection())?;
        let mut request = InferRequest::new(vec![InferInput::new(&*input.name, shape, data)]);
        request.binary_outputs = true;
        Ok(request)
    }

    /// Decodes JSON; takes binary tensors from `tail`, if there is one.
    fn decode_with(body: &Bytes, tail: &mut Option<BinaryTail>, meter: &Meter<'_>) -> Result<InferRequest, Rejection> {
        let body = &without_mark(body);
        let text = document(body)?;
        members(&mut JsonReader::metered(text, meter), body, tail, None).map_err(|fault| fault.rejection_in(text))
    }
}

/// Returns the text of a body that must be a JSON document.
pub(super) fn document(body: &Bytes) -> Result<&str, Rejection> {
    let text = utf8(body)?;
    if text.trim_ascii().is_empty() {
        return Err(Rejection::new(Expected::new("a JSON object", "an empty body")));
    }
    Ok(text)
}

/// The JSON values that an item of `chariot-v2` can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Items {
    /// Strings only.
    Strings,
    /// Any value.
    Json,
}

impl Items {
    /// Reads an item as a BYTES tensor of one element.
    pub(super) fn read(self, reader: &mut JsonReader<'_>, body: &Bytes) -> ReadResult<TensorData> {
        match (self, reader.peek()) {
            // `null` counts as absent.
            (Items::Json, Some(b'n')) => Err(reader.unexpected(self.expected())),
            (Items::Json, _) | (Items::Strings, Some(b'"')) => data::one_value(reader, body),
            (Items::Strings, _) => Err(reader.unexpected(self.expected())),
        }
    }

    /// Returns the expected value for messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Items::Strings => "a string",
            Items::Json => "a value",
        }
    }
}

/// The member `input` of a document that may be a request of `chariot-v2`.
pub(super) struct ItemMember {
    pub(super) items: Items,
    /// Set if the model accepts items, so that messages name the member.
    pub(super) takes_items: bool,
    /// The item, if the document has one.
    pub(super) data: Option<TensorData>,
}

/// Reads a request. Given an `item`, accepts a request of `chariot-v2` too: stores its item there, and its parameters as
/// those of the request.
pub(super) fn members(
    reader: &mut JsonReader<'_>,
    body: &Bytes,
    tail: &mut Option<BinaryTail>,
    mut item: Option<&mut ItemMember>,
) -> ReadResult<InferRequest> {
    let mut request = InferRequest::default();
    let mut has_inputs = false;
    let known = ["id", "parameters", "inputs", "outputs", "input"];
    let known = if item.is_some() { &known[..] } else { &known[..4] };
    reader.members(known, |reader, member| {
        match member {
            0 if !reader.null()? => request.id = Some(reader.short_string("an id")?),
            1 => {
                let binary = &mut request.binary_outputs;
                request.parameters = Parameters::decode_without("binary_data_output", reader, body, |reader| {
                    *binary = flag(reader)?;
                    Ok(())
                })?;
            }
            2 => {
                has_inputs = true;
                request.inputs = tensors(reader, "a list of inputs", |reader| input(reader, body, tail))?;
            }
            3 if !reader.null()? => request.outputs = tensors(reader, "a list of outputs", output)?,
            4 if !reader.null()? => {
                if let Some(item) = &mut item {
                    item.data = Some(item.items.read(reader, body)?);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    reader.end()?;
    match (has_inputs, item.as_ref().is_some_and(|item| item.data.is_some())) {
        (true, true) => {
            return Err(Fault::new(Expected::new("either input or inputs", "both")).in_member("input"));
        }
        (true, false) => {}
        (false, true) => return Ok(request),
        (false, false) if item.is_some_and(|item| item.takes_items) => {
            let expected = "a list of inputs, or one item as the member 'input'";
            return Err(Fault::new(Expected::new(expected, "neither")).in_member("inputs"));
        }
        (false, false) => {
            return Err(Fault::new(Expected::new("a list of inputs", "nothing")).in_member("inputs"));
        }
    }
    if request.inputs.is_empty() {
        return Err(Fault::new(Expected::new("at least one input", "none")).in_member("inputs"));
    }
    Ok(request)
}

/// Reads the list of inputs or of outputs; `expected` is `a list of inputs` or `a list of outputs`.
fn tensors<T>(
    reader: &mut JsonReader<'_>,
    expected: &str,
    mut one: impl FnMut(&mut JsonReader<'_>) -> ReadResult<T>,
) -> ReadResult<Vec<T>> {
    let mut tensors = Vec::new();
    reader.list(expected, |reader, index| {
        if index == MAX_TENSORS {
            let expected = format!("at most {MAX_TENSORS} {}", expected.trim_start_matches("a list of "));
            return Err(Fault::at(reader.position(), Expected::new(expected, "more")));
        }
        let tensor = one(reader)?;
        push(&mut tensors, tensor, |bytes| reader.reserve(bytes))
    })?;
    Ok(tensors)
}

fn output(reader: &mut JsonReader<'_>) -> ReadResult<WantedOutput> {
    let (mut name, mut binary) = (None, None);
    reader.members(&["name", "parameters"], |reader, member| {
        match member {
            0 => name = Some(reader.short_string("a name")?),
            _ if reader.null()? => {}
            _ => reader.members(&["binary_data"], |reader, _| {
                if !reader.null()? {
                    binary = Some(flag(reader)?);
                }
                Ok(())
            })?,
        }
        Ok(())
    })?;
    match name {
        Some(name) => Ok(WantedOutput { name, binary }),
        None => Err(Fault::new(Expected::new("a string", "nothing")).in_member("name")),
    }
}

/// Reads a boolean.
fn flag(reader: &mut JsonReader<'_>) -> ReadResult<bool> {
    bool::read(reader).ok_or_else(|| bool::fault(reader))
}

/// Reads a dimension of a shape, or a number of bytes.
fn length(reader: &mut JsonReader<'_>) -> ReadResult<usize> {
    let length = u64::read(reader).and_then(|length| usize::try_from(length).ok());
    length.ok_or_else(|| u64::fault(reader))
}

/// Reads an input. A fault starts with the input's name, wherever it is among the members.
fn input(reader: &mut JsonReader<'_>, body: &Bytes, tail: &mut Option<BinaryTail>) -> ReadResult<InferInput> {
    let mut again = reader.clone();
    members_of_input(reader, body, tail).map_err(|fault| {
        let mut found = None;
        // The fault is known already: this looks only for the name.
        let _ = again.members(&["name"], |reader, _| {
            found = owner(&reader.short_string("a name")?);
            Ok(())
        });
        match found {
            Some(owner) => fault.in_owner(owner),
            None => fault,
        }
    })
}

fn members_of_input(
    reader: &mut JsonReader<'_>,
    body: &Bytes,
    tail: &mut Option<BinaryTail>,
) -> ReadResult<InferInput> {
    let mut input = InferInput {
        name: String::new(),
        datatype: None,
        shape: None,
        data: TensorData::from(Vec::<bool>::new()),
        parameters: Parameters::default(),
        origin: Origin::Inputs,
    };
    // The position of `data` until it is read: its data type and shape may follow it.
    let mut unread = None;
    // The number of elements read, which may be more than are kept.
    let mut count = 0;
    let mut has_data = false;
    let mut binary_size = None;
    reader.members(&["name", "datatype", "shape", "data", "parameters"], |reader, member| {
        match member {
            0 if !reader.null()? => input.name = reader.short_string("a name")?,
            1 if !reader.null()? => input.datatype = Some(datatype(reader)?),
            2 if !reader.null()? => input.shape = Some(shape(reader)?),
            3 => {
                has_data = true;
                match (input.datatype, &input.shape) {
                    (Some(DataType::Bytes), _) => input.data = data::bytes(reader, body)?,
                    (Some(datatype), Some(shape)) => (input.data, count) = data::numbers(reader, datatype, shape)?,
                    _ => {
                        let start = reader.clone();
                        // Reports invalid JSON with the index of its element, as if the list had been read.
                        reader.skip().map_err(|fault| data::bytes(&mut start.clone(), body).err().unwrap_or(fault))?;
                        unread = Some(start);
                    }
                }
            }
            4 => {
                input.parameters = Parameters::decode_without(BINARY_SIZE, reader, body, |reader| {
                    binary_size = Some(length(reader)?);
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    })?;
    let numeric = input.datatype.filter(|datatype| *datatype != DataType::Bytes);
    if has_data != binary_size.is_some()
        && let (Some(datatype), None) = (numeric, &input.shape)
    {
        let expected = format!("a list of integers for {datatype}");
        return Err(Fault::new(Expected::new(expected, "nothing")).in_member("shape"));
    }
    let shape = input.shape.as_deref().unwrap_or_default();
    if let Some(size) = binary_size {
        let taken = match tail {
            _ if has_data => Err(Fault::new(Expected::new(format_args!("either {BINARY_SIZE} or data"), "both"))),
            None => Err(Fault::new(format!("missing header {JSON_LENGTH_HEADER}, which binary tensors need"))),
            Some(tail) => tail.take(numeric, shape, size),
        };
        let bytes = taken.map_err(|fault| fault.in_member(BINARY_SIZE).in_member("parameters"))?;
        let datatype = numeric.unwrap_or(DataType::Bytes);
        let whole = tail.as_ref().map_or(bytes.len(), BinaryTail::body);
        input.data = binary::tensor(datatype, bytes, whole, |bytes| reader.reserve(bytes))?;
        return Ok(input);
    }
    if !has_data {
        let expected = if tail.is_some() { "a list or parameters.binary_data_size" } else { "a list" };
        return Err(Fault::new(Expected::new(expected, "nothing")).in_member("data"));
    }
    if let Some(datatype) = numeric {
        let needed = leaves::product(shape)?;
        if let Some(mut reader) = unread {
            let read = data::numbers(&mut reader, datatype, shape);
            (input.data, count) = read.map_err(|fault| fault.in_member("data"))?;
        }
        leaves::check_count(shape, needed, count)?;
    } else if let Some(mut reader) = unread {
        input.data = data::bytes(&mut reader, body).map_err(|fault| fault.in_member("data"))?;
    }
    Ok(input)
}

fn datatype(reader: &mut JsonReader<'_>) -> ReadResult<DataType> {
    reader.peek();
    let start = reader.position();
    let name = reader.string("the name of a data type")?;
    name.parse().map_err(|fault: Rejection| Fault::at(start, fault.text()))
}

fn shape(reader: &mut JsonReader<'_>) -> ReadResult<Vec<usize>> {
    let mut shape = Vec::new();
    reader.list("a list of integers", |reader, index| {
        reader.peek();
        let start = reader.position();
        if index == MAX_DIMENSIONS {
            let expected = format!("at most {MAX_DIMENSIONS} dimensions");
            return Err(Fault::at(start, Expected::new(expected, "more")));
        }
        shape.push(length(reader)?);
        Ok(())
    })?;
    Ok(shape)
}
