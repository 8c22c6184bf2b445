//! [`Item`]: one item of a request, as `admit` and `infer` see it.

use std::{any::Any, ops::Deref, sync::Arc, time::Instant};

use serde::Serialize;

use crate::{
    device::Device,
    error::{Error, Result},
    inflight::RequestToken,
    input::Slot,
    protocol::{EncodeError, JsonText, Parameters},
};

/// One item of a request: the decoded value (it dereferences to it), and what came with it.
///
/// A handle: cloning is cheap and asks nothing of `I`.
///
/// ```
/// use chariot_engine::{input::Text, model::Batch};
///
/// let batch = Batch::new([Text("two words".into())]);
/// let item = batch.iter().next().unwrap();
/// assert_eq!(item.as_str().split(' ').count(), 2);
/// assert_eq!(item.name(), "input-0");
/// assert!(!item.is_cancelled());
/// ```
pub struct Item<I> {
    value: Arc<I>,
    info: ItemInfo,
    attached: Option<Attached>,
    device: Device,
    default_admit: bool,
}

/// What `admit` has worked out for `infer`.
pub(crate) type Attached = Arc<dyn Any + Send + Sync>;

/// What came with an item, apart from its value.
#[derive(Clone, Debug)]
pub(crate) struct ItemInfo {
    pub(crate) slot: Slot,
    /// Its index among all the items of its request.
    pub(crate) index: usize,
    pub(crate) action: Arc<str>,
    pub(crate) parameters: Parameters,
    pub(crate) score_threshold: f32,
    pub(crate) token: Arc<RequestToken>,
    pub(crate) location: ErrorLocation,
}

/// How an error names an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorLocation {
    /// The item is the request as a whole: its errors name inputs themselves.
    Request,
    /// The only element of its input: by the input.
    Input,
    /// One of several elements: by the input and its index.
    Element,
    /// A row of a matrix: by the input and its index.
    MatrixRow,
    /// A row of columns: by its index.
    TableRow,
}

/// The name of the output that answers columns: no single input has one to give.
pub(super) fn output_name(action: &str) -> &str {
    if action.is_empty() { "output" } else { action }
}

impl ItemInfo {
    /// The name of the output that the item is answered in.
    pub(crate) fn output_name(&self) -> &str {
        if self.location == ErrorLocation::TableRow { output_name(&self.action) } else { &self.slot.name }
    }

    /// Names the input that an error is about, unless the error does so itself.
    pub(crate) fn locate(&self, error: Error) -> Error {
        self.location.locate(&self.slot, error)
    }
}

impl ErrorLocation {
    /// Names the item's place, unless the error has one itself.
    pub(crate) fn locate(self, slot: &Slot, error: Error) -> Error {
        if error.has_location() { error } else { self.of(slot, error) }
    }

    /// The error, with the place of the item before what it says itself.
    pub(crate) fn of(self, slot: &Slot, error: Error) -> Error {
        match self {
            ErrorLocation::Request => error,
            ErrorLocation::Input => error.at(slot.label()),
            ErrorLocation::Element => error.at(format_args!("data[{}]", slot.element)).at(slot.label()),
            // A row says itself where it is at fault, as far as it knows.
            ErrorLocation::MatrixRow | ErrorLocation::TableRow if error.has_location() => error,
            ErrorLocation::MatrixRow => error.at(format_args!("{}, row {}", slot.label(), slot.element)),
            ErrorLocation::TableRow => error.at(format_args!("row {}", slot.element)),
        }
    }
}

impl<I> Item<I> {
    pub(crate) fn new(value: I, info: ItemInfo) -> Self {
        Item { value: Arc::new(value), info, attached: None, device: Device::Cpu, default_admit: false }
    }

    /// An item of what [`into_parts`](Self::into_parts) gave, on the device of a worker.
    pub(crate) fn of_parts(value: Arc<I>, info: ItemInfo, attached: Option<Attached>, device: Device) -> Self {
        Item { value, info, attached, device, default_admit: false }
    }

    /// What the runtime keeps of it until a worker serves it.
    pub(crate) fn into_parts(self) -> (Arc<I>, ItemInfo, Option<Attached>) {
        (self.value, self.info, self.attached)
    }

    /// The decoded value.
    pub fn value(&self) -> &I {
        &self.value
    }

    /// The value itself; a clone of it if another handle of this item is alive.
    pub fn into_value(self) -> I
    where
        I: Clone,
    {
        Arc::unwrap_or_clone(self.value)
    }

    pub(crate) fn into_shared(self) -> Arc<I> {
        self.value
    }

    /// The name of the input that it came in; empty if it has none, or came in several.
    pub fn name(&self) -> &str {
        &self.info.slot.name
    }

    /// What the caller asks for; the engine's default if the caller named nothing, empty if there is no default.
    pub fn action(&self) -> &str {
        &self.info.action
    }

    /// The parameters of its input (of the request, if it came in several), as they came. [`WithParams`](crate::input::WithParams) types them.
    pub fn parameters(&self) -> &Parameters {
        &self.info.parameters
    }

    /// The lowest score that the caller wants: from its parameters, else `CHARIOT_ENGINE_SCORE_THRESHOLD`.
    pub fn score_threshold(&self) -> f32 {
        self.info.score_threshold
    }

    /// Whether the caller has gone: nobody reads an answer, and a long computation had better stop.
    pub fn is_cancelled(&self) -> bool {
        self.info.token.is_gone()
    }

    /// Sends a part of the answer (a token, say) to a caller who reads the answer as it comes into being. To any other
    /// caller nothing is sent; the whole answer follows in any case. Declare it by
    /// [`Spec::streaming`](super::Spec::streaming).
    ///
    /// It blocks while the caller is slow, so it is for a thread that may: `infer` runs on one.
    ///
    /// ```
    /// use chariot_engine::prelude::*;
    ///
    /// fn repeat(text: &Item<Text>) -> Result<String> {
    ///     let mut answer = String::new();
    ///     for word in text.as_str().split(' ') {
    ///         text.emit(word)?;
    ///         answer.push_str(word);
    ///     }
    ///     Ok(answer)
    /// }
    ///
    /// let batch = Batch::new([Text("two words".into())]);
    /// assert_eq!(repeat(batch.iter().next().unwrap()).unwrap(), "twowords");
    /// ```
    ///
    /// # Errors
    /// The caller has gone or the deadline has passed: hand it on, and the work ends. A part that JSON cannot hold.
    pub fn emit<T: Serialize + ?Sized>(&self, part: &T) -> Result<()> {
        if self.is_cancelled() {
            return Err(Error::cancelled());
        }
        let Some(parts) = self.info.token.parts() else {
            return Ok(());
        };
        #[derive(Serialize)]
        struct Part<'a, T: ?Sized> {
            name: &'a str,
            index: usize,
            part: &'a T,
        }
        let part = Part { name: self.info.output_name(), index: self.info.index, part };
        let text = JsonText::from_value(&part).map_err(|error| match error {
            EncodeError::NotFinite(_) => Error::unwritable(format_args!("a part of the answer: {error}")),
            error => error.into(),
        })?;
        parts.send(text.into_bytes(), self.deadline())
    }

    /// When the caller is told that it took too long; `None` if there is no limit.
    pub fn deadline(&self) -> Option<Instant> {
        self.info.token.deadline().map(tokio::time::Instant::into_std)
    }

    /// The device of the worker that serves it. In `admit`, where no worker is known yet, it is the CPU.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Keeps what `admit` has worked out for `infer`.
    pub fn attach<T: Send + Sync + 'static>(&mut self, value: T) {
        self.attached = Some(Arc::new(value));
    }

    /// What `admit` has attached, if it is a `T`.
    pub fn attached<T: 'static>(&self) -> Option<&T> {
        self.attached.as_deref()?.downcast_ref()
    }

    pub(crate) fn info(&self) -> &ItemInfo {
        &self.info
    }

    #[cfg(any(feature = "test-util", doc))]
    pub(crate) fn info_mut(&mut self) -> &mut ItemInfo {
        &mut self.info
    }

    /// The default `admit` says so: then nothing of the author's own runs before the queue.
    pub(crate) fn keep_default_admit(&mut self) {
        self.default_admit = true;
    }

    pub(crate) fn has_default_admit(&self) -> bool {
        self.default_admit
    }
}

impl<I> Clone for Item<I> {
    fn clone(&self) -> Self {
        Item {
            value: self.value.clone(),
            info: self.info.clone(),
            attached: self.attached.clone(),
            device: self.device.clone(),
            default_admit: self.default_admit,
        }
    }
}

impl<I> Deref for Item<I> {
    type Target = I;

    fn deref(&self) -> &I {
        &self.value
    }
}

impl<I> std::fmt::Debug for Item<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Item").field("slot", &self.info.slot).field("action", &self.info.action).finish_non_exhaustive()
    }
}
