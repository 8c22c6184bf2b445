//! An inference request: decoded from a body in one pass. The server hands bodies to it, models get what it yields.

use bytes::Bytes;

use super::{
    DataType, Parameters, TensorData,
    binary::{self, JSON_LENGTH_HEADER, Tail},
    chariot_v2,
    data::{self, Leaf},
    fault::{Fault, Read},
    input_label::{Origin, owner},
    json::utf8,
    reader::Reader,
};
use crate::error::Rejection;

/// The most inputs, and the most outputs, that a request may name.
const MOST_TENSORS: usize = 1024;
/// The longest name of an input or output, and the longest id, in bytes.
pub(super) const LONGEST_NAME: usize = 1024;
/// The most dimensions of a shape.
const MOST_DIMENSIONS: usize = 32;
/// The parameter that says how many bytes of a binary tensor follow the JSON.
const BINARY_SIZE: &str = "binary_data_size";

/// What a caller asks of a model.
///
/// ```
/// use chariot_engine::protocol::{DataType, InferRequest};
///
/// let body = r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [[1, 2.5]]}]}"#;
/// let request = InferRequest::decode(&body.into())?;
/// let input = request.input("x").unwrap();
/// assert_eq!(input.datatype, Some(DataType::Fp32));
/// assert_eq!(input.data.as_slice::<f32>(), Some(&[1.0, 2.5][..]));
///
/// let refused = InferRequest::decode(&r#"{"inputs": []}"#.into()).unwrap_err();
/// assert_eq!(refused.text(), "inputs: at least one input is expected, none came");
/// # Ok::<(), chariot_engine::Rejection>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct InferRequest {
    /// The caller's name for the request. It may be the empty string.
    pub id: Option<String>,
    /// Parameters of the whole request.
    pub parameters: Parameters,
    /// The inputs, in the caller's order; at least one when decoded.
    pub inputs: Vec<InferInput>,
    /// The outputs that the caller wants, in this order; empty for all.
    pub outputs: Vec<WantedOutput>,
    /// Whether the caller wants outputs in binary form, unless one's own entry in `outputs` says otherwise.
    pub binary_outputs: bool,
}

/// An output that a caller asks for.
///
/// ```
/// use chariot_engine::protocol::InferRequest;
///
/// let body = r#"{"inputs": [{"data": ["a"]}], "outputs": [{"name": "y", "parameters": {"binary_data": true}}]}"#;
/// let wanted = InferRequest::decode(&body.into())?.outputs.remove(0);
/// assert_eq!((&*wanted.name, wanted.binary), ("y", Some(true)));
/// # Ok::<(), chariot_engine::Rejection>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WantedOutput {
    /// The output's name.
    pub name: String,
    /// Whether it is to be in binary form, if the caller says so.
    pub binary: Option<bool>,
}

/// One input of a request: a tensor, or in Chariot's use an item.
///
/// ```
/// use chariot_engine::protocol::{InferInput, TensorData};
///
/// let input = InferInput::new("x", vec![2], TensorData::from(vec![1_i64, 2]));
/// assert_eq!(input.label(0), "input 'x'");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InferInput {
    /// The input's name; empty if the caller gave none.
    pub name: String,
    /// The data type as the caller declared it. If it is absent, `data` is BYTES.
    pub datatype: Option<DataType>,
    /// The shape as the caller declared it. It agrees with `data` if that is of numbers or booleans; for BYTES it need
    /// not (a picture may come with its height, width and channels).
    pub shape: Option<Vec<usize>>,
    /// The elements.
    pub data: TensorData,
    /// Parameters of this input.
    pub parameters: Parameters,
    /// What of the body it was.
    pub(crate) origin: Origin,
}

impl InferRequest {
    /// A request with these inputs and nothing else.
    pub fn new(inputs: Vec<InferInput>) -> Self {
        InferRequest { inputs, ..Self::default() }
    }

    /// Decodes a JSON body. One that has binary tensors too is for [`decode_binary`](Self::decode_binary).
    ///
    /// # Errors
    /// Whatever is wrong with the body: where, what was expected, what came.
    pub fn decode(body: &Bytes) -> Result<InferRequest, Rejection> {
        Self::decode_with(body, &mut None)
    }

    /// Decodes JSON; binary tensors are taken from `tail`, if there is one.
    pub(super) fn decode_with(body: &Bytes, tail: &mut Option<Tail>) -> Result<InferRequest, Rejection> {
        let text = document(body)?;
        members(&mut Reader::new(text), body, tail, None).map_err(|fault| fault.rejection(text))
    }

    /// The first input of this name.
    pub fn input(&self, name: &str) -> Option<&InferInput> {
        self.inputs.iter().find(|input| input.name == name)
    }
}

impl InferInput {
    /// An input of this name, shape and data, without parameters.
    pub fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>, data: TensorData) -> Self {
        InferInput {
            name: name.into(),
            datatype: Some(data.datatype()),
            shape: Some(shape.into()),
            data,
            parameters: Parameters::default(),
            origin: Origin::Inputs,
        }
    }

    /// An item of `chariot-v2`, which has no name.
    pub(super) fn item(data: TensorData, parameters: Parameters, origin: Origin) -> Self {
        InferInput { name: String::new(), datatype: None, shape: None, data, parameters, origin }
    }

    /// How an error text calls this input, which stands at `index` among the request's: `input 'x'`, or `inputs[3]` if it
    /// has no name. An item of `chariot-v2` is `input`, or `line 4` of several.
    pub fn label(&self, index: usize) -> String {
        self.origin.label(&self.name, index)
    }
}

/// The text of a body that is to be a JSON document.
pub(super) fn document(body: &Bytes) -> Result<&str, Rejection> {
    let text = utf8(body)?;
    if text.trim_ascii().is_empty() {
        return Err(Rejection::new("a JSON object is expected, an empty body came"));
    }
    Ok(text)
}

/// Reads a request. With `item` it may be one of `chariot-v2` instead, whose item is put there and whose parameters are
/// the request's.
pub(super) fn members(
    reader: &mut Reader<'_>,
    body: &Bytes,
    tail: &mut Option<Tail>,
    mut item: Option<&mut Option<TensorData>>,
) -> Read<InferRequest> {
    let mut request = InferRequest::default();
    let mut inputs_came = false;
    let known = ["id", "parameters", "inputs", "outputs", "input"];
    let known = if item.is_some() { &known[..] } else { &known[..4] };
    reader.members(known, |reader, member| {
        match member {
            0 if !reader.null()? => request.id = Some(short(reader, "an id")?),
            1 => {
                let binary = &mut request.binary_outputs;
                request.parameters = Parameters::decode_without("binary_data_output", reader, body, |reader| {
                    *binary = flag(reader)?;
                    Ok(())
                })?;
            }
            2 => {
                inputs_came = true;
                request.inputs = tensors(reader, "a list of inputs", |reader| input(reader, body, tail))?;
            }
            3 if !reader.null()? => request.outputs = tensors(reader, "a list of outputs", output)?,
            4 if !reader.null()? => {
                if let Some(item) = &mut item {
                    **item = Some(chariot_v2::element(reader, body)?);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    reader.end()?;
    match (inputs_came, item.is_some_and(|item| item.is_some())) {
        (true, true) => return Err(Fault::of("either this or inputs is expected, both came").in_member("input")),
        (true, false) => {}
        (false, true) => return Ok(request),
        (false, false) => {
            return Err(Fault::of("a list of inputs is expected, the member is missing").in_member("inputs"));
        }
    }
    if request.inputs.is_empty() {
        return Err(Fault::of("at least one input is expected, none came").in_member("inputs"));
    }
    Ok(request)
}

/// Reads the list of inputs or of outputs.
fn tensors<T>(
    reader: &mut Reader<'_>,
    expected: &str,
    mut one: impl FnMut(&mut Reader<'_>) -> Read<T>,
) -> Read<Vec<T>> {
    let mut tensors = Vec::new();
    reader.list(expected, |reader, index| {
        if index == MOST_TENSORS {
            return Err(Fault::at(reader.position(), format!("at most {MOST_TENSORS} are expected, more came")));
        }
        tensors.push(one(reader)?);
        Ok(())
    })?;
    Ok(tensors)
}

fn output(reader: &mut Reader<'_>) -> Read<WantedOutput> {
    let (mut name_came, mut binary) = (None, None);
    reader.members(&["name", "parameters"], |reader, member| {
        match member {
            0 => name_came = Some(short(reader, "a name")?),
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
    match name_came {
        Some(name) => Ok(WantedOutput { name, binary }),
        None => Err(Fault::of("a string is expected, the member is missing").in_member("name")),
    }
}

/// A `true` or `false`.
fn flag(reader: &mut Reader<'_>) -> Read<bool> {
    bool::read(reader).ok_or_else(|| bool::unfit(reader))
}

/// A length of a shape, or a count of bytes.
fn length(reader: &mut Reader<'_>) -> Read<usize> {
    let length = u64::read(reader).and_then(|length| usize::try_from(length).ok());
    length.ok_or_else(|| u64::unfit(reader))
}

/// Reads an input. A fault in it is told with the input's name, wherever among the members that stands.
fn input(reader: &mut Reader<'_>, body: &Bytes, tail: &mut Option<Tail>) -> Read<InferInput> {
    let mut again = reader.clone();
    members_of_input(reader, body, tail).map_err(|fault| {
        let mut found = None;
        // What is at fault here has been found already: only the name is looked for.
        let _ = again.members(&["name"], |reader, _| {
            found = owner(&short(reader, "a name")?);
            Ok(())
        });
        match found {
            Some(owner) => fault.in_owner(owner),
            None => fault,
        }
    })
}

fn members_of_input(reader: &mut Reader<'_>, body: &Bytes, tail: &mut Option<Tail>) -> Read<InferInput> {
    let mut input = InferInput {
        name: String::new(),
        datatype: None,
        shape: None,
        data: TensorData::from(Vec::<bool>::new()),
        parameters: Parameters::default(),
        origin: Origin::Inputs,
    };
    // Where `data` stands, until it has been read: what it is read as may come after it.
    let mut unread = None;
    // How many numbers came, which may be more than are kept.
    let mut came = 0;
    let mut data_came = false;
    let mut binary_size = None;
    reader.members(&["name", "datatype", "shape", "data", "parameters"], |reader, member| {
        match member {
            0 if !reader.null()? => input.name = short(reader, "a name")?,
            1 if !reader.null()? => input.datatype = Some(datatype(reader)?),
            2 if !reader.null()? => input.shape = Some(shape(reader)?),
            3 => {
                data_came = true;
                match (input.datatype, &input.shape) {
                    (Some(DataType::Bytes), _) => input.data = data::texts(reader, body)?,
                    (Some(datatype), Some(shape)) => (input.data, came) = data::numbers(reader, datatype, shape)?,
                    _ => {
                        let start = reader.clone();
                        // What is no JSON is told with its index, as if the list had been read.
                        reader.skip().map_err(|fault| data::texts(&mut start.clone(), body).err().unwrap_or(fault))?;
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
    if data_came != binary_size.is_some()
        && let (Some(datatype), None) = (numeric, &input.shape)
    {
        let text = format!("a list of integers is expected for {datatype}, the member is missing");
        return Err(Fault::of(text).in_member("shape"));
    }
    let shape = input.shape.as_deref().unwrap_or_default();
    if let Some(size) = binary_size {
        let taken = match tail {
            _ if data_came => Err(Fault::of("either this or data is expected, both came")),
            None => Err(Fault::of(format!("the header {JSON_LENGTH_HEADER} is expected with it, none came"))),
            Some(tail) => tail.take(numeric, shape, size),
        };
        let bytes = taken.map_err(|fault| fault.in_member(BINARY_SIZE).in_member("parameters"))?;
        input.data = binary::tensor(numeric.unwrap_or(DataType::Bytes), bytes)?;
        return Ok(input);
    }
    if !data_came {
        let expected = if tail.is_some() { "a list, or parameters.binary_data_size," } else { "a list" };
        return Err(Fault::of(format!("{expected} is expected, the member is missing")).in_member("data"));
    }
    if let Some(datatype) = numeric {
        let needed = data::product(shape)?;
        if let Some(mut reader) = unread {
            let read = data::numbers(&mut reader, datatype, shape);
            (input.data, came) = read.map_err(|fault| fault.in_member("data"))?;
        }
        data::same_count(shape, needed, came)?;
    } else if let Some(mut reader) = unread {
        input.data = data::texts(&mut reader, body).map_err(|fault| fault.in_member("data"))?;
    }
    Ok(input)
}

/// A string that errors and logs may hold.
pub(super) fn short(reader: &mut Reader<'_>, what: &str) -> Read<String> {
    reader.peek();
    let start = reader.position();
    if reader.peek() == Some(b'"') {
        // It is measured before it is kept.
        let mut length = 0;
        reader.clone().pass_string(|part| length += part.len())?;
        if length > LONGEST_NAME {
            let text = format!("{what} of at most {LONGEST_NAME} bytes is expected, one of {length} came");
            return Err(Fault::at(start, text));
        }
    }
    Ok(reader.string("a string")?.into_owned())
}

fn datatype(reader: &mut Reader<'_>) -> Read<DataType> {
    reader.peek();
    let start = reader.position();
    let name = reader.string("the name of a data type")?;
    name.parse().map_err(|fault: Rejection| Fault::at(start, fault.text()))
}

fn shape(reader: &mut Reader<'_>) -> Read<Vec<usize>> {
    let mut shape = Vec::new();
    reader.list("a list of integers", |reader, index| {
        reader.peek();
        let start = reader.position();
        if index == MOST_DIMENSIONS {
            let text = format!("at most {MOST_DIMENSIONS} dimensions are expected, more came");
            return Err(Fault::at(start, text));
        }
        shape.push(length(reader)?);
        Ok(())
    })?;
    Ok(shape)
}
