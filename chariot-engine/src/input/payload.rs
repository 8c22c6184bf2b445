//! What an item is cut from: an element of an input, or the whole request. The runtime splits requests by it.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use crate::{
    error::Rejection,
    protocol::{BytesElement, DataType, InferOutput, InferRequest, JsonText, Origin, Parameters},
};

/// The most items that one request may hold; each costs memory beyond its bytes.
const MAX_ITEMS: usize = 16_384;

/// The name of what has none.
pub(super) static NAMELESS: LazyLock<Arc<str>> = LazyLock::new(|| "".into());

/// Where in its request an item stands.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The index of its input.
    pub input: usize,
    /// Its index among the elements of that input, or among the rows of a table.
    pub element: usize,
    /// The name of its input; empty if it has none, as a row of several inputs.
    pub name: Arc<str>,
    /// What of the body its input was.
    pub(crate) origin: Origin,
}

impl Slot {
    /// How messages name the place: by the input's name or its index, or by its line.
    pub(crate) fn label(&self) -> String {
        self.origin.label(&self.name, self.input)
    }
}

/// One element of one input, as it came.
#[derive(Clone, Debug)]
pub struct ElementPayload {
    /// The name of its input; empty if it has none.
    pub name: Arc<str>,
    /// The element itself: a JSON value, or bytes that came in binary form.
    pub value: BytesElement,
    /// The parameters of its input.
    pub parameters: Parameters,
}

impl ElementPayload {
    /// The element as a text, borrowed where JSON has no escapes.
    ///
    /// # Errors
    /// It is no JSON string, or bytes that are not UTF-8.
    pub fn text(&self) -> Result<Cow<'_, str>, Rejection> {
        self.value.text()
    }
}

/// A part of a request that has parameters of its own.
#[doc(hidden)]
pub trait HasParameters {
    fn parameters(&self) -> &Parameters;
}

impl HasParameters for ElementPayload {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

/// What of a request an item is; errors name it by that.
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

/// A part of a request, with its place and its parameters.
pub(crate) type SplitItem<P> = (Slot, Parameters, P);

/// What an encoder made of one answer.
#[derive(Clone, Debug)]
pub enum EncodedOutput {
    /// A JSON value, for an element.
    Value(JsonText),
    /// Named tensors, for a request.
    Tensors(Vec<InferOutput>),
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

/// Cuts a request into the elements of its inputs.
pub(super) fn elements(request: InferRequest) -> Result<Vec<SplitItem<ElementPayload>>, Rejection> {
    let mut parts = Vec::new();
    let mut faults = Vec::new();
    for (index, input) in request.inputs.into_iter().enumerate() {
        let place = input.label(index);
        let origin = input.origin;
        let name: Arc<str> = input.name.into();
        let datatype = input.data.datatype();
        let Some(values) = input.data.bytes_elements() else {
            faults.push(format!("{place}: datatype {} is expected, {datatype} came", DataType::Bytes));
            continue;
        };
        let before = parts.len();
        for (element, value) in values.enumerate() {
            if parts.len() == MAX_ITEMS {
                return Err(Rejection::new(format!("at most {MAX_ITEMS} items in a request are expected, more came")));
            }
            let slot = Slot { input: index, element, name: name.clone(), origin };
            let part = ElementPayload { name: name.clone(), value, parameters: input.parameters.clone() };
            parts.push((slot, input.parameters.clone(), part));
        }
        if parts.len() == before {
            faults.push(format!("{place}: data holds no element; at least one is expected"));
        }
    }
    Rejection::all(&faults)?;
    Ok(parts)
}
