//! A model in service: admits requests, decodes them, hands them to workers, and waits for their answers. The server and
//! the engine call it.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch},
    time::Instant,
};

use super::{
    deadline::own_limit,
    hosted::{DecodeOptions, Loader, check_selection, panicked},
    ids::Ids,
    job::Job,
    queue::{Coming, Policy, Queue},
    reply::Head,
    shared::{Heartbeat, HostOptions, InFlight, Shared},
    state::{Lifecycle, State, Status},
    worker,
};
use crate::{
    error::{Error, ErrorKind, Result},
    inflight::{Budget, PartSender, RequestToken},
    model::{LoadCommon, Spec},
    protocol::{Accepts, BodyFormat, DataType, EncodedResponse, TensorMetadata},
    telemetry::metrics::{ModelMetrics, Rejected, Snapshot, Stage},
};

/// Bodies up to this size may be decoded where they were read, if nothing of the author's own takes part: it is a matter
/// of microseconds.
const INLINE_DECODE: usize = 16 * 1024;

/// A model in service. Cheap to clone; when the last clone is dropped, the workers end.
#[derive(Clone)]
pub(crate) struct Host(Arc<Owner>);

struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

/// A request's place among those admitted; it is free again when the request is done.
pub(crate) struct AdmissionPermit {
    permit: OwnedSemaphorePermit,
    /// Until it stands in the queue, or comes to nothing.
    coming: Coming,
    token: Arc<RequestToken>,
}

impl AdmissionPermit {
    /// The request holds more bytes: of its body, as it comes.
    ///
    /// # Errors
    /// There is no room for them.
    pub(crate) fn charge(&self, bytes: usize) -> Result<()> {
        self.token.charge(bytes)
    }

    /// When its caller is told that it took too long, as far as its head says so.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.token.deadline()
    }
}

/// Why a request is not admitted.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The engine does not serve (now).
    NotServing(&'static str),
    /// The queue is full.
    Full,
    /// The requests in flight hold as many bytes as they may.
    OverBudget,
}

/// A request that failed, with the id by which the log and the caller know it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) id: Arc<str>,
    pub(crate) error: Error,
}

impl Host {
    /// Starts the workers, the first of which loads the model. Returns at once.
    ///
    /// # Errors
    /// A thread cannot be started.
    ///
    /// # Panics
    /// It must be called within a tokio runtime.
    pub(crate) fn start(
        options: HostOptions,
        metrics: Arc<ModelMetrics>,
        spec: Spec,
        loader: Loader,
        common: LoadCommon,
    ) -> std::io::Result<Host> {
        let shared = Arc::new(Shared {
            places: Arc::new(Semaphore::new(options.capacity())),
            budget: Budget::new(options.max_inflight_bytes),
            decoders: Arc::new(Semaphore::new(available_cores())),
            lifecycle: Lifecycle::new(),
            queue: Queue::new(Policy {
                max_running: options.max_concurrency,
                wakes_all: options.wakes_all(&spec),
                max_cost: options.batching.max_cost,
                across: options.batching.across,
            }),
            model: OnceLock::new(),
            default_admit: AtomicBool::new(false),
            heartbeats: (0..options.placement.all_workers()).map(|_| Heartbeat::default()).collect(),
            loading: AtomicUsize::new(options.placement.devices.len()),
            closing: AtomicBool::new(false),
            service_nanos: AtomicU64::new(0),
            ids: Ids::default(),
            takes: takes(&options, &spec),
            metrics,
            spec,
            options,
        });
        worker::start(&shared, &loader, &common)?;
        Ok(Host(Arc::new(Owner(shared))))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }

    pub(crate) fn name(&self) -> &str {
        &self.shared().options.name
    }

    pub(crate) fn version(&self) -> &str {
        &self.shared().options.version
    }

    pub(crate) fn spec(&self) -> &Spec {
        &self.shared().spec
    }

    /// What it takes, and of which protocols.
    pub(crate) fn takes(&self) -> &Accepts {
        &self.shared().takes
    }

    pub(crate) fn metrics(&self) -> &ModelMetrics {
        &self.shared().metrics
    }

    /// Takes what is only looked at when figures are scraped.
    pub(crate) fn take_snapshot(&self) {
        let InFlight { requests, queued, running, bytes } = self.in_flight();
        let state = self.status().name();
        self.metrics().take(Snapshot { state, in_flight: requests, queued, running, bytes });
    }

    pub(crate) fn in_flight(&self) -> InFlight {
        let (queued, running) = self.shared().queue.figures();
        InFlight { requests: self.admitted(), queued, running, bytes: self.shared().budget.used() }
    }

    pub(crate) fn status(&self) -> Status {
        let mut status = self.shared().lifecycle.status();
        status.stalled = status.state == State::Ready && self.shared().is_stalled();
        status
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.shared().lifecycle.state() == State::Draining
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.shared().lifecycle.watch()
    }

    /// Gives a request a place, or says at once why there is none.
    ///
    /// Its deadline runs from `arrived`; `limit` is what its head gives it. Its body will have at least `declared` bytes.
    pub(crate) fn admit(
        &self,
        arrived: Instant,
        limit: Option<Duration>,
        declared: u64,
    ) -> std::result::Result<AdmissionPermit, Refusal> {
        match self.shared().lifecycle.state() {
            State::Ready | State::Draining if self.shared().model.get().is_some() => {}
            _ => {
                let why = self.shared().lifecycle.status().why_not_ready();
                return Err(Refusal::NotServing(why.unwrap_or("the engine does not serve")));
            }
        }
        if self.shared().closing.load(Ordering::Acquire) {
            return Err(Refusal::NotServing("the engine is shutting down"));
        }
        if !self.shared().budget.has_room_for(declared) {
            return Err(Refusal::OverBudget);
        }
        match self.shared().places.clone().try_acquire_owned() {
            Ok(permit) => {
                let limit = [self.shared().options.timeout, limit].into_iter().flatten().min();
                let deadline = limit.and_then(|limit| arrived.checked_add(limit));
                let token = Arc::new(RequestToken::new(deadline, &self.shared().budget));
                Ok(AdmissionPermit { permit, coming: self.shared().queue.coming(), token })
            }
            Err(_) => Err(Refusal::Full),
        }
    }

    /// After how many seconds it makes sense to come again: what is admitted, at the measured time a call.
    pub(crate) fn retry_after(&self) -> u64 {
        let admitted = self.admitted() as u64;
        let nanos = self.shared().service_nanos.load(Ordering::Relaxed).saturating_mul(admitted);
        let seconds = nanos / self.shared().options.max_concurrency.max(1) as u64 / 1_000_000_000;
        seconds.saturating_add(1).min(60)
    }

    /// How many requests are admitted and not done.
    fn admitted(&self) -> usize {
        self.shared().options.capacity() - self.shared().places.available_permits()
    }

    /// Answers a request with the response as it is sent. `form` is what its head says of the body. The id is the body's
    /// own, else `request_id`, else a fresh one. The deadline runs from `arrived`. `parts` takes what the model emits; such
    /// an answer is JSON whatever the request says.
    ///
    /// # Cancel safety
    /// When the future is dropped, the request leaves the queue and its place is free; a call of `infer` that awaits is
    /// dropped, one that blocks runs on and sees `is_cancelled`.
    pub(crate) async fn infer(
        &self,
        admission: AdmissionPermit,
        body: Bytes,
        form: BodyFormat,
        request_id: Option<String>,
        arrived: Instant,
        parts: Option<PartSender>,
    ) -> std::result::Result<EncodedResponse, Failure> {
        let token = admission.token.clone();
        if let Some(parts) = parts {
            token.stream(parts);
        }
        let mut caller = Caller { shared: self.shared(), token: &token, waits: true, left: true, answered: false };
        let mut id = request_id.map(Arc::from);
        let request = Request { shared: self.shared().clone(), token: token.clone(), body, form, arrived };
        let result = in_time(&token, self.answer(request, admission, &mut id)).await;
        // The work of a request whose deadline passed may be anywhere; of any other it is done.
        caller.waits = matches!(&result, Err(error) if error.kind() == ErrorKind::TimedOut);
        caller.left = false;
        caller.answered = result.is_ok();
        if caller.waits {
            self.metrics().deadline_misses.inc();
        }
        drop(caller);
        result.map_err(|error| self.failure(id, error))
    }

    /// Runs work on a request or its response that always ends, unlike a model, on the pool. The token tells it when
    /// nobody waits for it any more.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        id: Option<&str>,
        deadline: Option<Instant>,
        work: impl FnOnce(&RequestToken) -> T + Send + 'static,
    ) -> std::result::Result<T, Failure> {
        let token = Arc::new(RequestToken::new(deadline, &self.shared().budget));
        let _caller = Caller { shared: self.shared(), token: &token, waits: false, left: false, answered: false };
        let own = token.clone();
        let result = in_time(&token, self.pooled(move || work(&own))).await;
        result.map_err(|error| self.failure(id.map(Arc::from), error))
    }

    /// Runs work on tokio's pool: as many pieces at once as there are cores.
    async fn pooled<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let permit = self.shared().decoders.clone().acquire_owned().await?;
        let work = move || {
            let _permit = permit;
            work()
        };
        Ok(tokio::task::spawn_blocking(work).await?)
    }

    fn failure(&self, id: Option<Arc<str>>, error: Error) -> Failure {
        let id = id.unwrap_or_else(|| self.shared().ids.fresh());
        self.log(&id, &error);
        Failure { id, error }
    }

    async fn answer(
        &self,
        request: Request,
        admission: AdmissionPermit,
        id: &mut Option<Arc<str>>,
    ) -> Result<EncodedResponse> {
        let begin = Instant::now();
        self.metrics().took(Stage::Read, begin - request.arrived);
        let token = request.token.clone();
        let inline = request.body.len() <= INLINE_DECODE
            && self.shared().default_admit.load(Ordering::Relaxed)
            && self.shared().model.get().and_then(Weak::upgrade).is_some_and(|model| model.decodes_inline());
        let (own_id, prepared) = if inline {
            request.prepare(id.clone())
        } else {
            let fallback = id.clone();
            self.pooled(move || request.prepare(fallback)).await?
        };
        *id = Some(own_id);
        let decoded = Instant::now();
        self.metrics().took(Stage::Decode, decoded - begin);
        let (items, head) = prepared.inspect_err(|error| {
            let reason = match error.kind() {
                ErrorKind::Rejected => Rejected::Invalid,
                ErrorKind::Unavailable => Rejected::Memory,
                _ => return,
            };
            self.metrics().rejected(reason);
        })?;
        let (reply, answered) = oneshot::channel();
        let AdmissionPermit { permit, coming, .. } = admission;
        let own_deadline = token.own_deadline();
        let job = Arc::new(Job::new(items.len(), head, token, reply, permit));
        let pushed = self.shared().queue.push(job, items, decoded);
        drop(coming);
        if !pushed {
            return Err(Error::unavailable("the engine is shutting down"));
        }
        let answered = async { answered.await.unwrap_or_else(|_| Err("the worker gave no answer".into())) };
        match own_deadline {
            None => answered.await,
            Some(deadline) => {
                tokio::time::timeout_at(deadline, answered).await.unwrap_or_else(|_| Err(Error::timed_out()))
            }
        }
    }

    fn log(&self, id: &str, error: &Error) {
        let model = self.name();
        match error.kind() {
            ErrorKind::Failed => {
                tracing::error!(model, request = id, "the engine's model failed: {}", error.log_message())
            }
            ErrorKind::Unavailable => tracing::warn!(model, request = id, "{}", error.log_message()),
            ErrorKind::TimedOut => tracing::warn!(model, request = id, "the deadline of a request has passed"),
            ErrorKind::Rejected | ErrorKind::Cancelled => {
                tracing::debug!(model, request = id, "{}", error.log_message())
            }
        }
    }

    /// Not ready from now on; requests are served on.
    pub(crate) fn drain(&self) {
        self.shared().lifecycle.drain();
    }

    /// Admits nothing more, waits at most `grace` for what is in flight, and stops. Returns how many requests it had to
    /// give up.
    pub(crate) async fn stop(&self, grace: Duration) -> usize {
        self.shared().lifecycle.drain();
        self.shared().closing.store(true, Ordering::Release);
        let all = u32::try_from(self.shared().options.capacity()).unwrap_or(u32::MAX);
        let left = match tokio::time::timeout(grace, self.shared().places.acquire_many(all)).await {
            Ok(_) => 0,
            Err(_) => self.admitted(),
        };
        self.shared().queue.close();
        self.shared().lifecycle.stop();
        left
    }
}

/// What comes of work before the deadline.
async fn in_time<T>(token: &RequestToken, work: impl Future<Output = Result<T>>) -> Result<T> {
    match token.deadline() {
        None => work.await,
        Some(deadline) => match tokio::time::timeout_at(deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(Error::timed_out()),
        },
    }
}

/// The side of a request that waits; when it goes before the answer, the request's work goes with it.
struct Caller<'a> {
    shared: &'a Shared,
    token: &'a Arc<RequestToken>,
    /// Whether the work may still wait in the queue.
    waits: bool,
    /// Whether it goes before the answer.
    left: bool,
    /// Whether all of its work is done.
    answered: bool,
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        if self.answered {
            self.token.answered();
        } else {
            self.token.leave();
        }
        if self.left {
            self.shared.metrics.cancellations.inc();
        }
        if self.waits {
            self.shared.queue.remove(self.token);
        }
    }
}

/// A request that is to be decoded, here or on the pool.
struct Request {
    shared: Arc<Shared>,
    token: Arc<RequestToken>,
    body: Bytes,
    form: BodyFormat,
    arrived: Instant,
}

/// The decoded items, and what the response needs of the request.
type Prepared = (Vec<super::hosted::DynItem>, Head);

impl Request {
    /// Decodes the request; with it comes its id.
    fn prepare(self, request_id: Option<Arc<str>>) -> (Arc<str>, Result<Prepared>) {
        let mut id = request_id;
        let ids = &self.shared.ids;
        let decode = AssertUnwindSafe(|| self.decode(&mut id));
        let decoded = std::panic::catch_unwind(decode);
        let decoded = decoded.unwrap_or_else(|panic| Err(panicked("decoding a request", &*panic)));
        (id.unwrap_or_else(|| ids.fresh()), decoded)
    }

    fn decode(&self, id: &mut Option<Arc<str>>) -> Result<Prepared> {
        if self.token.is_gone() {
            return Err(Error::cancelled());
        }
        let model = self.shared.model.get().and_then(Weak::upgrade);
        let model = model.ok_or_else(|| Error::unavailable("the engine is shutting down"))?;
        let (mut request, protocol) = self.form.decode(&self.body, &self.shared.takes)?;
        if let Some(own) = request.id.take().filter(|own| !own.is_empty()) {
            *id = Some(own.into());
        }
        if let Some(deadline) = own_limit(&request.parameters)?.and_then(|limit| self.arrived.checked_add(limit)) {
            self.token.set_own_deadline(deadline);
            if self.token.is_expired() {
                return Err(Error::timed_out());
            }
        }
        self.token.charge(request.inputs.iter().map(|input| input.data.memory()).sum())?;
        let mut wanted = std::mem::take(&mut request.outputs);
        check_selection(model.spec(), &wanted)?;
        let mut binary = request.binary_outputs;
        if self.token.parts().is_some() {
            // Events are text.
            binary = false;
            wanted.iter_mut().for_each(|output| output.binary = None);
        }
        let options = DecodeOptions {
            max_pixels: self.shared.options.max_pixels,
            score_threshold: self.shared.options.score_threshold,
        };
        let decoded = model.decode(request, &self.token, options)?;
        self.shared.default_admit.store(decoded.default_admit, Ordering::Relaxed);
        Ok((
            decoded.items,
            Head { id: id.get_or_insert_with(|| self.shared.ids.fresh()).clone(), protocol, wanted, binary },
        ))
    }
}

/// What an engine of these options takes.
fn takes(options: &HostOptions, spec: &Spec) -> Accepts {
    let alone = match &spec.inputs[..] {
        [only] => Some(only.metadata()),
        // An item, or whatever an engine makes of bytes that takes anything.
        [] => Some(TensorMetadata::new(spec.element.unwrap_or_default(), DataType::Bytes, [1])),
        _ => None,
    };
    Accepts {
        protocol: options.protocol,
        items: spec.element.is_some() && spec.inputs.is_empty(),
        raw_items: spec.raw,
        single_input: alone,
    }
}

/// The cores that this process may use; a container's CPU quota counts.
pub(crate) fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
