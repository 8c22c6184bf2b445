//! [`Item`]: one item of a request, the argument of `admit` and an element of a batch.

use std::{any::Any, ops::Deref, sync::Arc, time::Instant};

use bytes::Bytes;
use serde::Serialize;
use smallvec::SmallVec;

use crate::{
    device::Device,
    error::{Error, Expected, Result},
    inflight::{PartSender, RequestToken},
    input::Slot,
    protocol::{EncodeError, JsonText, Origin, Parameters, TraceContext},
};

/// One item of a request: the decoded value, to which it dereferences, with its name, action and parameters.
///
/// An item is a handle: cloning it is cheap and does not clone the value.
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
    attached: Attachments,
    device: Device,
    default_admit: bool,
}

/// The values that `admit` keeps for `infer`, at most one of each type.
pub(crate) type Attachments = SmallVec<[Arc<dyn Any + Send + Sync>; 1]>;

/// The data of an item apart from its value. Cheap to clone: a request can have thousands of items.
#[derive(Clone, Debug)]
pub(crate) struct ItemInfo {
    pub(crate) shared: Arc<SharedInfo>,
    /// The index among all items of its request.
    pub(crate) index: usize,
    /// The index of its input.
    pub(crate) input: usize,
    /// Its index among the elements of that input, or among the rows of a table.
    pub(crate) element: usize,
    /// The part of the body that its input was read from.
    pub(crate) origin: Origin,
    /// The key of items that run one at a time.
    pub(crate) key: Option<Arc<str>>,
}

/// The data that the items of an input have in common, and those of several inputs that differ in nothing else.
#[derive(Clone, Debug)]
pub(crate) struct SharedInfo {
    /// The name of the input.
    pub(crate) name: Arc<str>,
    pub(crate) action: Arc<str>,
    pub(crate) parameters: Parameters,
    pub(crate) score_threshold: f32,
    pub(crate) token: Arc<RequestToken>,
    pub(crate) location: ErrorLocation,
}

impl SharedInfo {
    /// The memory in bytes, without what the request shares with it.
    pub(crate) const MEMORY: usize = size_of::<SharedInfo>() + 4 * size_of::<usize>();

    /// Returns `true` if it is that of an item with this name, these parameters and this location, which has been decoded
    /// from the same request.
    pub(crate) fn is_of(&self, name: &Arc<str>, parameters: &Parameters, location: ErrorLocation) -> bool {
        Arc::ptr_eq(&self.name, name) && self.parameters.is_same(parameters) && self.location == location
    }
}

/// The way in which an error names an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorLocation {
    /// The whole request. Its errors name inputs themselves.
    Request,
    /// The only element of its input, named by the input.
    Input,
    /// One of several elements, named by the input and the index.
    Element,
    /// A row of a matrix, named by the input and the index.
    MatrixRow,
    /// A row of columns, named by the index.
    TableRow,
}

/// Returns the name of the output for a request of columns, for which no single input provides a name.
pub(super) fn output_name(action: &str) -> &str {
    if action.is_empty() { "output" } else { action }
}

impl ItemInfo {
    /// Returns the name of the output that the item's result is part of.
    pub(crate) fn output_name(&self) -> &str {
        let SharedInfo { name, action, location, .. } = &*self.shared;
        if *location == ErrorLocation::TableRow { output_name(action) } else { name }
    }

    /// Adds the item's location to an error, unless the error has a location.
    pub(crate) fn locate(&self, error: Error) -> Error {
        if error.has_location() { error } else { self.shared.location.prefix(&self.slot(), error) }
    }

    fn slot(&self) -> Slot {
        Slot { input: self.input, element: self.element, name: self.shared.name.clone(), origin: self.origin }
    }
}

impl ErrorLocation {
    /// Puts the item's location before that of the error.
    pub(crate) fn prefix(self, slot: &Slot, error: Error) -> Error {
        match self {
            ErrorLocation::Request => error,
            ErrorLocation::Input => error.at(slot.label()),
            ErrorLocation::Element => error.at(format_args!("data[{}]", slot.element)).at(slot.label()),
            // The error of a row already has the most precise location.
            ErrorLocation::MatrixRow | ErrorLocation::TableRow if error.has_location() => error,
            ErrorLocation::MatrixRow => error.at(format_args!("{}, row {}", slot.label(), slot.element)),
            ErrorLocation::TableRow => error.at(format_args!("row {}", slot.element)),
        }
    }
}

impl<I> Item<I> {
    pub(crate) fn new(value: I, info: ItemInfo) -> Self {
        Item { value: Arc::new(value), info, attached: Attachments::new(), device: Device::cpu(), default_admit: false }
    }

    /// Creates an item from the result of [`into_parts`](Self::into_parts), on the device of a worker.
    pub(crate) fn from_parts(value: Arc<I>, info: ItemInfo, attached: Attachments, device: Device) -> Self {
        Item { value, info, attached, device, default_admit: false }
    }

    /// Returns the parts that the runtime keeps until a worker takes the item.
    pub(crate) fn into_parts(self) -> (Arc<I>, ItemInfo, Attachments) {
        (self.value, self.info, self.attached)
    }

    /// Returns the decoded value.
    pub fn value(&self) -> &I {
        &self.value
    }

    /// Returns the decoded value without its item. Clones it if another handle of the item exists.
    pub fn into_value(self) -> I
    where
        I: Clone,
    {
        Arc::unwrap_or_clone(self.value)
    }

    pub(crate) fn into_shared(self) -> Arc<I> {
        self.value
    }

    /// Returns the name of its input. Empty if the input has no name, or if the item consists of several inputs.
    pub fn name(&self) -> &str {
        &self.info.shared.name
    }

    /// Returns the action that the caller requested, or the engine's default action. Empty if there is no default.
    pub fn action(&self) -> &str {
        &self.info.shared.action
    }

    /// Returns the parameters of its input, or those of the request if the item consists of several inputs.
    ///
    /// For typed parameters use [`WithParams`](crate::input::WithParams).
    pub fn parameters(&self) -> &Parameters {
        &self.info.shared.parameters
    }

    /// Returns the minimum score that the caller wants, from the parameters or `CHARIOT_ENGINE_SCORE_THRESHOLD`. A model that
    /// reads it declares [`Spec::score_threshold`](super::Spec::score_threshold).
    pub fn score_threshold(&self) -> f32 {
        self.info.shared.score_threshold
    }

    /// Returns `true` if the caller has disconnected. Nobody reads the output, so a long computation should stop.
    pub fn is_cancelled(&self) -> bool {
        self.info.shared.token.is_gone()
    }

    /// Returns the place of the request in a distributed trace: that of the engine's own span if the engine exports traces (feature
    /// `otel`), else that of the caller. `None` if the request belongs to no trace.
    ///
    /// Send its headers with every call of another service:
    ///
    /// ```
    /// use chariot_engine::prelude::*;
    /// use http::{HeaderValue, Request};
    ///
    /// fn call(item: &Item<Text>) -> Result<Request<String>> {
    ///     let mut request = Request::post("http://tokenizer/count").body(item.as_str().to_string())?;
    ///     if let Some(context) = item.trace_context() {
    ///         let headers = request.headers_mut();
    ///         headers.insert("traceparent", HeaderValue::try_from(context.traceparent())?);
    ///         if let Some(state) = context.tracestate() {
    ///             headers.insert("tracestate", HeaderValue::from_str(state)?);
    ///         }
    ///     }
    ///     Ok(request)
    /// }
    /// ```
    pub fn trace_context(&self) -> Option<&TraceContext> {
        self.info.shared.token.trace_context()
    }

    /// Sends a part of the output (a token, for example) to a caller that requested server-sent events.
    ///
    /// Has no effect for other callers, and for an engine that does not declare
    /// [`Spec::streaming`](super::Spec::streaming). The complete output is sent at the end in any case.
    ///
    /// Blocks while the caller reads slowly, so it must be called on a thread that may block, such as the one that runs
    /// `infer`.
    ///
    /// ```
    /// use chariot_engine::prelude::*;
    ///
    /// fn repeat(text: &Item<Text>) -> Result<String> {
    ///     let mut output = String::new();
    ///     for word in text.as_str().split(' ') {
    ///         text.emit(word)?;
    ///         output.push_str(word);
    ///     }
    ///     Ok(output)
    /// }
    ///
    /// let batch = Batch::new([Text("two words".into())]);
    /// assert_eq!(repeat(batch.iter().next().unwrap()).unwrap(), "twowords");
    /// ```
    ///
    /// # Errors
    /// Returns an error if the caller has disconnected or reads too slowly, if the deadline has passed, or if the part exceeds
    /// a memory limit; return it from `infer` to end the work.
    /// Returns an error if JSON cannot represent the part.
    pub fn emit<T: Serialize + ?Sized>(&self, part: &T) -> Result<()> {
        let token = &self.info.shared.token;
        match self.part(part)? {
            Some((parts, part)) => parts.send(part, token.deadline()),
            None => Ok(()),
        }
    }

    /// Sends a part of the output like [`emit`](Self::emit), but awaits while the caller reads slowly, so that the other calls
    /// of a worker go on ([`Spec::concurrency`](super::Spec::concurrency)).
    ///
    /// ```
    /// use chariot_engine::prelude::*;
    ///
    /// async fn repeat(text: &Item<Text>) -> Result<()> {
    ///     for word in text.as_str().split(' ') {
    ///         text.emit_async(word).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`emit`](Self::emit).
    ///
    /// # Cancel safety
    /// A part whose future is dropped is not sent.
    pub async fn emit_async<T: Serialize + ?Sized>(&self, part: &T) -> Result<()> {
        let token = &self.info.shared.token;
        match self.part(part)? {
            Some((parts, part)) => parts.send_async(part, token.deadline()).await,
            None => Ok(()),
        }
    }

    /// Returns a part as it is sent, and the channel; `None` if nobody reads parts.
    fn part<T: Serialize + ?Sized>(&self, part: &T) -> Result<Option<(&PartSender, Bytes)>> {
        if self.is_cancelled() {
            return Err(Error::cancelled());
        }
        let Some(parts) = self.info.shared.token.parts() else {
            self.info.shared.token.drop_part();
            return Ok(None);
        };
        #[derive(Serialize)]
        struct Part<'a, T: ?Sized> {
            name: &'a str,
            index: usize,
            part: &'a T,
        }
        let part = Part { name: self.info.output_name(), index: self.info.index, part };
        let text = JsonText::from_value(&part).map_err(|error| match error {
            EncodeError::NotFinite(_) => Error::unwritable(format_args!("part of the output: {error}")),
            error => error.into(),
        })?;
        Ok(Some((parts, text.into_bytes())))
    }

    /// Returns the time at which the request fails with a timeout; `None` if it has no deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.info.shared.token.deadline().map(tokio::time::Instant::into_std)
    }

    /// Returns the device of the worker that runs this call. In `admit` it is the CPU, because the worker is not known yet.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Keeps a value of `admit` for `infer`, beside values of other types. It replaces an earlier one of its type.
    pub fn attach<T: Send + Sync + 'static>(&mut self, value: T) {
        self.attached.retain(|other| !other.is::<T>());
        self.attached.push(Arc::new(value));
    }

    /// Returns the `T` that `admit` attached, if there is one. [`Batch::attached`](super::Batch::attached) returns those of all
    /// items.
    pub fn attached<T: 'static>(&self) -> Option<&T> {
        self.attached.iter().find_map(|value| value.downcast_ref())
    }

    /// Makes the item one of a session, a stream or the like: items of one key run one at a time, each in a call of its own or
    /// with items of other keys, in the order in which their requests arrive as far as they wait at the same time. Called
    /// in [`Model::admit`](super::Model::admit); it has no effect later.
    ///
    /// No worker waits for an item that waits for its turn. [`KeyedStates`](super::KeyedStates) keeps states by key.
    ///
    /// # Errors
    /// Returns a rejection if the key is longer than 256 bytes: keys of callers are kept as long as their states.
    pub fn set_key(&mut self, key: impl Into<Arc<str>>) -> Result<()> {
        const MAX: usize = 256;
        let key = key.into();
        if key.len() > MAX {
            let fault = Expected::new(format!("a key of at most {MAX} bytes"), key.len());
            return Err(Error::rejected(fault));
        }
        self.info.key = Some(key);
        Ok(())
    }

    /// Returns the key that `admit` has set.
    pub fn key(&self) -> Option<&str> {
        self.info.key.as_deref()
    }

    pub(super) fn shared_key(&self) -> Option<&Arc<str>> {
        self.info.key.as_ref()
    }

    pub(crate) fn info(&self) -> &ItemInfo {
        &self.info
    }

    #[cfg(any(feature = "test-util", doc))]
    pub(crate) fn shared_info_mut(&mut self) -> &mut SharedInfo {
        Arc::make_mut(&mut self.info.shared)
    }

    /// Marks an item that the default `admit` has seen, so that no code of the author runs before the queue.
    pub(crate) fn keep_default_admit(&mut self) {
        self.default_admit = true;
    }

    /// Returns `true` if only the default `admit` has seen the item: nothing was attached, and it has no key.
    pub(crate) fn has_default_admit(&self) -> bool {
        self.default_admit && self.attached.is_empty() && self.info.key.is_none()
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
        let (slot, action) = (self.info.slot(), &self.info.shared.action);
        f.debug_struct("Item").field("slot", &slot).field("action", action).finish_non_exhaustive()
    }
}
