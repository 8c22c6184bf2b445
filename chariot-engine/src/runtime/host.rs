//! [`Host`], a served model: admits requests, has them decoded, queues them for workers and waits for their responses. The
//! server and the engine call it.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch},
    time::Instant,
};

use super::{
    batches::BatchPolicy,
    core_thread::{self, InlineRequest},
    decoders::{Decoders, Slot, Work},
    discard::Discards,
    encode,
    erased::Loader,
    gate::InlineGate,
    heartbeat::Heartbeat,
    ids::Ids,
    job::Job,
    lanes::Lanes,
    options::HostOptions,
    prepare::{Prepared, Request, RequestPayload},
    queue::{PendingArrival, Queue},
    replies::ChargedResponse,
    shared::{Shared, accepts},
    state::{Lifecycle, SHUTTING_DOWN, State, Status},
    worker,
};
use crate::{
    error::{Error, ErrorKind, Result},
    inflight::{Budget, Charge, OverLimit, PartSender, RequestToken, Source},
    model::{LoadCommon, Spec},
    protocol::{Accepts, TraceId},
    telemetry::metrics::{ModelMetrics, Rejected, Snapshot, Stage},
};

/// A served model. Cheap to clone; the workers stop when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Host(Arc<Owner>);

struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

/// A request whose head is admitted and whose body is being received. It holds its memory and no permit, because nobody
/// knows when the body will be there.
pub(crate) struct ArrivingRequest {
    /// Dropped once the request is in the queue or has failed.
    arrival: PendingArrival,
    token: Arc<RequestToken>,
}

impl ArrivingRequest {
    /// Returns the deadline of the request, as far as the settings and the headers set it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.token.deadline()
    }

    /// Returns the request's token.
    pub(crate) fn token(&self) -> Arc<RequestToken> {
        self.token.clone()
    }

    /// Charges bytes of the body to the memory budget.
    ///
    /// # Errors
    /// Returns the limit that they exceed.
    pub(crate) fn charge(&self, bytes: usize) -> std::result::Result<(), OverLimit> {
        self.token.reserve(bytes)
    }
}

/// An admitted request's share of the capacity, released when the request is done.
pub(crate) struct AdmissionPermit {
    permit: OwnedSemaphorePermit,
    arriving: ArrivingRequest,
}

impl AdmissionPermit {
    /// Charges nothing yet, to the same budget: for the parts of a streamed response.
    pub(crate) fn part_charge(&self) -> Charge {
        self.arriving.token.empty_charge()
    }

    /// Returns the request's token, which its decompressed body is charged to.
    pub(crate) fn token(&self) -> Arc<RequestToken> {
        self.arriving.token.clone()
    }

    /// Returns the deadline of the request, as far as the settings and the headers set it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.arriving.token.deadline()
    }
}

/// The reason why a request is not admitted.
#[derive(Debug)]
pub(crate) enum AdmissionError {
    /// The model is not ready, for this public reason.
    NotServing(&'static str),
    /// The queue is full.
    Full,
    /// The request exceeds a memory limit.
    OverLimit(OverLimit),
}

impl AdmissionError {
    /// Returns the reason that the metrics count.
    pub(crate) fn reason(&self) -> Rejected {
        match self {
            AdmissionError::NotServing(_) => Rejected::NotReady,
            AdmissionError::Full => Rejected::QueueFull,
            AdmissionError::OverLimit(OverLimit::Budget) => Rejected::Memory,
            AdmissionError::OverLimit(OverLimit::Request(_)) => Rejected::TooLarge,
        }
    }
}

/// A failed request, with the ID that identifies it in the log and in the response.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) id: Arc<str>,
    pub(crate) error: Error,
}

impl Failure {
    /// Returns the message for the caller.
    pub(crate) fn public_message(&self) -> String {
        let Failure { id, error } = self;
        error.public_message().unwrap_or_else(|| format!("the model failed (request {id})"))
    }
}

/// The work of an engine at one moment.
///
/// ```
/// fn is_idle(engine: &chariot_engine::Engine) -> bool {
///     engine.in_flight().requests == 0
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InFlight {
    /// The number of requests whose bodies have arrived and that have no response.
    pub requests: usize,
    /// The number of these requests with items that wait for a worker.
    pub queued: usize,
    /// The number of running calls of the model.
    pub running: usize,
    /// The memory that requests and their responses hold, in bytes: heads, bodies, the data decoded from them, and responses
    /// until they are sent.
    pub bytes: u64,
}

impl std::iter::Sum for InFlight {
    /// Returns the total of several models.
    fn sum<I: Iterator<Item = InFlight>>(models: I) -> InFlight {
        let none = InFlight { requests: 0, queued: 0, running: 0, bytes: 0 };
        models.fold(none, |sum, model| InFlight {
            requests: sum.requests + model.requests,
            queued: sum.queued + model.queued,
            running: sum.running + model.running,
            bytes: sum.bytes + model.bytes,
        })
    }
}

impl Host {
    /// Starts the workers and returns at once. The first worker of each device loads the model.
    ///
    /// # Errors
    /// Fails if a thread cannot be started.
    ///
    /// # Panics
    /// Panics if called outside a tokio runtime.
    pub(crate) fn start(
        options: HostOptions,
        metrics: Arc<ModelMetrics>,
        spec: Spec,
        loader: Loader,
        common: LoadCommon,
    ) -> std::io::Result<Host> {
        let discards = Discards::new(Handle::current());
        let queue = Arc::new(Queue::new(BatchPolicy {
            max_running: options.max_concurrency,
            wakes_all: options.wakes_all(&spec),
            max_cost: options.batching.max_cost,
            across: options.batching.across,
        }));
        let shared = Arc::new(Shared {
            handle: Handle::current(),
            permits: Arc::new(Semaphore::new(options.capacity())),
            budget: Budget::new(options.max_inflight_bytes, options.max_request_bytes),
            decoders: Decoders::new(available_cores()),
            lanes: Lanes::new(queue.clone(), discards.clone()),
            discards,
            lifecycle: Lifecycle::new(),
            queue,
            loaded: OnceLock::new(),
            default_admit: AtomicBool::new(false),
            has_warned_of_emit: AtomicBool::new(false),
            heartbeats: (0..options.placement.all_workers()).map(|_| Heartbeat::default()).collect(),
            core_heartbeats: (0..options.core_threads).map(|_| Heartbeat::default()).collect(),
            gate: InlineGate::new(options.may_run_inline(&spec)),
            health: options.placement.devices.iter().map(|_| Heartbeat::default()).collect(),
            start: Instant::now(),
            starting: AtomicUsize::new(options.placement.all_workers()),
            closing: AtomicBool::new(false),
            ended: watch::Sender::new(false),
            service_nanos: AtomicU64::new(0),
            ids: Ids::default(),
            declared: (spec.clone(), accepts(&options, &spec)),
            metrics,
            model_name: options.name.as_str().into(),
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
        self.shared().spec()
    }

    /// Returns the accepted bodies and protocols.
    pub(crate) fn accepts(&self) -> &Accepts {
        self.shared().accepts()
    }

    pub(crate) fn metrics(&self) -> &ModelMetrics {
        &self.shared().metrics
    }

    /// Updates the metrics that are only computed for a scrape.
    pub(crate) fn take_snapshot(&self) {
        let InFlight { requests, queued, running, bytes } = self.in_flight();
        let state = self.status().name();
        self.metrics().take(Snapshot { state, in_flight: requests, queued, running, bytes });
    }

    pub(crate) fn in_flight(&self) -> InFlight {
        let (_, running) = self.shared().queue.counts();
        let requests = self.admitted();
        InFlight {
            requests,
            // A request that has been admitted in the meantime is not one of them.
            queued: self.shared().lanes.count().min(requests),
            running,
            bytes: self.shared().budget.used(),
        }
    }

    pub(crate) fn status(&self) -> Status {
        let mut status = self.shared().lifecycle.status();
        if status.state == State::Ready {
            status.stall = self.shared().stall();
        }
        status
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.shared().lifecycle.state() == State::Draining
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.shared().lifecycle.watch()
    }

    /// Admits the head of a request, or returns at once the reason why it is not admitted.
    ///
    /// The timeout runs from `arrived`; `timeout` is the one in the headers. The head takes `head` bytes, and the body will
    /// have at least `declared` bytes. Who waits for the same host takes turns by `source`.
    pub(crate) fn admit(
        &self,
        arrived: Instant,
        timeout: Option<Duration>,
        head: usize,
        declared: u64,
        source: Source,
    ) -> std::result::Result<ArrivingRequest, AdmissionError> {
        match self.shared().lifecycle.state() {
            State::Ready | State::Draining if self.shared().starting.load(Ordering::Acquire) == 0 => {}
            _ => {
                let reason = self.shared().lifecycle.status().not_ready_reason();
                return Err(AdmissionError::NotServing(reason.unwrap_or("the model is not ready")));
            }
        }
        if self.shared().closing.load(Ordering::Acquire) {
            return Err(AdmissionError::NotServing(SHUTTING_DOWN));
        }
        self.shared().budget.check(declared.saturating_add(head as u64)).map_err(AdmissionError::OverLimit)?;
        if self.shared().permits.available_permits() == 0 {
            return Err(AdmissionError::Full);
        }
        let timeout = [self.shared().options.timeout, timeout].into_iter().flatten().min();
        let deadline = timeout.and_then(|timeout| arrived.checked_add(timeout));
        let token = Arc::new(RequestToken::new(deadline, &self.shared().budget, source));
        token.reserve(head).map_err(AdmissionError::OverLimit)?;
        Ok(ArrivingRequest { arrival: self.shared().queue.announce(), token })
    }

    /// Admits a request whose body is there.
    pub(crate) fn enter(&self, arriving: ArrivingRequest) -> std::result::Result<AdmissionPermit, AdmissionError> {
        let permit = self.shared().permits.clone().try_acquire_owned().map_err(|_| AdmissionError::Full)?;
        Ok(AdmissionPermit { permit, arriving })
    }

    /// Counts a request that is not admitted, and returns its error.
    pub(crate) fn refused(&self, error: &AdmissionError) -> Error {
        self.metrics().rejected(error.reason());
        match error {
            AdmissionError::NotServing(why) => Error::unavailable(*why),
            AdmissionError::Full => Error::unavailable("the queue is full"),
            AdmissionError::OverLimit(limit) => (*limit).into(),
        }
    }

    /// Returns `true` if calls of the model are quick enough to run on core threads soon, as far as is known.
    pub(crate) fn may_run_inline(&self) -> bool {
        self.shared().gate.may_open()
    }

    /// Returns the number of charges that the memory budget has refused so far. While it grows, memory is short.
    pub(crate) fn refusals(&self) -> u64 {
        self.shared().budget.refusals()
    }

    /// Returns the number of seconds after which a retry makes sense, estimated from the admitted requests and the mean
    /// duration of a call.
    pub(crate) fn retry_after(&self) -> u64 {
        let admitted = self.admitted() as u64;
        let nanos = self.shared().service_nanos.load(Ordering::Relaxed).saturating_mul(admitted);
        let seconds = nanos / self.shared().options.max_concurrency.max(1) as u64 / 1_000_000_000;
        seconds.saturating_add(1).min(60)
    }

    /// Returns the number of requests that are admitted and not done.
    fn admitted(&self) -> usize {
        self.shared().options.capacity() - self.shared().permits.available_permits()
    }

    /// Serves a request and returns the encoded response. The ID is the one in the body, else `request_id`, else a new one. The
    /// timeout runs from `arrived`. `parts` receives the parts that the model emits; a response with parts is always JSON.
    ///
    /// # Cancel safety
    /// When the future is dropped, the request leaves the queue and releases its permit. A call of `infer` that awaits is
    /// dropped; one that blocks continues and sees `is_cancelled`.
    pub(crate) async fn infer(
        &self,
        admission: AdmissionPermit,
        payload: RequestPayload,
        request_id: Option<String>,
        arrived: Instant,
        parts: Option<PartSender>,
    ) -> std::result::Result<ChargedResponse, Failure> {
        let token = admission.arriving.token.clone();
        if let Some(parts) = parts {
            token.stream(parts);
        }
        let mut caller = Caller { shared: self.shared(), token: &token, queued: true, left: true, done: false };
        let mut id = request_id.map(Arc::from);
        let request = Request { shared: self.shared().clone(), token: token.clone(), payload, arrived };
        let result = before_deadline(&token, pin!(self.process(request, admission, &mut id))).await;
        // A request whose deadline has passed may still be in the queue; any other request is done.
        caller.queued = matches!(&result, Err(error) if error.kind() == ErrorKind::TimedOut);
        caller.left = false;
        caller.done = result.is_ok();
        if caller.queued {
            self.metrics().deadline_misses.inc();
        }
        drop(caller);
        match result {
            Ok(response) => {
                if let Some(id) = id {
                    token.progress().set_id(id);
                }
                Ok(response)
            }
            Err(error) => {
                let failure = self.failure(id, token.trace_id(), error);
                token.progress().set_id(failure.id.clone());
                Err(failure)
            }
        }
    }

    /// Records the time that a stage of a request took.
    fn took(&self, token: &RequestToken, stage: Stage, time: Duration) {
        self.metrics().took(stage, time);
        token.progress().took(stage, time);
    }

    /// Runs work on a request or its response on the pool, in turns with others. Unlike a model, the work must always finish.
    /// Its token tells it when nobody waits for it any more.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        id: Option<&str>,
        deadline: Option<Instant>,
        of: Work,
        work: impl FnOnce(&RequestToken) -> T + Send + 'static,
    ) -> std::result::Result<T, Failure> {
        let token = Arc::new(RequestToken::new(deadline, &self.shared().budget, of.source));
        let _caller = Caller { shared: self.shared(), token: &token, queued: false, left: false, done: false };
        let own = token.clone();
        let computed = async {
            let slot = self.slot(of).await?;
            self.pooled(slot, move || work(&own)).await
        };
        let result = before_deadline(&token, pin!(computed)).await;
        result.map_err(|error| self.failure(id.map(Arc::from), of.trace, error))
    }

    /// Waits for a slot on the pool.
    async fn slot(&self, work: Work) -> Result<Slot> {
        let slot = self.before_end(self.shared().decoders.slot(work)).await?;
        slot.ok_or_else(|| Error::unavailable(SHUTTING_DOWN))
    }

    /// Runs work on the blocking pool.
    async fn pooled<T: Send + 'static>(&self, slot: Slot, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        Ok(self.before_end(self.shared().handle.spawn_blocking(move || slot.run(work))).await??)
    }

    /// Runs work until the grace period is over.
    async fn before_end<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.ended() => Err(Error::unavailable(SHUTTING_DOWN)),
        }
    }

    /// Waits until the grace period is over: whoever still waits then gets an error.
    pub(crate) async fn ended(&self) {
        // Never fails: the host has the sender.
        let _ = self.shared().ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Returns a new ID of a request.
    #[cfg(feature = "openai")]
    pub(crate) fn fresh_id(&self) -> Arc<str> {
        self.shared().ids.fresh()
    }

    /// Logs the error of a request that has not reached a worker, and returns the failure for its caller.
    #[cfg(feature = "openai")]
    pub(crate) fn unread(&self, id: &Arc<str>, trace: Option<TraceId>, error: Error) -> Failure {
        if let Some(reason) = rejected_as(&error) {
            self.metrics().rejected(reason);
        }
        self.failure(Some(id.clone()), trace, error)
    }

    fn failure(&self, id: Option<Arc<str>>, trace: Option<TraceId>, error: Error) -> Failure {
        let id = id.unwrap_or_else(|| self.shared().ids.fresh());
        self.log(&id, trace, &error);
        Failure { id, error }
    }

    async fn process(
        &self,
        request: Request,
        admission: AdmissionPermit,
        id: &mut Option<Arc<str>>,
    ) -> Result<ChargedResponse> {
        let mut begin = Instant::now();
        let (token, arrived) = (request.token.clone(), request.arrived);
        self.took(&token, Stage::Read, begin - arrived);
        let inline = request.is_small()
            && self.shared().default_admit.load(Ordering::Relaxed)
            && self.shared().model().is_some_and(|model| model.decodes_inline());
        let (request_id, prepared) = if inline {
            request.prepare(id.clone())
        } else {
            let fallback = id.clone();
            let work = Work { source: token.source(), bytes: request.payload.len(), trace: token.trace_id() };
            // In boxes, so that requests that take no slot do not carry the futures.
            let slot = Box::pin(self.slot(work)).await?;
            self.took(&token, Stage::DecodeWait, begin.elapsed());
            begin = Instant::now();
            Box::pin(self.pooled(slot, move || request.prepare(fallback))).await?
        };
        *id = Some(request_id);
        let decoded = Instant::now();
        self.took(&token, Stage::Decode, decoded - begin);
        let Prepared { items, has_keys, context, unwritable_inputs } = prepared.inspect_err(|error| {
            if let Some(reason) = rejected_as(error) {
                self.metrics().rejected(reason);
            }
        })?;
        if has_keys && self.shared().options.placement.devices.len() > 1 {
            // Each device has a model of its own, with states of its own.
            return Err("items with keys need an engine of one device: set CHARIOT_ENGINE_DEVICE to one of them".into());
        }
        let (reply, response) = oneshot::channel();
        let AdmissionPermit { permit, arriving: ArrivingRequest { arrival, .. } } = admission;
        token.progress().set_items(items.len());
        let body_deadline = token.body_deadline();
        let job = Arc::new(Job::new(items.len(), context, token, reply, permit));
        let core = core_thread::current()
            .filter(|core| inline && !has_keys && self.shared().gate.is_open(decoded) && core.may_run());
        if let Some(core) = core {
            core.submit(InlineRequest { shared: self.shared().clone(), job, items, arrival, since: decoded });
        } else {
            let pushed = match has_keys {
                true => self.shared().lanes.push(job, items, arrived, decoded),
                false => self.shared().queue.push(job, items, decoded),
            };
            drop(arrival);
            if !pushed {
                return Err(Error::unavailable(SHUTTING_DOWN));
            }
        }
        let response = pin!(async { response.await.unwrap_or_else(|_| Err("the worker sent no response".into())) });
        let response = match body_deadline {
            None => response.await,
            Some(deadline) => {
                tokio::time::timeout_at(deadline, response).await.unwrap_or_else(|_| Err(Error::timed_out()))
            }
        };
        response.map_err(|error| encode::blame(error, unwritable_inputs))
    }

    fn log(&self, id: &str, trace: Option<TraceId>, error: &Error) {
        let (model, trace_id) = (self.name(), trace.map(tracing::field::display));
        match error.kind() {
            ErrorKind::Failed => {
                tracing::error!(model, request = id, trace_id, "model failed: {}", error.log_message())
            }
            ErrorKind::Unavailable => tracing::warn!(model, request = id, trace_id, "{}", error.log_message()),
            ErrorKind::TimedOut => tracing::warn!(model, request = id, trace_id, "request deadline passed"),
            ErrorKind::Rejected | ErrorKind::TooLarge | ErrorKind::Cancelled => {
                tracing::debug!(model, request = id, trace_id, "{}", error.log_message())
            }
        }
    }

    /// Makes readiness fail from now on. Requests are still served.
    pub(crate) fn drain(&self) {
        self.shared().lifecycle.drain();
    }

    /// Admits no more requests, waits up to `grace` for those in flight, and stops. Those that still wait get an error.
    /// Returns their number.
    pub(crate) async fn stop(&self, grace: Duration) -> usize {
        self.shared().lifecycle.drain();
        self.shared().closing.store(true, Ordering::Release);
        let all = u32::try_from(self.shared().options.capacity()).unwrap_or(u32::MAX);
        let done = async {
            // Those whose bodies are being received have no permit yet.
            self.shared().queue.no_arrivals().await;
            self.shared().permits.acquire_many(all).await
        };
        let abandoned = match tokio::time::timeout(grace, done).await {
            Ok(_) => 0,
            Err(_) => self.admitted(),
        };
        self.shared().ended.send_replace(true);
        self.shared().queue.abandon(|| Error::unavailable(SHUTTING_DOWN));
        self.shared().lanes.abandon(|| Error::unavailable(SHUTTING_DOWN));
        self.shared().lifecycle.stop();
        abandoned
    }
}

/// Returns the reason that the metrics count for a request that was not decoded.
fn rejected_as(error: &Error) -> Option<Rejected> {
    match error.kind() {
        ErrorKind::Rejected => Some(Rejected::Invalid),
        ErrorKind::TooLarge => Some(Rejected::TooLarge),
        ErrorKind::Unavailable => Some(Rejected::Memory),
        _ => None,
    }
}

/// Runs work until the deadline of its request.
async fn before_deadline<T>(token: &RequestToken, work: Pin<&mut impl Future<Output = Result<T>>>) -> Result<T> {
    match token.deadline() {
        None => work.await,
        Some(deadline) => match tokio::time::timeout_at(deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(Error::timed_out()),
        },
    }
}

/// The waiting side of a request. Dropping it before the response is there cancels the request.
struct Caller<'a> {
    shared: &'a Shared,
    token: &'a Arc<RequestToken>,
    /// Set if items may still be in the queue.
    queued: bool,
    /// Set if the caller leaves before the response is there.
    left: bool,
    /// Set if all work of the request is done.
    done: bool,
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        if self.done {
            self.token.finish();
        } else {
            self.token.leave();
        }
        if self.left {
            self.shared.metrics.cancellations.inc();
        }
        if self.queued {
            self.shared.remove(self.token);
        }
    }
}

/// Returns the number of cores that this process may use, within the CPU quota of its container.
pub(crate) fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
