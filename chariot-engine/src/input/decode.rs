//! [`Input`]: the trait that decodes one item of a request.

use std::sync::LazyLock;

use super::{batch_cost::BatchCost, modality::Modality};
use crate::{
    error::Result,
    protocol::{JsonText, Meter},
    settings::EngineSettings,
    signature::TensorSpec,
};

/// The meter of a context without a request.
static UNMETERED: LazyLock<Meter<'static>> = LazyLock::new(Meter::default);

/// The engine's limits and declarations that decoders may need.
///
/// ```
/// use chariot_engine::input::DecodeContext;
///
/// assert_eq!(DecodeContext::default().max_pixels, 50_000_000);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DecodeContext<'a> {
    /// The maximum number of pixels of a decoded image. Set by `CHARIOT_ENGINE_MAX_PIXELS`.
    pub max_pixels: u64,
    /// The declared named tensors of the engine's input. Empty if the engine accepts any tensors.
    pub signature: &'a [TensorSpec],
    /// The memory of the request.
    meter: Option<&'a Meter<'a>>,
}

impl<'a> DecodeContext<'a> {
    /// Creates a context with this limit and these declared tensors.
    pub fn new(max_pixels: u64, signature: &'a [TensorSpec]) -> Self {
        DecodeContext { max_pixels, signature, meter: None }
    }

    /// Creates a context that reserves memory with this meter.
    pub(crate) fn metered(max_pixels: u64, signature: &'a [TensorSpec], meter: &'a Meter<'a>) -> Self {
        DecodeContext { max_pixels, signature, meter: Some(meter) }
    }

    /// Returns the meter of the request, or one that never refuses.
    pub(crate) fn meter(&self) -> &Meter<'a> {
        self.meter.unwrap_or(&UNMETERED)
    }

    /// Reserves memory before it is taken, from that of the request and of all requests in flight.
    ///
    /// Reserve what decoding takes at most, so that a request that is too large is rejected before it takes the memory. Once
    /// the item is decoded, what [`Input::memory`] returns stays reserved until the request is done, and the rest is
    /// returned.
    ///
    /// ```
    /// use chariot_engine::{Result, input::{DecodeContext, ElementPayload, Input, modality}};
    ///
    /// /// The numbers of the characters of a text.
    /// struct Numbers(Vec<u32>);
    ///
    /// impl Input for Numbers {
    ///     type Modality = modality::Text;
    ///
    ///     fn decode(payload: ElementPayload, cx: &DecodeContext<'_>) -> Result<Self> {
    ///         let text = payload.text()?;
    ///         cx.reserve(text.len() * size_of::<u32>())?;
    ///         Ok(Numbers(text.chars().map(u32::from).collect()))
    ///     }
    ///
    ///     fn memory(&self) -> usize {
    ///         self.0.capacity() * size_of::<u32>()
    ///     }
    /// }
    ///
    /// let payload = ElementPayload::new("a", chariot_engine::protocol::BytesElement::Binary("hi".into()), Default::default());
    /// assert_eq!(Numbers::decode(payload, &DecodeContext::default()).unwrap().memory(), 8);
    /// ```
    ///
    /// # Errors
    /// Returns an error that is sent as a 413 if the request would take more memory than one request can, and as a 503 if
    /// all requests in flight would. Return it unchanged.
    pub fn reserve(&self, bytes: usize) -> Result<()> {
        self.meter().reserve(bytes)
    }
}

impl Default for DecodeContext<'_> {
    /// Returns the default limits and no declared tensors.
    fn default() -> Self {
        static MAX_PIXELS: LazyLock<u64> = LazyLock::new(|| EngineSettings::default().max_pixels);
        DecodeContext::new(*MAX_PIXELS, &[])
    }
}

/// An input of a model: decodes one item of a request.
///
/// The SDK implements it for [`Text`](super::Text), [`Json`](super::Json), [`Row`](super::Row),
/// [`Tensors`](super::Tensors), `Image`, [`WithParams`](super::WithParams) (an input with typed parameters), and
/// [`InferRequest`](crate::protocol::InferRequest) (the whole request). For named tensors derive it on a struct with
/// `#[derive(TensorInput)]`. Implement it by hand for anything else:
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
///     fn decode(payload: ElementPayload, _: &DecodeContext<'_>) -> Result<Self> {
///         let text = payload.text()?;
///         let Some((a, b)) = text.split_once(' ') else { reject!("expected two words, got one") };
///         Ok(Pair(a.into(), b.into()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the `Input` of a model",
    label = "does not implement `Input`",
    note = "use `Image`, `Text`, `Json<T>`, `Row<T>`, `Tensors` or `InferRequest`; `T` must implement `serde::Deserialize`",
    note = "to read typed parameters too, wrap one of them: `WithParams<Text, P>`, where `P` implements `serde::Deserialize`",
    note = "for named tensors, put `#[derive(TensorInput)]` on a struct; for anything else, write `impl Input for {Self}`"
)]
pub trait Input: Sized + Send + Sync + 'static {
    /// The kind of payload that an item is decoded from. It determines which outputs the model may have.
    type Modality: Modality;

    /// Set if decoding a small request takes only microseconds, so that it need not move to another thread.
    const INLINE: bool = false;

    /// Decodes one item.
    ///
    /// # Errors
    /// Returns a rejection for a fault of the caller, which the SDK sends as a 400 with the input's name.
    fn decode(payload: <Self::Modality as Modality>::Payload, cx: &DecodeContext<'_>) -> Result<Self>;

    /// Returns the named tensors that it accepts, for the metadata and for validation. Empty if it accepts any.
    fn tensors() -> Vec<TensorSpec> {
        Vec::new()
    }

    /// Returns the inputs to list in the metadata if [`tensors`](Self::tensors) is empty but a request may bring the
    /// items as columns or as a matrix. Requests are not checked against them.
    fn columns() -> Vec<TensorSpec> {
        Vec::new()
    }

    /// Returns the body of an example request in `chariot-v2-kserve`, for the OpenAPI document.
    ///
    /// If it returns `None`, the document shows one row of zeros of the declared tensors, or no example if none are
    /// declared. An example for one model is set by [`Spec::example`](crate::model::Spec::example).
    fn example() -> Option<JsonText> {
        None
    }

    /// Returns the JSON Schema of the typed parameters of an item, for the OpenAPI document. Default: `None`, there are no
    /// parameters beyond those of every engine.
    fn params_schema() -> Option<JsonText> {
        None
    }

    /// Returns the number of bytes that it holds in addition to those of the request, such as a decoded image.
    ///
    /// They count against `CHARIOT_ENGINE_MAX_INFLIGHT_BYTES`, in place of those that `decode` has
    /// [reserved](DecodeContext::reserve). Default: 0.
    fn memory(&self) -> usize {
        0
    }

    /// Returns its cost in a batch. [`Model::admit`](crate::model::Model::admit) may override it. Default: 1.
    fn cost(&self) -> BatchCost {
        BatchCost::default()
    }
}
