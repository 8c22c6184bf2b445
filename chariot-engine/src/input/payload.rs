//! The payload of one item before it is decoded, and its slot in the request.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use super::context::DecodeContext;
use crate::{
    error::{Expected, Rejection},
    protocol::{
        BytesElement, BytesElementRef, DataType, InferOutput, InferRequest, JsonText, Meter, Origin, Parameters,
        TensorData, block,
    },
};

/// The maximum number of items in one request. Each item takes memory in addition to its bytes.
const MAX_ITEMS: usize = 16_384;

/// The name of an input without a name.
pub(super) static NAMELESS: LazyLock<Arc<str>> = LazyLock::new(|| "".into());

/// The position of an item in its request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Slot {
    /// The index of its input.
    pub input: usize,
    /// Its index among the elements of that input, or among the rows of a table.
    pub element: usize,
    /// The name of its input. Empty if the input has no name, or if the item is a row of several inputs.
    pub name: Arc<str>,
    /// The part of the body that its input was read from.
    pub(crate) origin: Origin,
}

impl Slot {
    /// Returns the position of the only item of a request, in an input without a name.
    pub(crate) fn only() -> Self {
        Slot { input: 0, element: 0, name: NAMELESS.clone(), origin: Origin::Inputs }
    }

    /// Returns the location for messages: the input's name or index, or the line of the body.
    pub(crate) fn label(&self) -> String {
        self.origin.label(&self.name, self.input)
    }
}

/// The payload of an item that is one element of an input.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ElementPayload {
    /// The name of its input. Empty if the input has no name.
    pub name: Arc<str>,
    /// The element itself: a JSON value, or bytes if the request is in binary form.
    pub value: BytesElement,
    /// The parameters of its input.
    pub parameters: Parameters,
}

impl ElementPayload {
    /// Creates the payload of an element, for a test of a decoder.
    ///
    /// ```
    /// use chariot_engine::input::{DecodeContext, ElementPayload, Input, Text};
    /// use chariot_engine::protocol::{BytesElement, Parameters};
    ///
    /// let payload = ElementPayload::new("a", BytesElement::Binary("hello".into()), Parameters::default());
    /// assert_eq!(Text::decode(payload, &DecodeContext::default()).unwrap(), "hello");
    /// ```
    pub fn new(name: impl Into<Arc<str>>, value: BytesElement, parameters: Parameters) -> Self {
        ElementPayload { name: name.into(), value, parameters }
    }

    /// Returns the element as a text, borrowed if the JSON string has no escapes.
    ///
    /// # Errors
    /// Returns a rejection if the element is not a JSON string, or if its bytes are not UTF-8.
    pub fn text(&self) -> Result<Cow<'_, str>, Rejection> {
        self.value.text()
    }
}

/// A payload that has parameters of its own.
#[doc(hidden)]
pub trait HasParameters {
    fn parameters(&self) -> &Parameters;
}

impl HasParameters for ElementPayload {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

impl HasParameters for InferRequest {
    fn parameters(&self) -> &Parameters {
        self.item_parameters()
    }
}

/// The part of a request that an item is decoded from. It determines how errors name the item.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The whole request.
    Request,
    /// An element of an input.
    Element,
    /// A row of the only input.
    MatrixRow,
    /// A row of all inputs.
    TableRow,
}

/// The payload of one item with its slot and its parameters.
pub(crate) type SplitItem<P> = (Slot, Parameters, P);

/// The encoded output of one item.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EncodedOutput {
    /// A JSON value, for an element.
    Value(JsonText),
    /// Named tensors, for a request.
    Tensors(Vec<InferOutput>),
}

impl EncodedOutput {
    /// Returns the memory of the output in bytes, without binary tensors that it has from the request.
    pub(crate) fn memory(&self) -> usize {
        let own = |tensor: &InferOutput| tensor.memory() - tensor.data.unconverted();
        match self {
            EncodedOutput::Value(value) => block(value.as_bytes().len()),
            EncodedOutput::Tensors(tensors) => tensors.iter().map(own).sum(),
        }
    }
}

impl From<JsonText> for EncodedOutput {
    fn from(value: JsonText) -> Self {
        EncodedOutput::Value(value)
    }
}

impl From<Vec<InferOutput>> for EncodedOutput {
    fn from(tensors: Vec<InferOutput>) -> Self {
        EncodedOutput::Tensors(tensors)
    }
}

/// The JSON values that an element can be, which decides whether a list is an element or holds some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ElementKind {
    /// Strings only: a list holds elements.
    Strings,
    /// Any value: a list holds elements only if it is nested like the shape and each of its lists holds one string.
    Values,
    /// An object or a string that contains one: a list that is nested like the shape holds elements.
    Objects,
}

impl ElementKind {
    /// Returns the elements of an input without the lists around them.
    ///
    /// # Errors
    /// Returns a rejection if lists that must hold elements are not nested like the shape.
    pub(super) fn flatten(self, data: TensorData, shape: &[usize], meter: &Meter<'_>) -> Result<TensorData, Rejection> {
        let is_element = match self {
            ElementKind::Strings => return Ok(data.nested_elements(shape, MAX_ITEMS, meter)?.unwrap_or(data)),
            ElementKind::Values if shape.iter().skip(1).any(|length| *length != 1) => return Ok(data),
            ElementKind::Values => |element: BytesElementRef<'_>| element.is_string(),
            ElementKind::Objects => |element: BytesElementRef<'_>| element.holds_object(),
        };
        let are_elements =
            |flat: &TensorData| (0..flat.len()).all(|index| flat.bytes_element_ref(index).is_some_and(is_element));
        Ok(match data.nested_elements(shape, MAX_ITEMS, meter) {
            Ok(Some(flat)) if are_elements(&flat) => flat,
            // That is no reason to read the value in the other way.
            Err(fault) if meter.has_refused() => return Err(fault),
            // The lists are elements themselves.
            _ => data,
        })
    }
}

/// Splits a request into the elements of its inputs.
pub(super) fn elements(
    request: InferRequest,
    kind: ElementKind,
    cx: &DecodeContext<'_>,
) -> Result<Vec<SplitItem<ElementPayload>>, Rejection> {
    let meter = cx.meter();
    let texts = request.inputs.iter().filter(|input| input.data.datatype() == DataType::Bytes);
    // The number of items, unless lists within the elements hold more.
    let expected = texts.map(|input| input.data.len()).sum::<usize>().min(MAX_ITEMS);
    meter.read(expected * size_of::<SplitItem<ElementPayload>>())?;
    let mut items = Vec::with_capacity(expected);
    let mut faults = Vec::new();
    for (index, input) in request.inputs.into_iter().enumerate() {
        let origin = input.origin;
        let name: Arc<str> = if input.name.is_empty() { NAMELESS.clone() } else { input.name.into() };
        let location = || origin.label(&name, index);
        let datatype = input.data.datatype();
        let data = match kind.flatten(input.data, input.shape.as_deref().unwrap_or_default(), meter) {
            Ok(data) => data,
            Err(fault) => {
                faults.push(fault.at(location()).text().to_owned());
                continue;
            }
        };
        let Some(values) = data.bytes_elements() else {
            let fault = Expected::new(format_args!("datatype {}", DataType::Bytes), datatype).to_string();
            faults.push(format!("{}: {fault}", location()));
            continue;
        };
        let before = items.len();
        let more = data.len().min(MAX_ITEMS - before).saturating_sub(items.capacity() - before);
        if more > 0 {
            let more = more.max(items.capacity());
            meter.read(more * size_of::<SplitItem<ElementPayload>>())?;
            items.reserve_exact(items.capacity() - before + more);
        }
        for (element, value) in values.enumerate() {
            if items.len() == MAX_ITEMS {
                let what = format_args!("at most {MAX_ITEMS} items in a request");
                return Err(Rejection::new(Expected::new(what, "more")));
            }
            let slot = Slot { input: index, element, name: name.clone(), origin };
            let payload = ElementPayload { name: name.clone(), value, parameters: input.parameters.clone() };
            items.push((slot, input.parameters.clone(), payload));
        }
        if items.len() == before {
            faults.push(format!("{}: {}", location(), Expected::new("at least one element", "none")));
        }
    }
    Rejection::all(&faults)?;
    Ok(items)
}
