//! The modalities: marker types that pair inputs with the outputs that can answer them.
//!
//! Each modality defines how a request is split into items.

use super::{
    context::DecodeContext,
    payload::{ElementKind, ElementPayload, EncodedOutput, Slot, SplitItem, Unit, elements},
};
use crate::{
    error::Rejection,
    protocol::{InferOutput, InferRequest, JsonText, Parameters},
};

/// The default for the number of items that one call of `infer` receives at most. A request may contain thousands.
const MAX_BATCH: usize = 32;

/// An image: one element of an input.
#[derive(Debug)]
pub enum Image {}

/// A text: one element of an input.
#[derive(Debug)]
pub enum Text {}

/// A JSON value: one element of an input.
#[derive(Debug)]
pub enum Json {}

/// A row of structured data: one row of a matrix or of columns, or one element that is a JSON object.
#[derive(Debug)]
pub enum Row {}

/// The whole request: named tensors that belong together.
#[derive(Debug)]
pub enum Request {}

/// A kind of payload: the data that a decoder receives and that an encoder returns.
///
/// Sealed: the [`modality`](self) module has all implementations.
pub trait Modality: sealed::Sealed + 'static {
    /// The data that a decoder receives.
    type Payload: Send;
    /// The data that an encoder returns: a JSON value for an element, named tensors for a request.
    type Encoded: Into<EncodedOutput> + Send;

    /// The name of an element; `None` if an item is the whole request, whose errors name their inputs themselves.
    #[doc(hidden)]
    const ELEMENT: Option<&'static str>;

    /// Set if any bytes or any text can be an element.
    #[doc(hidden)]
    const RAW: bool = false;

    /// The default for the number of items that one call of `infer` receives at most.
    #[doc(hidden)]
    const MAX_BATCH: usize = MAX_BATCH;

    #[doc(hidden)]
    fn unit(payload: &Self::Payload) -> Unit;

    #[doc(hidden)]
    fn split(
        request: InferRequest,
        cx: &DecodeContext<'_>,
    ) -> Result<Vec<(Slot, Parameters, Self::Payload)>, Rejection>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

macro_rules! by_element {
    ($($modality:ty = $name:literal, $raw:literal, $kind:expr;)*) => { $(
        impl sealed::Sealed for $modality {}

        impl Modality for $modality {
            type Payload = ElementPayload;
            type Encoded = JsonText;
            const ELEMENT: Option<&'static str> = Some($name);
            const RAW: bool = $raw;

            fn unit(_: &ElementPayload) -> Unit {
                Unit::Element
            }

            fn split(
                request: InferRequest,
                cx: &DecodeContext<'_>,
            ) -> Result<Vec<SplitItem<ElementPayload>>, Rejection> {
                elements(request, $kind, cx)
            }
        }
    )* };
}
by_element! {
    Image = "image", true, ElementKind::Strings;
    Text = "text", true, ElementKind::Strings;
    Json = "json", false, ElementKind::Values;
}

impl sealed::Sealed for Request {}

impl Modality for Request {
    type Payload = InferRequest;
    type Encoded = Vec<InferOutput>;
    const ELEMENT: Option<&'static str> = None;

    fn unit(_: &InferRequest) -> Unit {
        Unit::Request
    }

    fn split(request: InferRequest, _: &DecodeContext<'_>) -> Result<Vec<SplitItem<InferRequest>>, Rejection> {
        Ok(vec![(Slot::only(), request.item_parameters().clone(), request)])
    }
}
