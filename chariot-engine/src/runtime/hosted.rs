//! The object-safe twin of [`Model`] that the runtime holds: no type of the model is in it.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use futures_util::{FutureExt, future::LocalBoxFuture};
use smallvec::{SmallVec, smallvec};

use crate::{
    device::Device,
    error::{Error, ErrorKind, Rejection, Result},
    inflight::RequestToken,
    input::{DecodeContext, Input, Modality, Unit},
    model::{
        Attached, Batch, BatchCost, ErrorLocation, Item, ItemInfo, LoadCommon, LoadContext, ModalityOf, Model,
        PayloadOf, ScratchPool, Spec,
    },
    output::{EncodeContext, EncodedOutput, Output},
    protocol::{EncodeError, InferRequest, WantedOutput},
    settings::OutputLayout,
    signature,
};

/// An [`Item`] whose type only its model knows. A handle, as that is.
#[derive(Clone)]
pub(crate) struct DynItem {
    value: Arc<dyn Any + Send + Sync>,
    attached: Option<Attached>,
    info: ItemInfo,
    pub(super) load: BatchCost,
}

/// About how many bytes an item takes beside its value, from here to its answer.
const ITEM: usize = 512;

/// What decoding needs to know of the engine's settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecodeOptions {
    pub(crate) max_pixels: u64,
    pub(crate) score_threshold: f32,
}

/// What a worker lends to a call of `infer`.
pub(crate) struct WorkerContext {
    pub(crate) device: Device,
    pub(crate) scratch: Rc<ScratchPool>,
    pub(crate) layout: Option<OutputLayout>,
}

/// Decoded items, and whether nothing of the author's own ran while they were decoded.
pub(crate) struct Decoded {
    pub(super) items: Vec<DynItem>,
    pub(super) default_admit: bool,
}

/// What became of an item.
pub(crate) struct Answered {
    pub(super) info: ItemInfo,
    pub(super) answer: Result<EncodedOutput>,
}

/// A model in service.
#[async_trait(?Send)]
pub(crate) trait DynModel: Send + Sync {
    fn spec(&self) -> &Spec;

    /// Whether a small request may be decoded on an I/O thread, as far as the input's type is concerned.
    fn decodes_inline(&self) -> bool;

    fn decode(&self, request: InferRequest, token: &Arc<RequestToken>, options: DecodeOptions) -> Result<Decoded>;

    /// One answer an item. An error of the whole is one of the batch: it failed, panicked or gave a wrong count.
    async fn infer(&self, items: Vec<DynItem>, cx: &WorkerContext) -> Result<Vec<Answered>>;

    async fn warm_up(&self) -> Result<()>;

    async fn health(&self) -> Result<()>;
}

/// Loads a model, on the thread of its first worker; once for every device.
pub(crate) type Loader = Arc<dyn Fn(LoadCommon) -> LocalBoxFuture<'static, Result<Arc<dyn DynModel>>> + Send + Sync>;

/// A loader that calls [`Model::load`].
pub(crate) fn loader<M: Model>(settings: M::Settings, spec: Spec) -> Loader {
    let settings = Arc::new(settings);
    Arc::new(move |common| {
        let (settings, spec) = (settings.clone(), spec.clone());
        async move {
            let context = LoadContext::new(settings, common);
            let model = M::load(&context).await?;
            Ok(Arc::new(Hosted::new(model, spec)) as Arc<dyn DynModel>)
        }
        .boxed_local()
    })
}

/// A loader for a model that is there already.
pub(crate) fn instance<M: Model>(model: M, spec: Spec) -> Loader {
    let hosted: Arc<dyn DynModel> = Arc::new(Hosted::new(model, spec));
    let all = Arc::downgrade(&hosted);
    let first = Mutex::new(Some(hosted));
    Arc::new(move |_| {
        // Workers own the model, and drop it. Those of all devices share it.
        let model = first.lock().unwrap_or_else(PoisonError::into_inner).take().or_else(|| all.upgrade());
        async { model.ok_or_else(|| "the engine has stopped".into()) }.boxed_local()
    })
}

/// Runs author's code, and makes an error of its panic.
pub(super) async fn unpanicked<T>(what: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => Err(panicked(what, &*panic)),
    }
}

/// An error that tells of a panic.
pub(super) fn panicked(what: &str, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Panicked(format!("{what} panicked: {}", text.unwrap_or("without a text"))).into()
}

/// That author's code panicked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Panicked(String);

struct Hosted<M: Model> {
    model: M,
    spec: Spec,
    default_action: Arc<str>,
}

impl<M: Model> Hosted<M> {
    fn new(model: M, spec: Spec) -> Self {
        let default_action = spec.default_action().into();
        Hosted { model, spec, default_action }
    }

    fn decode_item(
        &self,
        item: (crate::input::Slot, crate::protocol::Parameters, PayloadOf<M>),
        index: usize,
        location: ErrorLocation,
        token: &Arc<RequestToken>,
        options: DecodeOptions,
    ) -> Result<(DynItem, bool)> {
        let (slot, parameters, part) = item;
        let action: Arc<str> = match parameters.action() {
            Some(action) => {
                if !self.spec.actions.is_empty() && !self.spec.actions.iter().any(|known| known == action) {
                    let known = self.spec.actions.join("', '");
                    let came = crate::error::quoted(action);
                    let text = format_args!("one of '{known}' is expected, {came} came");
                    return Err(Error::rejected(text).at("parameters.action"));
                }
                action.into()
            }
            None => self.default_action.clone(),
        };
        let score_threshold = parameters.score_threshold().unwrap_or(options.score_threshold);
        let cx = DecodeContext { max_pixels: options.max_pixels, signature: &self.spec.inputs };
        let value = M::Input::decode(part, &cx)?;
        token.charge(value.memory())?;
        let info = ItemInfo { index, slot, action, parameters, score_threshold, token: token.clone(), location };
        let mut item = Item::new(value, info);
        let load = self.model.admit(&mut item)?;
        let default_admit = item.has_default_admit();
        let (value, info, attached) = item.into_parts();
        Ok((DynItem { value, attached, info, load }, default_admit))
    }
}

#[async_trait(?Send)]
impl<M: Model> DynModel for Hosted<M> {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn decodes_inline(&self) -> bool {
        M::Input::INLINE
    }

    fn decode(&self, request: InferRequest, token: &Arc<RequestToken>, options: DecodeOptions) -> Result<Decoded> {
        if !self.spec.inputs.is_empty() {
            signature::check_request(&self.spec.inputs, &request)?;
        }
        let parts = <ModalityOf<M> as Modality>::split(request)?;
        token.charge(parts.len().saturating_mul(ITEM))?;
        let inputs = parts.last().map_or(0, |(slot, ..)| slot.input + 1);
        let mut several: SmallVec<[bool; 16]> = smallvec![false; inputs];
        for (slot, ..) in &parts {
            several[slot.input] |= slot.element > 0;
        }
        let mut decoded = Decoded { items: Vec::with_capacity(parts.len()), default_admit: true };
        let mut faults = Vec::new();
        for (index, part) in parts.into_iter().enumerate() {
            if token.is_gone() {
                return Err(Error::cancelled());
            }
            let slot = part.0.clone();
            let location = match <ModalityOf<M> as Modality>::unit(&part.2) {
                Unit::Request => ErrorLocation::Request,
                Unit::Element if several[slot.input] => ErrorLocation::Element,
                Unit::Element => ErrorLocation::Input,
                Unit::MatrixRow => ErrorLocation::MatrixRow,
                Unit::TableRow => ErrorLocation::TableRow,
            };
            match self.decode_item(part, index, location, token, options) {
                Ok((item, default_admit)) => {
                    decoded.default_admit &= default_admit;
                    decoded.items.push(item);
                }
                Err(error) => {
                    let error = location.prefix(&slot, error);
                    match (error.kind(), error.public_message()) {
                        // What is wrong with all rows is told once.
                        (ErrorKind::Rejected, Some(text)) if faults.last() == Some(&text) => {}
                        (ErrorKind::Rejected, Some(text)) => faults.push(text),
                        _ => return Err(error),
                    }
                }
            }
        }
        Rejection::all(&faults)?;
        Ok(decoded)
    }

    async fn infer(&self, items: Vec<DynItem>, cx: &WorkerContext) -> Result<Vec<Answered>> {
        let count = items.len();
        let mut infos: SmallVec<[ItemInfo; 1]> = SmallVec::with_capacity(count);
        let mut typed = Vec::with_capacity(count);
        for item in items {
            let Ok(value) = item.value.downcast::<M::Input>() else {
                return Err("an item of another model came into this model's queue".into());
            };
            infos.push(item.info.clone());
            typed.push(Item::from_parts(value, item.info, item.attached, cx.device.clone()));
        }
        let batch = Batch::from_parts(typed, cx.device.clone(), cx.scratch.clone());
        let outputs = unpanicked("`infer`", self.model.infer(batch)).await.map_err(|error| match &infos[..] {
            // Of one item it is known which one the error is about, unless the author has said so.
            [info] => info.locate(error),
            _ => error,
        })?;
        if outputs.len() != count {
            return Err(format!(
                "`infer` returned {} outputs for a batch of {count} items; it must return one for every item, in order",
                outputs.len()
            )
            .into());
        }
        let answers = outputs.into_iter().zip(infos);
        Ok(answers.map(|(output, info)| Answered { answer: self.encode(output, &info, cx), info }).collect())
    }

    async fn warm_up(&self) -> Result<()> {
        self.model.warm_up().await
    }

    async fn health(&self) -> Result<()> {
        self.model.health().await
    }
}

impl<M: Model> Hosted<M> {
    fn encode(&self, output: M::Output, info: &ItemInfo, cx: &WorkerContext) -> Result<EncodedOutput> {
        let context = EncodeContext::new(&info.action).layout(cx.layout);
        let encode = AssertUnwindSafe(|| output.encode(&context));
        let answer: EncodedOutput = match std::panic::catch_unwind(encode) {
            Ok(Ok(answer)) => answer.into(),
            Ok(Err(error)) => {
                let error = match error.inner().downcast_ref::<EncodeError>() {
                    Some(unwritable @ EncodeError::NotFinite(_)) => Error::unwritable(unwritable),
                    _ => error,
                };
                return Err(info.locate(error));
            }
            Err(panic) => return Err(panicked("encoding an output", &*panic)),
        };
        if let EncodedOutput::Tensors(tensors) = &answer
            && !self.spec.outputs.is_empty()
        {
            signature::check_outputs(&self.spec.outputs, tensors)?;
        }
        Ok(answer)
    }
}

/// Checks the names of the outputs that a request asks for, where the engine declares its outputs.
pub(super) fn check_selection(spec: &Spec, wanted: &[WantedOutput]) -> Result<(), Rejection> {
    if spec.outputs.is_empty() {
        return Ok(());
    }
    for (index, WantedOutput { name, .. }) in wanted.iter().enumerate() {
        let text = if !spec.outputs.iter().any(|output| output.name() == *name) {
            let known: Vec<_> = spec.outputs.iter().map(signature::TensorSpec::name).collect();
            format!("one of '{}' is expected, {} came", known.join("', '"), crate::error::quoted(name))
        } else if wanted[..index].iter().any(|earlier| earlier.name == *name) {
            format!("the name of an output is expected once, {} came twice", crate::error::quoted(name))
        } else {
            continue;
        };
        return Err(Rejection::new(text).at(format_args!("outputs[{index}].name")));
    }
    Ok(())
}
