//! How one item of a request is decoded: the trait, what decoders are given, and the inputs that the SDK has.
//!
//! | file | holds |
//! |---|---|
//! | `modality` | which part of a request an item is cut from, and the marker type of each kind |
//! | `payload` | the data that a decoder gets, and its place in the request |
//! | `text`, `json`, `with_params` | `Text`, `Json<T>`, and `WithParams<I, P>`: an input and its typed parameters |
//! | `row` | `Row<T>`: one row of structured data |
//! | `tensors` | `Tensors`, and what derived tensor structs are built on |
//! | `image` | `Image` and `Pixels` |
//! | `example` | requests that the inputs take, for the OpenAPI document |

#[cfg(feature = "candle")]
mod candle;
mod example;
#[cfg(feature = "image")]
mod image;
mod json;
pub mod modality;
mod payload;
mod request;
pub(crate) mod row;
mod tensors;
mod text;
mod with_params;

use std::sync::LazyLock;

use crate::{error::Result, protocol::JsonText, signature::TensorSpec};

#[cfg(feature = "image")]
pub use image::*;
pub use json::Json;
pub use modality::Modality;
pub use payload::{ElementPayload, EncodedOutput, Slot};
#[doc(hidden)]
pub use payload::{HasParameters, Unit};
pub use row::{Row, RowPayload};
pub use tensors::{TensorField, TensorReader, TensorStruct, Tensors, decode_tensors};
pub use text::Text;
pub use with_params::WithParams;

/// What decoders may need to know of the engine.
///
/// ```
/// use chariot_engine::input::DecodeContext;
///
/// assert_eq!(DecodeContext::default().max_pixels, 50_000_000);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DecodeContext<'a> {
    /// The most pixels that a decoded picture may have; `CHARIOT_ENGINE_MAX_PIXELS`.
    pub max_pixels: u64,
    /// The declared named tensors of the engine's input; empty where it takes anything.
    pub signature: &'a [TensorSpec],
}

impl Default for DecodeContext<'_> {
    fn default() -> Self {
        // A row's elements are decoded by it: the settings are read once.
        static MAX_PIXELS: LazyLock<u64> = LazyLock::new(|| crate::settings::EngineSettings::default().max_pixels);
        Self { max_pixels: *MAX_PIXELS, signature: &[] }
    }
}

/// How much of a batch an item takes, and with which items it may share one.
///
/// The unit is the engine's own (items, rows, tokens, pixels) and the same as in
/// [`Spec::max_batch`](crate::model::Spec::max_batch).
///
/// ```
/// use chariot_engine::model::BatchCost;
///
/// let load = BatchCost::new(128).group(1);
/// assert_eq!((load.cost, load.group), (128, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchCost {
    /// What the item costs, in the engine's own unit.
    pub cost: usize,
    /// Only items of the same group are put into one batch.
    pub group: u64,
}

impl Default for BatchCost {
    /// Returns a cost of 1 in group 0.
    fn default() -> Self {
        BatchCost::new(1)
    }
}

impl BatchCost {
    /// An item that costs this much.
    pub fn new(cost: usize) -> Self {
        BatchCost { cost, group: 0 }
    }

    /// Puts it into a group: only items of one group share a batch (texts of about the same length, say).
    #[must_use]
    pub fn group(mut self, group: u64) -> Self {
        self.group = group;
        self
    }
}

/// How one item of a request is decoded.
///
/// The SDK has [`Text`], [`Json`], [`Row`], [`Tensors`], `Image`, [`WithParams`] for parameters of your own, and
/// [`InferRequest`](crate::protocol::InferRequest) for the request as it came. Named tensors of your own:
/// `#[derive(TensorInput)]` on a struct. Implement it by hand for anything else:
///
/// ```
/// use chariot_engine::{Result, input::{DecodeContext, ElementPayload, Input, modality}, reject};
///
/// /// A text of two words.
/// struct Pair(String, String);
///
/// impl Input for Pair {
///     type Modality = modality::Text;
///
///     fn decode(part: ElementPayload, _: &DecodeContext<'_>) -> Result<Self> {
///         let text = part.text()?;
///         let Some((a, b)) = text.split_once(' ') else { reject!("two words are expected") };
///         Ok(Pair(a.into(), b.into()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a model's `Input`",
    label = "not an input type",
    note = "inputs of the SDK: `Image`, `Text`, `Json<T>`, `Row<T>`, `Tensors`, `InferRequest`; with parameters of your own: `WithParams<Image, P>`",
    note = "named tensors of your own: `#[derive(TensorInput)]` on a struct"
)]
pub trait Input: Sized + Send + Sync + 'static {
    /// What it is cut from; it decides which outputs go with it.
    type Modality: Modality;

    /// Whether decoding a small request is so cheap (microseconds) that no thread of its own is worth it.
    const INLINE: bool = false;

    /// Decodes one item.
    ///
    /// # Errors
    /// A rejection for a fault of the caller, which the SDK answers with 400 and the input's name.
    fn decode(part: <Self::Modality as Modality>::Payload, cx: &DecodeContext<'_>) -> Result<Self>;

    /// The named tensors that it takes, for the metadata and for validation; empty where it takes anything.
    fn tensors() -> Vec<TensorSpec> {
        Vec::new()
    }

    /// The inputs that the metadata names where [`tensors`](Self::tensors) are none, but a request may bring the items as
    /// columns, or as a matrix. They are no limit to what is taken.
    fn columns() -> Vec<TensorSpec> {
        Vec::new()
    }

    /// The body of a request that it takes, in `chariot-v2-kserve`, for the OpenAPI document. Absent: one row of zeros of
    /// the declared tensors, or none. What only this model takes is said by [`Spec::example`](crate::model::Spec::example).
    fn example() -> Option<JsonText> {
        None
    }

    /// Returns the JSON Schema of the typed parameters of an item, for the OpenAPI document. Default: `None`, there are no
    /// parameters beyond those of every engine.
    fn params_schema() -> Option<JsonText> {
        None
    }

    /// The bytes that it holds beyond those of the request: of a decoded picture, say. They count against
    /// `CHARIOT_ENGINE_MAX_INFLIGHT_BYTES`.
    fn memory(&self) -> usize {
        0
    }

    /// What it costs in a batch; [`Model::admit`](crate::model::Model::admit) may say otherwise.
    fn cost(&self) -> BatchCost {
        BatchCost::default()
    }
}
