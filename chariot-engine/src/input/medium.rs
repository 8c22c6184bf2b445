//! What an item is cut from: an element of an input, or the whole request. The runtime splits requests by it.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use crate::{
    error::Rejection,
    protocol::{BytesElement, DataType, InferOutput, InferRequest, JsonText, Origin, Parameters},
};

use super::media;

/// The most items that one request may hold; each costs memory beyond its bytes.
const MAX_ITEMS: usize = 16_384;

/// What one call of `infer` is given at most, unless the engine says otherwise: a request may hold thousands of items.
const MAX_BATCH: usize = 32;

/// The name of what has none.
static NAMELESS: LazyLock<Arc<str>> = LazyLock::new(|| "".into());

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
    pub(crate) fn place(&self) -> String {
        self.origin.place(&self.name, self.input)
    }
}

/// One element of one input, as it came.
#[derive(Clone, Debug)]
pub struct Element {
    /// The name of its input; empty if it has none.
    pub name: Arc<str>,
    /// The element itself: a JSON value, or bytes that came in binary form.
    pub value: BytesElement,
    /// The parameters of its input.
    pub parameters: Parameters,
}

impl Element {
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

impl HasParameters for Element {
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
pub(crate) type PartOf<P> = (Slot, Parameters, P);

/// What an encoder made of one answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A JSON value, for an element.
    Value(JsonText),
    /// Named tensors, for a request.
    Tensors(Vec<InferOutput>),
}

impl From<JsonText> for Answer {
    fn from(value: JsonText) -> Self {
        Answer::Value(value)
    }
}

impl From<Vec<InferOutput>> for Answer {
    fn from(tensors: Vec<InferOutput>) -> Self {
        Answer::Tensors(tensors)
    }
}

/// A kind of payload: what a decoder is given, and what an encoder must return. Sealed: [`media`] has them all.
pub trait Medium: sealed::Sealed + 'static {
    /// What a decoder is given.
    type Part: Send;
    /// What an encoder returns: a JSON value for an element, named tensors for a request.
    type Answer: Into<Answer> + Send;

    /// What an element is called; `None` if a part is the whole request, whose faults name their inputs themselves.
    #[doc(hidden)]
    const ELEMENT: Option<&'static str>;

    /// Whether any bytes or any text may be an element.
    #[doc(hidden)]
    const RAW: bool = false;

    /// What one call of `infer` is given at most, unless the engine says otherwise.
    #[doc(hidden)]
    const MAX_BATCH: usize = MAX_BATCH;

    #[doc(hidden)]
    fn unit(part: &Self::Part) -> Unit;

    #[doc(hidden)]
    fn split(request: InferRequest) -> Result<Vec<(Slot, Parameters, Self::Part)>, Rejection>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

macro_rules! by_element {
    ($($medium:ty = $name:literal, $raw:literal;)*) => { $(
        impl sealed::Sealed for $medium {}

        impl Medium for $medium {
            type Part = Element;
            type Answer = JsonText;
            const ELEMENT: Option<&'static str> = Some($name);
            const RAW: bool = $raw;

            fn unit(_: &Element) -> Unit {
                Unit::Element
            }

            fn split(request: InferRequest) -> Result<Vec<PartOf<Element>>, Rejection> {
                elements(request)
            }
        }
    )* };
}
by_element! {
    media::Image = "image", true;
    media::Text = "text", true;
    media::Json = "json", false;
}

impl sealed::Sealed for media::Request {}

impl Medium for media::Request {
    type Part = InferRequest;
    type Answer = Vec<InferOutput>;
    const ELEMENT: Option<&'static str> = None;

    fn unit(_: &InferRequest) -> Unit {
        Unit::Request
    }

    fn split(request: InferRequest) -> Result<Vec<PartOf<InferRequest>>, Rejection> {
        let slot = Slot { input: 0, element: 0, name: NAMELESS.clone(), origin: Origin::Inputs };
        // An action for the whole request stands with the request, or with its only input.
        let parameters = match &request.inputs[..] {
            [only] if request.parameters.is_empty() => only.parameters.clone(),
            _ => request.parameters.clone(),
        };
        Ok(vec![(slot, parameters, request)])
    }
}

/// Cuts a request into the elements of its inputs.
pub(super) fn elements(request: InferRequest) -> Result<Vec<PartOf<Element>>, Rejection> {
    let mut parts = Vec::new();
    let mut faults = Vec::new();
    for (index, input) in request.inputs.into_iter().enumerate() {
        let place = input.place(index);
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
            let part = Element { name: name.clone(), value, parameters: input.parameters.clone() };
            parts.push((slot, input.parameters.clone(), part));
        }
        if parts.len() == before {
            faults.push(format!("{place}: data holds no element; at least one is expected"));
        }
    }
    Rejection::all(&faults)?;
    Ok(parts)
}
