//! [`Request`], a request whose body is there, and its decoding into items. The host calls it, on the thread that read the body
//! or on the pool.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    deadline, encode,
    erased::{DecodeOptions, Items, check_selection, panic_error},
    job::ResponseContext,
    scope::RequestScope,
    shared::Shared,
    state::SHUTTING_DOWN,
    typed::TypedRequest,
};
use crate::{
    error::{Error, Rejection, Result},
    inflight::RequestToken,
    protocol::{BodyFormat, Meter, Protocol, TranslatedRequest},
};

/// A request to decode, on this thread or on the pool.
pub(super) struct Request {
    pub(super) shared: Arc<Shared>,
    pub(super) token: Arc<RequestToken>,
    pub(super) payload: RequestPayload,
    pub(super) arrived: Instant,
}

/// The payload of a request.
pub(crate) enum RequestPayload {
    /// A body, with its format according to the headers.
    Body(Bytes, BodyFormat),
    /// The value of a call within this process.
    Value(Box<TypedRequest>),
    /// A body of another protocol, which has been read.
    #[cfg_attr(not(feature = "openai"), expect(dead_code, reason = "only OpenAI's API makes it"))]
    Translated(Box<TranslatedRequest>),
}

impl RequestPayload {
    /// Returns the length of the body in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            RequestPayload::Body(body, _) => body.len(),
            RequestPayload::Value(_) => 0,
            RequestPayload::Translated(translated) => translated.body.len(),
        }
    }
}

/// A decoded request.
pub(super) struct Prepared {
    pub(super) items: Items,
    /// Set if some item has a key.
    pub(super) has_keys: bool,
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
        let bytes = self.payload.len();
        let format = match &self.payload {
            RequestPayload::Body(_, format) => format,
            RequestPayload::Value(_) => return true,
            RequestPayload::Translated(_) => return bytes <= SMALL_JSON,
        };
        match format.json_length {
            Some(json) if self.shared.spec().element.is_none() => json <= SMALL_JSON && bytes <= SMALL_TENSORS,
            _ => bytes <= SMALL_JSON,
        }
    }

    /// Decodes the request. Returns its ID also if it is invalid.
    pub(super) fn prepare(mut self, request_id: Option<Arc<str>>) -> (Arc<str>, Result<Prepared>) {
        let mut id = request_id;
        let decode = AssertUnwindSafe(|| self.decode(&mut id));
        let decoded = std::panic::catch_unwind(decode);
        let decoded = decoded.unwrap_or_else(|panic| Err(panic_error("decoding a request", &*panic)));
        (id.unwrap_or_else(|| self.shared.ids.fresh()), decoded)
    }

    fn decode(&mut self, id: &mut Option<Arc<str>>) -> Result<Prepared> {
        if self.token.is_gone() {
            return Err(Error::cancelled());
        }
        let model = self.shared.model().ok_or_else(|| Error::unavailable(SHUTTING_DOWN))?;
        let meter = Meter::new(&*self.token);
        let options = DecodeOptions::of(&self.shared.options);
        let mut items = Items::new(&self.shared.discards);
        let mut form = None;
        let (body, mut request, protocol) = match &mut self.payload {
            RequestPayload::Body(body, format) => {
                let decoded = format.decode_metered(body, self.shared.accepts(), &meter);
                let (request, protocol) = decoded.map_err(|fault| meter.refused(fault))?;
                (&*body, request, protocol)
            }
            RequestPayload::Translated(translated) => {
                // From here on the meter holds it.
                self.token.discharge(translated.memory);
                meter.reserve(translated.memory)?;
                form = Some(translated.form.clone());
                (&translated.body, std::mem::take(&mut translated.request), Protocol::OpenAiV1)
            }
            RequestPayload::Value(request) => {
                let id = id.get_or_insert_with(|| self.shared.ids.fresh()).clone();
                let scope = RequestScope::of_request(&self.shared.model_name, &id, self.token.trace_id());
                let default_admit = scope.run(|| model.admit_value(request, &self.token, options, &mut items))?;
                self.shared.default_admit.store(default_admit, Ordering::Relaxed);
                let context =
                    ResponseContext { id, protocol: Protocol::V2Kserve, requested: Vec::new(), binary: false, form };
                let has_keys = items.iter().any(|item| item.key().is_some());
                return Ok(Prepared { items, has_keys, context, unwritable_inputs: None });
            }
        };
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
        let id = id.get_or_insert_with(|| self.shared.ids.fresh()).clone();
        let scope = RequestScope::of_request(&self.shared.model_name, &id, self.token.trace_id());
        let decoded = scope.run(|| model.decode(request, &self.token, &meter, options, &mut items))?;
        if body.is_unique() {
            // No item refers to the body, which is dropped with the request.
            self.token.discharge(body.len());
        }
        meter.finish(decoded.payload_memory)?;
        self.shared.default_admit.store(decoded.default_admit, Ordering::Relaxed);
        let context = ResponseContext { id, protocol, requested, binary, form };
        Ok(Prepared { items, has_keys: decoded.has_keys, context, unwritable_inputs })
    }
}
