//! The modalities: marker types that pair inputs with the outputs that answer them, and the trait that says how each cuts
//! a request into items. The runtime splits requests by it.

use super::payload::{ElementPayload, EncodedOutput, NAMELESS, Slot, SplitItem, Unit, elements};
use crate::{
    error::Rejection,
    protocol::{InferOutput, InferRequest, JsonText, Origin, Parameters},
};

/// The number of items that one call of `infer` gets at most, unless the engine says otherwise: a request can hold thousands.
const MAX_BATCH: usize = 32;

/// A picture, one an element.
#[derive(Debug)]
pub enum Image {}

/// A text, one an element.
#[derive(Debug)]
pub enum Text {}

/// A JSON value, one an element.
#[derive(Debug)]
pub enum Json {}

/// A row of structured data: of a matrix, of columns, or a JSON object, one an element.
#[derive(Debug)]
pub enum Row {}

/// The whole request: named tensors that belong together.
#[derive(Debug)]
pub enum Request {}

/// A kind of payload: what a decoder is given, and what an encoder must return. Sealed: [`media`] has them all.
pub trait Modality: sealed::Sealed + 'static {
    /// What a decoder is given.
    type Payload: Send;
    /// What an encoder returns: a JSON value for an element, named tensors for a request.
    type Encoded: Into<EncodedOutput> + Send;

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
    fn unit(part: &Self::Payload) -> Unit;

    #[doc(hidden)]
    fn split(request: InferRequest) -> Result<Vec<(Slot, Parameters, Self::Payload)>, Rejection>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

macro_rules! by_element {
    ($($modality:ty = $name:literal, $raw:literal;)*) => { $(
        impl sealed::Sealed for $modality {}

        impl Modality for $modality {
            type Payload = ElementPayload;
            type Encoded = JsonText;
            const ELEMENT: Option<&'static str> = Some($name);
            const RAW: bool = $raw;

            fn unit(_: &ElementPayload) -> Unit {
                Unit::Element
            }

            fn split(request: InferRequest) -> Result<Vec<SplitItem<ElementPayload>>, Rejection> {
                elements(request)
            }
        }
    )* };
}
by_element! {
    Image = "image", true;
    Text = "text", true;
    Json = "json", false;
}

impl sealed::Sealed for Request {}

impl Modality for Request {
    type Payload = InferRequest;
    type Encoded = Vec<InferOutput>;
    const ELEMENT: Option<&'static str> = None;

    fn unit(_: &InferRequest) -> Unit {
        Unit::Request
    }

    fn split(request: InferRequest) -> Result<Vec<SplitItem<InferRequest>>, Rejection> {
        let slot = Slot { input: 0, element: 0, name: NAMELESS.clone(), origin: Origin::Inputs };
        // An action for the whole request stands with the request, or with its only input.
        let parameters = match &request.inputs[..] {
            [only] if request.parameters.is_empty() => only.parameters.clone(),
            _ => request.parameters.clone(),
        };
        Ok(vec![(slot, parameters, request)])
    }
}
