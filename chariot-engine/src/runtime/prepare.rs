//! [`Request`], a request whose body is there, and its decoding into items. The host calls it, on the thread that read the body
//! or on the pool.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Weak, atomic::Ordering},
};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    deadline, encode,
    erased::{DecodeOptions, Items, check_selection, panic_error},
    job::ResponseContext,
    options::HostOptions,
    shared::{SHUTTING_DOWN, Shared},
};
use crate::{
    error::{Error, Rejection, Result},
    inflight::RequestToken,
    input::{Modality, modality},
    model::Spec,
    protocol::{Accepts, BodyFormat, DataType, Meter, TensorMetadata},
};

/// A request to decode, on this thread or on the pool.
pub(super) struct Request {
    pub(super) shared: Arc<Shared>,
    pub(super) token: Arc<RequestToken>,
    pub(super) body: Bytes,
    pub(super) format: BodyFormat,
    pub(super) arrived: Instant,
}

/// A decoded request.
pub(super) struct Prepared {
    pub(super) items: Items,
    pub(super) context: ResponseContext,
    /// The fault of the request if the response is JSON that cannot represent the outputs.
    pub(super) unwritable_inputs: Option<Rejection>,
}

/// The largest JSON that may be decoded on the thread that read it, which takes microseconds if no code of the author's is
/// involved.
const SMALL_JSON: usize = 16 << 10;

/// The largest body with binary tensors that may be decoded there, if they are not split into items: they are checked and not
/// copied, in tens of microseconds.
const SMALL_TENSORS: usize = 1 << 20;

impl Request {
    /// Returns `true` if the request may be decoded on the thread that read it.
    pub(super) fn is_small(&self) -> bool {
        let bytes = self.body.len();
        match self.format.json_length {
            Some(json) if self.shared.spec.element.is_none() => json <= SMALL_JSON && bytes <= SMALL_TENSORS,
            _ => bytes <= SMALL_JSON,
        }
    }

    /// Decodes the request. Returns its ID also if it is invalid.
    pub(super) fn prepare(self, request_id: Option<Arc<str>>) -> (Arc<str>, Result<Prepared>) {
        let mut id = request_id;
        let ids = &self.shared.ids;
        let decode = AssertUnwindSafe(|| self.decode(&mut id));
        let decoded = std::panic::catch_unwind(decode);
        let decoded = decoded.unwrap_or_else(|panic| Err(panic_error("decoding a request", &*panic)));
        (id.unwrap_or_else(|| ids.fresh()), decoded)
    }

    fn decode(&self, id: &mut Option<Arc<str>>) -> Result<Prepared> {
        if self.token.is_gone() {
            return Err(Error::cancelled());
        }
        let model = self.shared.model.get().and_then(Weak::upgrade);
        let model = model.ok_or_else(|| Error::unavailable(SHUTTING_DOWN))?;
        let meter = Meter::new(&*self.token);
        let decoded = self.format.decode_metered(&self.body, &self.shared.accepts, &meter);
        let (mut request, protocol) = decoded.map_err(|fault| meter.refused(fault))?;
        if let Some(own) = request.id.take().filter(|own| !own.is_empty()) {
            *id = Some(own.into());
        }
        let timeout = deadline::from_parameters(&request.parameters)?;
        if let Some(deadline) = timeout.and_then(|timeout| self.arrived.checked_add(timeout)) {
            self.token.set_body_deadline(deadline);
            if self.token.is_expired() {
                return Err(Error::timed_out());
            }
        }
        meter.keep(request.outputs_memory());
        let mut requested = std::mem::take(&mut request.outputs);
        check_selection(model.spec(), &requested)?;
        let mut binary = request.binary_outputs;
        if self.token.parts().is_some() {
            // Server-sent events cannot carry binary data.
            binary = false;
            requested.iter_mut().for_each(|output| output.binary = None);
        }
        let unwritable_inputs = encode::unwritable_inputs(&request.inputs, model.spec(), &requested, binary);
        let options = DecodeOptions {
            max_pixels: self.shared.options.max_pixels,
            score_threshold: self.shared.options.score_threshold,
        };
        let mut items = Items::new(&self.shared.discards);
        let decoded = model.decode(request, &self.token, &meter, options, &mut items)?;
        if self.body.is_unique() {
            // No item refers to the body, which is dropped with the request.
            self.token.discharge(self.body.len());
        }
        meter.finish(decoded.payload_memory)?;
        self.shared.default_admit.store(decoded.default_admit, Ordering::Relaxed);
        let id = id.get_or_insert_with(|| self.shared.ids.fresh()).clone();
        let context = ResponseContext { id, protocol, requested, binary };
        Ok(Prepared { items, context, unwritable_inputs })
    }
}

/// Returns the bodies and protocols that a model with these options accepts.
pub(super) fn accepts(options: &HostOptions, spec: &Spec) -> Accepts {
    let alone = match &spec.inputs[..] {
        [only] => Some(only.metadata()),
        // One item, or raw bytes for an engine that accepts anything.
        [] => Some(TensorMetadata::new(spec.element.unwrap_or_default(), DataType::Bytes, [1])),
        _ => None,
    };
    Accepts {
        protocol: options.protocol,
        items: spec.element.is_some() && spec.inputs.is_empty(),
        raw_items: spec.raw,
        images: spec.element == <modality::Image as Modality>::ELEMENT,
        json_items: spec.element.is_some() && !spec.raw,
        single_input: alone,
    }
}
