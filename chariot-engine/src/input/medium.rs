//! What an item is cut from: an element of an input, or the whole request. The runtime splits requests by it.

use std::{borrow::Cow, sync::Arc};

use crate::{
    error::Rejection,
    protocol::{BytesElement, DataType, InferOutput, InferRequest, JsonText, Parameters},
};

use super::media;

/// The most items that one request may hold; each costs memory beyond its bytes.
const MAX_ITEMS: usize = 16_384;

/// Where in its request an item stands.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The index of its input.
    pub input: usize,
    /// Its index among the elements of that input.
    pub element: usize,
    /// The name of its input; empty if it has none.
    pub name: Arc<str>,
}

impl Slot {
    /// How messages name the place: by the input's name, or by its index.
    pub(crate) fn place(&self) -> String {
        crate::protocol::place(&self.name, self.input)
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

    #[doc(hidden)]
    fn split(request: InferRequest) -> Result<Vec<(Slot, Parameters, Self::Part)>, Rejection>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

macro_rules! by_element {
    ($($medium:ty = $name:literal),*) => { $(
        impl sealed::Sealed for $medium {}

        impl Medium for $medium {
            type Part = Element;
            type Answer = JsonText;
            const ELEMENT: Option<&'static str> = Some($name);

            fn split(request: InferRequest) -> Result<Vec<PartOf<Element>>, Rejection> {
                elements(request)
            }
        }
    )* };
}
by_element!(media::Image = "image", media::Text = "text", media::Json = "json");

impl sealed::Sealed for media::Request {}

impl Medium for media::Request {
    type Part = InferRequest;
    type Answer = Vec<InferOutput>;
    const ELEMENT: Option<&'static str> = None;

    fn split(request: InferRequest) -> Result<Vec<PartOf<InferRequest>>, Rejection> {
        let slot = Slot { input: 0, element: 0, name: "".into() };
        // An action for the whole request stands with the request, or with its only input.
        let parameters = match &request.inputs[..] {
            [only] if request.parameters.is_empty() => only.parameters.clone(),
            _ => request.parameters.clone(),
        };
        Ok(vec![(slot, parameters, request)])
    }
}

fn elements(request: InferRequest) -> Result<Vec<PartOf<Element>>, Rejection> {
    let mut parts = Vec::new();
    let mut faults = Vec::new();
    for (index, input) in request.inputs.into_iter().enumerate() {
        let place = input.place(index);
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
            let slot = Slot { input: index, element, name: name.clone() };
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
