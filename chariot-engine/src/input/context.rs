//! [`DecodeContext`]: what decoders are given beside the payload. The runtime makes one for each request.

use std::sync::LazyLock;

use crate::{error::Result, protocol::Meter, settings::EngineSettings, signature::TensorSpec};

/// The meter of a context without a request.
static UNMETERED: LazyLock<Meter<'static>> = LazyLock::new(Meter::default);

/// The default limits.
static DEFAULTS: LazyLock<EngineSettings> = LazyLock::new(EngineSettings::default);

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
    /// The maximum length of a text, in bytes. Set by `CHARIOT_ENGINE_MAX_TEXT`.
    pub max_text: u64,
    /// The declared named tensors of the engine's input. Empty if the engine accepts any tensors.
    pub signature: &'a [TensorSpec],
    /// The memory of the request.
    meter: Option<&'a Meter<'a>>,
}

impl<'a> DecodeContext<'a> {
    /// Creates a context with this limit of pixels, these declared tensors, and the default of the other limits.
    pub fn new(max_pixels: u64, signature: &'a [TensorSpec]) -> Self {
        DecodeContext { max_pixels, max_text: DEFAULTS.max_text.as_u64(), signature, meter: None }
    }

    /// Creates a context with these limits, which reserves memory with this meter.
    pub(crate) fn metered(max_pixels: u64, max_text: u64, signature: &'a [TensorSpec], meter: &'a Meter<'a>) -> Self {
        DecodeContext { max_pixels, max_text, signature, meter: Some(meter) }
    }

    /// Returns the meter of the request, or one that never refuses.
    pub(crate) fn meter(&self) -> &Meter<'a> {
        self.meter.unwrap_or(&UNMETERED)
    }

    /// Reserves memory before it is taken, from that of the request and of all requests in flight.
    ///
    /// Reserve what decoding takes at most, so that a request that is too large is rejected before it takes the memory. Once
    /// the item is decoded, what [`Input::memory`](super::Input::memory) returns stays reserved until the request is done, and the rest is
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
    ///         let mut numbers = Vec::with_capacity(text.len());
    ///         numbers.extend(text.chars().map(u32::from));
    ///         Ok(Numbers(numbers))
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
        DecodeContext::new(DEFAULTS.max_pixels, &[])
    }
}
