//! [`ErasedModel`], the object-safe form of [`Model`] that the runtime holds.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use futures_util::{FutureExt, future::LocalBoxFuture};
use smallvec::{SmallVec, smallvec};

use super::{
    decoders::pass_turn,
    discard::{Discard, drop_caught},
    options::HostOptions,
    typed::{TypedOutput, TypedRequest},
};
use crate::{
    device::Device,
    error::{Error, ErrorKind, Expected, Rejection, Result, quoted},
    inflight::RequestToken,
    input::{DecodeContext, Input, Modality, Slot, Unit},
    model::{
        Attachments, Batch, BatchCost, ErrorLocation, Item, ItemInfo, LoadCommon, LoadContext, ModalityOf, Model,
        PayloadOf, ScratchPool, SharedInfo, Spec, Worker,
    },
    output::{EncodeContext, EncodedOutput, Output},
    protocol::{EncodeError, InferInput, InferRequest, Meter, Parameters, WantedOutput, block},
    settings::OutputLayout,
    signature,
    tasks::Embedding,
};

/// An [`Item`] whose value type only its model knows. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ErasedItem {
    value: Arc<dyn Any + Send + Sync>,
    attached: Attachments,
    info: ItemInfo,
    pub(super) cost: BatchCost,
    /// Lets the next item of its key run once it is dropped: after the call, or with the item.
    pub(super) turn: Option<Arc<dyn Any + Send + Sync>>,
}

impl ErasedItem {
    pub(super) fn remove_key(&mut self) {
        self.info.key = None;
    }

    /// Returns the key of items that run one at a time.
    pub(super) fn key(&self) -> Option<&Arc<str>> {
        self.info.key.as_ref()
    }
}

/// Items of one request.
pub(crate) type Items = super::discard::Items<ErasedItem>;

impl Discard for ErasedItem {
    fn release(&mut self) {
        drop(self.turn.take());
    }

    fn discard(self) {
        // The memory of the item, which its token holds, stays charged until its values are dropped.
        let ErasedItem { value, attached, info, .. } = self;
        drop_caught(value);
        drop_caught(attached);
        drop_caught(info);
    }
}

/// The memory of an item's output, in bytes, that is charged with the item. Larger outputs are charged for the rest.
const SMALL_OUTPUT: usize = 64;

/// Returns the memory of an item in the queue and of its output, in bytes, beside what the value and a larger output own.
fn item_memory<I>() -> usize {
    size_of::<ErasedItem>()
        + block(2 * size_of::<usize>() + size_of::<I>())
        + size_of::<Option<ItemOutput>>()
        + SMALL_OUTPUT
}

/// The settings that decoding depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecodeOptions {
    pub(crate) max_pixels: u64,
    pub(crate) max_text: u64,
    pub(crate) score_threshold: f32,
}

impl DecodeOptions {
    pub(super) fn of(options: &HostOptions) -> Self {
        let &HostOptions { max_pixels, max_text, score_threshold, .. } = options;
        DecodeOptions { max_pixels, max_text, score_threshold }
    }
}

/// The properties of a worker that a call of `infer` uses.
pub(crate) struct WorkerContext {
    pub(crate) device: Device,
    pub(crate) scratch: Rc<ScratchPool>,
    pub(crate) layout: Option<OutputLayout>,
}

/// The properties of decoded items.
pub(crate) struct Decoded {
    /// Set if `admit` is the default, so that decoding runs no code of the author's.
    pub(super) default_admit: bool,
    /// Set if some item has a key.
    pub(super) has_keys: bool,
    /// The memory of the payloads that the items were decoded from, which the meter still holds.
    pub(super) payload_memory: usize,
}

/// The result of one item.
pub(crate) struct ItemOutput {
    pub(super) info: ItemInfo,
    pub(super) output: Result<EncodedOutput>,
}

/// A loaded model of any type.
#[async_trait(?Send)]
pub(crate) trait ErasedModel: Send + Sync {
    fn spec(&self) -> &Spec;

    /// Returns `true` if the input type is cheap enough to decode a small request on an I/O thread.
    fn decodes_inline(&self) -> bool;

    /// Decodes the items of a request, whose memory the meter holds, into a list. In the end the meter holds the memory of
    /// the items, and of payloads that are gone.
    fn decode(
        &self,
        request: InferRequest,
        token: &Arc<RequestToken>,
        meter: &Meter<'_>,
        options: DecodeOptions,
        items: &mut Items,
    ) -> Result<Decoded>;

    /// Adds the item of a request of this process to a list. Returns `true` if `admit` is the default.
    fn admit_value(
        &self,
        request: &TypedRequest,
        token: &Arc<RequestToken>,
        options: DecodeOptions,
        items: &mut Items,
    ) -> Result<bool>;

    /// Runs a batch and returns one result for each item.
    ///
    /// # Errors
    /// Fails if the batch as a whole fails: `infer` returned an error, panicked or returned a wrong number of outputs.
    async fn infer(&self, items: Vec<ErasedItem>, cx: &WorkerContext) -> Result<Vec<ItemOutput>>;

    async fn warm_up(&self, worker: &Worker) -> Result<()>;

    async fn health(&self) -> Result<()>;
}

/// A function that loads a model. Called once for each device, on the thread of its first worker.
pub(crate) type Loader = Arc<dyn Fn(LoadCommon) -> LocalBoxFuture<'static, Result<Arc<dyn ErasedModel>>> + Send + Sync>;

/// Returns a loader that calls [`Model::load`].
pub(crate) fn loader<M: Model>(settings: M::Settings, spec: Spec) -> Loader {
    let settings = Arc::new(settings);
    Arc::new(move |common| {
        let (settings, spec) = (settings.clone(), spec.clone());
        async move {
            let context = LoadContext::new(settings, common);
            let model = M::load(&context).await?;
            Ok(Arc::new(TypedModel::new(model, spec)?) as Arc<dyn ErasedModel>)
        }
        .boxed_local()
    })
}

/// Returns a loader for a model that already exists.
pub(crate) fn instance<M: Model>(model: M, spec: Spec) -> Loader {
    let model = TypedModel::new(model, spec).map(|model| Arc::new(model) as Arc<dyn ErasedModel>);
    let all = model.as_ref().ok().map(Arc::downgrade);
    let first = Mutex::new(Some(model));
    Arc::new(move |_| {
        // Workers own the model and drop it. The workers of all devices share it.
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let model = first.or_else(|| Some(Ok(all.as_ref()?.upgrade()?)));
        async { model.unwrap_or_else(|| Err("the engine has shut down".into())) }.boxed_local()
    })
}

/// Runs an author's code and converts a panic into an error.
pub(super) async fn catch_panic<T>(what: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => Err(panic_error(what, &*panic)),
    }
}

/// Returns an error that reports a panic.
pub(super) fn panic_error(what: &str, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    PanicError(format!("{what} panicked: {}", text.unwrap_or("no message"))).into()
}

/// A panic of an author's code.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct PanicError(String);

struct TypedModel<M: Model> {
    model: M,
    spec: Spec,
    default_action: Arc<str>,
}

impl<M: Model> TypedModel<M> {
    /// Creates a model with the signature of its own.
    ///
    /// # Errors
    /// Returns an error if the author's `signature` panics.
    fn new(model: M, spec: Spec) -> Result<Self> {
        let signature = std::panic::catch_unwind(AssertUnwindSafe(|| model.signature()));
        let spec = match signature.map_err(|panic| panic_error("`signature`", &*panic))? {
            Some(signature) => spec.signed(signature),
            None => spec,
        };
        let default_action = spec.default_action().into();
        Ok(TypedModel { model, spec, default_action })
    }

    /// Returns what the items of an input share.
    ///
    /// # Errors
    /// Rejects an action that the model does not declare.
    fn share(
        &self,
        name: &Arc<str>,
        parameters: &Parameters,
        location: ErrorLocation,
        token: &Arc<RequestToken>,
        options: DecodeOptions,
    ) -> Result<Arc<SharedInfo>> {
        Ok(Arc::new(SharedInfo {
            name: name.clone(),
            action: self.action(parameters.shared_action())?,
            score_threshold: parameters.score_threshold().unwrap_or(options.score_threshold),
            parameters: parameters.clone(),
            token: token.clone(),
            location,
        }))
    }

    /// Decodes an item that holds this memory beside its own.
    fn decode_item(
        &self,
        info: ItemInfo,
        payload: PayloadOf<M>,
        memory: usize,
        cx: &DecodeContext<'_>,
    ) -> Result<(ErasedItem, bool)> {
        let before = if <ModalityOf<M> as Modality>::ELEMENT.is_none() { 0 } else { cx.meter().held() };
        let value = M::Input::decode(payload, cx).inspect_err(|_| cx.meter().forget(before))?;
        cx.meter().settle(before, value.memory() + item_memory::<M::Input>() + memory)?;
        self.admit(value, info).inspect_err(|_| cx.meter().forget(before))
    }

    /// Returns the action of an item.
    fn action(&self, requested: Option<&Arc<str>>) -> Result<Arc<str>> {
        let Some(action) = requested else { return Ok(self.default_action.clone()) };
        if !self.spec.actions.is_empty() && !self.spec.actions.iter().any(|known| **known == **action) {
            let known = self.spec.actions.join("', '");
            let fault = Expected::new(format!("one of '{known}'"), quoted(action));
            return Err(Error::rejected(fault).at("parameters.action"));
        }
        Ok(action.clone())
    }

    /// Calls the author's `admit` for an item. Also returns `true` if it is the default.
    fn admit(&self, value: M::Input, info: ItemInfo) -> Result<(ErasedItem, bool)> {
        let mut item = Item::new(value, info);
        let cost = self.model.admit(&mut item)?;
        let default_admit = item.has_default_admit();
        let (value, info, attached) = item.into_parts();
        Ok((ErasedItem { value, attached, info, cost, turn: None }, default_admit))
    }
}

#[async_trait(?Send)]
impl<M: Model> ErasedModel for TypedModel<M> {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn decodes_inline(&self) -> bool {
        M::Input::INLINE
    }

    fn decode(
        &self,
        request: InferRequest,
        token: &Arc<RequestToken>,
        meter: &Meter<'_>,
        options: DecodeOptions,
        items: &mut Items,
    ) -> Result<Decoded> {
        if !self.spec.inputs.is_empty() {
            signature::check_request(&self.spec.inputs, &request)?;
        }
        let cx = DecodeContext::metered(options.max_pixels, options.max_text, &self.spec.inputs, meter);
        let is_request = <ModalityOf<M> as Modality>::ELEMENT.is_none();
        if !is_request {
            meter.keep(request.inputs.iter().map(InferInput::kept_memory).sum());
        }
        let payloads = <ModalityOf<M> as Modality>::split(request, &cx).map_err(|fault| meter.refused(fault))?;
        let inputs = payloads.last().map_or(0, |(slot, ..)| slot.input + 1);
        let mut several: SmallVec<[bool; 16]> = smallvec![false; inputs];
        for (slot, ..) in &payloads {
            several[slot.input] |= slot.element > 0;
        }
        meter.reserve(payloads.len().saturating_mul(size_of::<ErasedItem>()))?;
        // The payload of a request is the request itself, whose memory the item holds.
        let payload_memory = if is_request { 0 } else { meter.held() };
        items.reserve(payloads.len());
        let mut decoded = Decoded { default_admit: true, has_keys: false, payload_memory };
        let mut faults = Vec::new();
        let mut last: Option<Arc<SharedInfo>> = None;
        for (index, (slot, parameters, payload)) in payloads.into_iter().enumerate() {
            if index > 0 {
                // Others may wait for this decoder.
                pass_turn();
            }
            if token.is_gone() {
                return Err(Error::cancelled());
            }
            let location = match <ModalityOf<M> as Modality>::unit(&payload) {
                Unit::Request => ErrorLocation::Request,
                Unit::Element if several[slot.input] => ErrorLocation::Element,
                Unit::Element => ErrorLocation::Input,
                Unit::MatrixRow => ErrorLocation::MatrixRow,
                Unit::TableRow => ErrorLocation::TableRow,
            };
            let known = last.take().filter(|last| last.is_of(&slot.name, &parameters, location));
            let memory = if known.is_some() { 0 } else { SharedInfo::MEMORY };
            let shared = known.map_or_else(|| self.share(&slot.name, &parameters, location, token, options), Ok);
            let decoded_item = shared.and_then(|shared| {
                last = Some(shared.clone());
                let Slot { input, element, origin, .. } = slot;
                let info = ItemInfo { shared, index, input, element, origin, key: None };
                self.decode_item(info, payload, memory, &cx)
            });
            match decoded_item {
                Ok((item, default_admit)) => {
                    decoded.default_admit &= default_admit;
                    decoded.has_keys |= item.key().is_some();
                    items.push_back(item);
                }
                Err(error) => {
                    let error = location.prefix(&slot, meter.refused(error));
                    match (error.kind(), error.public_message()) {
                        // A fault that all rows share is reported once.
                        (ErrorKind::Rejected, Some(text)) if faults.last() == Some(&text) => {}
                        (ErrorKind::Rejected, Some(text)) => {
                            meter.reserve(block(text.len()) + 2 * size_of::<String>())?;
                            faults.push(text);
                        }
                        _ => return Err(error),
                    }
                }
            }
        }
        Rejection::all(&faults)?;
        Ok(decoded)
    }

    fn admit_value(
        &self,
        request: &TypedRequest,
        token: &Arc<RequestToken>,
        options: DecodeOptions,
        items: &mut Items,
    ) -> Result<bool> {
        let value = request.take::<M>()?;
        let action = self.action(request.action.as_ref())?;
        token.charge(value.memory() + item_memory::<M::Input>())?;
        let Slot { name, input, element, origin } = Slot::only();
        let shared = SharedInfo {
            name,
            action,
            score_threshold: request.score_threshold.unwrap_or(options.score_threshold),
            parameters: Parameters::default(),
            token: token.clone(),
            location: ErrorLocation::Request,
        };
        let shared = Arc::new(shared);
        let info = ItemInfo { shared, index: 0, input, element, origin, key: None };
        let (item, default_admit) = self.admit(value, info)?;
        items.push_back(item);
        Ok(default_admit)
    }

    async fn infer(&self, items: Vec<ErasedItem>, cx: &WorkerContext) -> Result<Vec<ItemOutput>> {
        let count = items.len();
        let mut infos: SmallVec<[ItemInfo; 1]> = SmallVec::with_capacity(count);
        let mut typed = Vec::with_capacity(count);
        // Until the call is done.
        let mut turns: SmallVec<[_; 1]> = SmallVec::new();
        for item in items {
            if let Some(turn) = item.turn {
                turns.push(turn);
            }
            let Ok(value) = item.value.downcast::<M::Input>() else {
                return Err("the item belongs to another model".into());
            };
            infos.push(item.info.clone());
            typed.push(Item::from_parts(value, item.info, item.attached, cx.device.clone()));
        }
        let batch = Batch::from_parts(typed, cx.device.clone(), cx.scratch.clone());
        let outputs = catch_panic("`infer`", self.model.infer(batch)).await.map_err(|error| match &infos[..] {
            // The error of a batch with one item is about that item, unless the author has named a location.
            [info] => info.locate(error),
            _ => error,
        })?;
        if outputs.len() != count {
            return Err(format!(
                "`infer` returned {} outputs for a batch of {count} items; expected one per item, in order",
                outputs.len()
            )
            .into());
        }
        drop(turns);
        let outputs = outputs.into_iter().zip(infos);
        Ok(outputs.map(|(output, info)| ItemOutput { output: self.encode(output, &info, cx), info }).collect())
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        self.model.warm_up(worker).await
    }

    async fn health(&self) -> Result<()> {
        self.model.health().await
    }
}

impl<M: Model> TypedModel<M> {
    fn encode(&self, output: M::Output, info: &ItemInfo, cx: &WorkerContext) -> Result<EncodedOutput> {
        let Some(output) = TypedOutput::leave(&info.shared.token, output) else {
            return Ok(EncodedOutput::Tensors(Vec::new()));
        };
        let tokens = Embedding::tokens_of(&output);
        if tokens > 0 {
            info.shared.token.count_tokens(tokens);
        }
        let context = EncodeContext::new(&info.shared.action).layout(cx.layout);
        let encode = AssertUnwindSafe(|| output.encode(&context));
        let encoded: EncodedOutput = match std::panic::catch_unwind(encode) {
            Ok(Ok(output)) => output.into(),
            Ok(Err(error)) => {
                let error = match error.inner().downcast_ref::<EncodeError>() {
                    Some(unwritable @ EncodeError::NotFinite(_)) => Error::unwritable(unwritable),
                    _ => error,
                };
                return Err(info.locate(error));
            }
            Err(panic) => return Err(panic_error("`encode`", &*panic)),
        };
        if let EncodedOutput::Tensors(tensors) = &encoded
            && !self.spec.outputs.is_empty()
        {
            signature::check_outputs(&self.spec.outputs, tensors)?;
        }
        let memory = encoded.memory();
        if memory > SMALL_OUTPUT {
            info.shared.token.charge(memory - SMALL_OUTPUT)?;
        }
        Ok(encoded)
    }
}

/// Checks the names of the requested outputs, if the engine declares its outputs.
///
/// # Errors
/// Rejects an unknown name and a repeated name.
pub(super) fn check_selection(spec: &Spec, requested: &[WantedOutput]) -> Result<(), Rejection> {
    if spec.outputs.is_empty() {
        return Ok(());
    }
    for (index, WantedOutput { name, .. }) in requested.iter().enumerate() {
        let fault = if !spec.outputs.iter().any(|output| output.name() == *name) {
            let known: Vec<_> = spec.outputs.iter().map(signature::TensorSpec::name).collect();
            Expected::new(format!("one of '{}'", known.join("', '")), quoted(name))
        } else if requested[..index].iter().any(|earlier| earlier.name == *name) {
            Expected::new("each output name once".to_string(), format!("{} twice", quoted(name)))
        } else {
            continue;
        };
        return Err(Rejection::new(fault).at(format_args!("outputs[{index}].name")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Dim, TensorSpec},
        protocol::{DataType, InferRequest, InferResponse},
    };

    /// A model that is never loaded.
    struct Unloaded;

    impl Model for Unloaded {
        type Settings = ();
        type Input = InferRequest;
        type Output = InferResponse;

        async fn load(_: &LoadContext) -> Result<Self> {
            Err("never loaded".into())
        }

        async fn infer(&self, _: Batch<InferRequest>) -> Result<Vec<Self::Output>> {
            Err("never loaded".into())
        }
    }

    #[tokio::test]
    async fn messages_of_outputs_and_panics() {
        let output = |name: &str| TensorSpec::new(name.to_string(), DataType::Fp32, &[Dim::Fixed(1)], "");
        let spec = Spec::new::<Unloaded>().outputs([output("sum"), output("weight")]);
        let requested = |names: &[&str]| -> Vec<_> {
            names.iter().map(|name| WantedOutput { name: (*name).to_string(), binary: None }).collect()
        };
        assert!(check_selection(&spec, &requested(&["weight", "sum"])).is_ok());
        let mut messages = Vec::new();
        for names in [&["mean"][..], &["sum", ""], &["sum", "weight", "sum"]] {
            let fault = check_selection(&spec, &requested(names)).unwrap_err();
            let location = format!("outputs[{}].name: ", names.len() - 1);
            assert!(fault.text().starts_with(&location), "{}", fault.text());
            messages.push(format!("outputs {names:?} → {}", fault.text()));
        }
        let panics =
            catch_panic("`load`", async { if spec.outputs.len() == 2 { panic!("layer {}", 3) } else { Ok(()) } });
        let error = panics.await.unwrap_err();
        assert!(error.inner().is::<PanicError>() && error.public_message().is_none());
        messages.push(format!("a panic → {}", error.log_message()));
        let panics =
            catch_panic("`load`", async { if spec.outputs.len() == 2 { std::panic::panic_any(1) } else { Ok(()) } });
        messages.push(format!("a panic without a message → {}", panics.await.unwrap_err().log_message()));
        insta::assert_snapshot!("outputs_and_panics", messages.join("\n"));
    }
}
