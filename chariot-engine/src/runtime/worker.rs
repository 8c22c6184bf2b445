//! The threads that load a model and run it. The host starts them; they stop when the queue is closed and empty.

use std::{
    future::poll_fn,
    io,
    panic::AssertUnwindSafe,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use smallvec::smallvec;

use futures_util::{
    FutureExt, StreamExt,
    future::{Fuse, FusedFuture},
    stream::FuturesUnordered,
};
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, error::TrySendError},
    time::Instant,
};

use super::{
    batches::{BatchSlice, NextBatch, PerRequest},
    block_on::block_on,
    discard::forget_panic,
    encode,
    erased::{ErasedItem, ErasedModel, ItemOutput, Items, Loader, PanicError, WorkerContext, catch_panic},
    heartbeat::Heartbeat,
    options::Placement,
    queue::RunPermit,
    replies::ChargedResponse,
    scope::RequestScope,
    shared::Shared,
    warm_up::warm_up,
};
use crate::{
    device::{Device, DeviceFault, classify},
    error::{Error, ErrorKind, Result},
    inflight::{PartSender, set_heartbeat},
    model::{LoadCommon, ScratchPool, set_discarding},
    telemetry::metrics::Stage,
};

/// The interval between calls of a model's health check.
const HEALTH_INTERVAL: Duration = Duration::from_secs(10);

/// Starts the first worker of each device, which loads the model there and then starts the other workers.
pub(super) fn start(shared: &Arc<Shared>, loader: &Loader, common: &LoadCommon) -> io::Result<()> {
    for (index, device) in shared.options.placement.devices.iter().enumerate() {
        let (own, loader, handle) = (shared.clone(), loader.clone(), Handle::current());
        let common = LoadCommon { device: device.clone(), ..common.clone() };
        let first = index * shared.options.placement.workers;
        spawn(shared, first, move || lead(&own, &loader, common, index, &handle))?;
    }
    Ok(())
}

/// Runs the first worker of a device.
fn lead(shared: &Arc<Shared>, loader: &Loader, common: LoadCommon, index: usize, handle: &Handle) {
    let first = index * shared.options.placement.workers;
    let health = &shared.health[index];
    let device = common.device.clone();
    let load = catch_panic("`load`", async { loader(common).await });
    let model = match block_on(handle, load) {
        Ok(model) => model,
        Err(error) => return fail(shared, &error),
    };
    shared.set_model(&model);
    for index in first + 1..first + shared.options.placement.workers {
        let (own, model, handle, device) = (shared.clone(), model.clone(), handle.clone(), device.clone());
        let started = spawn(shared, index, move || work(&own, &*model, device, index, None, &handle));
        if let Err(error) = started {
            return fail(shared, &Error::from(error).context(format_args!("starting worker {index}")));
        }
    }
    work(shared, &*model, device, first, Some(health), handle);
}

/// Warms a worker up and then serves requests, with a heartbeat around every entry into the model.
fn work(
    shared: &Shared,
    model: &dyn ErasedModel,
    device: Device,
    index: usize,
    health: Option<&Heartbeat>,
    handle: &Handle,
) {
    let cx = WorkerContext { device, scratch: Rc::new(ScratchPool::default()), layout: shared.options.layout };
    if let Err(error) = block_on(handle, warm_up(shared, model, &cx, index)) {
        return fail(shared, &error.context("warming up"));
    }
    if !cx.scratch.is_empty() {
        // The threads that run quick calls have no such values.
        shared.gate.close();
    }
    if shared.starting.fetch_sub(1, Ordering::AcqRel) == 1 {
        ready(shared);
    }
    let heartbeat = &shared.heartbeats[index];
    set_heartbeat(heartbeat.beats());
    let run = || {
        let mut serve = std::pin::pin!(serve(shared, model, &cx, health));
        block_on(
            handle,
            poll_fn(|cx| {
                let _entered = heartbeat.enter();
                serve.as_mut().poll(cx)
            }),
        );
    };
    // Panics of calls are caught where they run. After any other, such as one in the destructor of an author's future, the
    // worker goes on: requests would wait for it.
    while let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(run)) {
        forget_panic(panic);
        shared.metrics.panics.inc();
        tracing::error!(model = shared.options.name, "worker {index} panicked between two calls and goes on");
    }
}

/// Records that all workers are ready.
fn ready(shared: &Shared) {
    let Placement { device_names, threads, .. } = &shared.options.placement;
    let workers = shared.options.placement.all_workers();
    let took = shared.start.elapsed();
    shared.metrics.loaded(took, device_names, workers);
    let (load_ms, url) = (took.as_millis() as u64, &shared.options.infer_url);
    tracing::info!(model = shared.options.name, device = device_names, workers, threads, load_ms, url, "model ready");
    shared.lifecycle.ready();
}

/// Records a failed load, with the complete reason for the log and for whoever waits for the engine.
fn fail(shared: &Shared, error: &Error) {
    let why = error.log_message();
    tracing::error!(model = shared.options.name, "model failed to load: {why}");
    shared.lifecycle.fail(&why);
}

fn spawn(shared: &Arc<Shared>, index: usize, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let threads = shared.options.placement.threads;
    let own = shared.clone();
    let run = move || {
        if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(|| in_pool(threads, run))) {
            forget_panic(panic);
            // Has an effect only before the model is ready.
            fail(&own, &"a worker panicked before it was ready".into());
        }
    };
    std::thread::Builder::new().name(format!("chariot-worker-{index}")).spawn(run)?;
    Ok(())
}

/// Runs a worker inside its own rayon pool, so that candle's parallel sections use this worker's threads and never wait
/// for those of another worker.
#[cfg(feature = "candle")]
pub(super) fn in_pool(threads: usize, run: impl FnOnce()) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build();
    if let Err(error) = &pool {
        tracing::warn!("worker shares its threads with other workers: {error}");
    }
    run();
    // The pool's threads stop when it is dropped, so it must live as long as the worker runs.
    drop(pool);
}

#[cfg(not(feature = "candle"))]
pub(super) fn in_pool(_: usize, run: impl FnOnce()) {
    run();
}

/// Serves requests until the queue is closed and empty. One worker of each device also runs the model's health check.
async fn serve(shared: &Shared, model: &dyn ErasedModel, cx: &WorkerContext, health: Option<&Heartbeat>) {
    let concurrency = model.spec().concurrency;
    let wakes_all = shared.options.wakes_all(model.spec());
    let mut running = FuturesUnordered::new();
    let mut checks = health.map(|heartbeat| (health_checks(), heartbeat));
    let mut checking = std::pin::pin!(Fuse::terminated());
    loop {
        tokio::select! {
            biased;
            Some(ended) = running.next(), if !running.is_empty() => forget_any_panic(ended),
            () = &mut checking => {}
            Some(heartbeat) = next_check(&mut checks) => {
                if checking.is_terminated() {
                    checking.set(check_health(shared, model, heartbeat).fuse());
                } else {
                    let model = &shared.options.name;
                    tracing::error!(model, "model health check still running after {HEALTH_INTERVAL:?}");
                    shared.lifecycle.set_unhealthy(true);
                    checking.set(Fuse::terminated());
                }
            }
            // A health check may block. If other workers can take the next batch, this one takes none during a check.
            next = shared.queue.pop(), if running.len() < concurrency && (wakes_all || checking.is_terminated()) => match next {
                Some((batch, permit)) => {
                    // The worker survives any panic, such as one in the destructor of an author's value.
                    running.push(AssertUnwindSafe(serve_batch(shared, model, cx, batch, permit, false)).catch_unwind());
                }
                None => break,
            },
        }
    }
    while let Some(ended) = running.next().await {
        forget_any_panic(ended);
    }
}

/// Forgets the panic of a call, which the panic hook has logged.
fn forget_any_panic(ended: std::thread::Result<()>) {
    if let Err(panic) = ended {
        forget_panic(panic);
    }
}

/// Waits until a health check is due, and returns its heartbeat. `None` if there are no checks.
async fn next_check<'a>(checks: &mut Option<(mpsc::Receiver<()>, &'a Heartbeat)>) -> Option<&'a Heartbeat> {
    let (due, heartbeat) = checks.as_mut()?;
    due.recv().await?;
    Some(heartbeat)
}

/// Returns a channel that receives a message whenever a health check is due.
///
/// A task of the runtime sends them instead of a timer of the worker: an embedder's runtime may shut down before the worker
/// does, and a timer would panic.
fn health_checks() -> mpsc::Receiver<()> {
    let (due, checks) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(HEALTH_INTERVAL).await;
            if let Err(TrySendError::Closed(())) = due.try_send(()) {
                return;
            }
        }
    });
    checks
}

async fn check_health(shared: &Shared, model: &dyn ErasedModel, heartbeat: &Heartbeat) {
    let mut check = std::pin::pin!(catch_panic("`health`", model.health()));
    let result = poll_fn(|cx| {
        let _entered = heartbeat.enter();
        check.as_mut().poll(cx)
    })
    .await;
    if let Err(error) = &result {
        tracing::error!(model = shared.options.name, "model health check failed: {}", error.log_message());
    }
    shared.lifecycle.set_unhealthy(result.is_err());
}

/// Runs one batch and sends the responses that it completes, on a worker or inline.
pub(super) async fn serve_batch(
    shared: &Shared,
    model: &dyn ErasedModel,
    cx: &WorkerContext,
    batch: NextBatch,
    permit: RunPermit<'_>,
    is_inline: bool,
) {
    let NextBatch { items, slices, held_for, at } = batch;
    let metrics = &shared.metrics;
    for slice in &slices {
        let progress = slice.job.token.progress();
        progress.joined(items.len());
        let Some(waited) = slice.waited else { continue };
        metrics.took(Stage::Queue, waited);
        progress.took(Stage::Queue, waited);
        if !held_for.is_zero() {
            metrics.took(Stage::BatchWait, held_for.min(waited));
        }
    }
    let count = items.len();
    metrics.batch(count);
    let results = tokio::select! {
        biased;
        results = infer(shared, model, cx, items, &slices) => results,
        // Nobody waits for a response, and a model that awaits can be stopped.
        () = all_gone(&slices) => slices.iter().map(|_| Err(Error::cancelled())).collect(),
    };
    set_discarding(false);
    let took = at.elapsed();
    metrics.took(Stage::Infer, took);
    for (index, slice) in slices.iter().enumerate() {
        let others = slices.iter().enumerate().filter(|(other, _)| *other != index);
        let others = others.filter_map(|(_, other)| other.job.token.trace_context());
        slice.job.token.progress().took_call(took, count, others);
    }
    shared.record(took / u32::try_from(slices.len()).unwrap_or(u32::MAX));
    if !model.spec().streaming {
        warn_of_emit(shared, &slices);
    }
    let mut now = at + took;
    let responses: PerRequest<_> =
        slices.iter().zip(results).map(|(slice, result)| finish(shared, slice, result, &mut now)).collect();
    let took = now - at;
    if let Some(suspension) = shared.gate.record(took, is_inline) {
        tracing::info!(
            model = shared.options.name,
            "a call that was quick before took {took:?} on the thread that read its request; calls run on workers for \
             {suspension:?}"
        );
    }
    // The next batch need not wait until the callers have their responses.
    drop(permit);
    for (slice, result) in slices.iter().zip(responses) {
        if matches!(result, Some(Err(_))) {
            // The request has failed, so its other items need not run.
            shared.remove(&slice.job.token);
        }
        slice.job.end(result);
    }
}

/// Encodes the response of a request if its last outputs have arrived, from `now` on, and moves `now` to the end of that.
fn finish(
    shared: &Shared,
    slice: &BatchSlice,
    result: Result<Vec<ItemOutput>>,
    now: &mut Instant,
) -> Option<Result<ChargedResponse>> {
    match result {
        Ok(outputs) => slice.job.fill(outputs).map(|all| {
            let response = encode::encode(&shared.options, &slice.job.response, &slice.job.token, all);
            let begin = std::mem::replace(now, Instant::now());
            shared.metrics.took(Stage::Encode, *now - begin);
            slice.job.token.progress().took(Stage::Encode, *now - begin);
            response
        }),
        Err(error) => Some(Err(handle_device_fault(shared, error))),
    }
}

/// Waits until every caller has gone, and discards the states of the call: dropped midway, it may have left them half updated.
async fn all_gone(slices: &[BatchSlice]) {
    for slice in slices {
        slice.job.token.left().await;
    }
    set_discarding(true);
}

/// Logs a warning, once for each model, if a batch has emitted parts that no caller can receive.
fn warn_of_emit(shared: &Shared, slices: &[BatchSlice]) {
    let has_emitted = slices.iter().any(|slice| slice.job.token.has_dropped_part());
    if has_emitted && !shared.has_warned_of_emit.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            model = shared.options.name,
            "`Item::emit` has no effect: the model does not declare `Spec::streaming`"
        );
    }
}

/// Runs a batch and returns the results for each of its requests.
///
/// If a batch of several requests fails as a whole, each request runs again alone, once, so that only those at fault fail.
async fn infer(
    shared: &Shared,
    model: &dyn ErasedModel,
    cx: &WorkerContext,
    items: Vec<ErasedItem>,
    slices: &[BatchSlice],
) -> PerRequest<Result<Vec<ItemOutput>>> {
    if slices.len() == 1 {
        return smallvec![call(shared, model, cx, items, slices).await];
    }
    let mut spare = Items::on_worker(items.clone());
    match call(shared, model, cx, items, slices).await {
        Ok(outputs) => {
            let mut outputs = outputs.into_iter();
            slices.iter().map(|slice| Ok(outputs.by_ref().take(slice.count).collect())).collect()
        }
        // A retry on a lost device would fail as well.
        Err(error) if classify(error.inner()) == Some(DeviceFault::Lost) => {
            let why = error.log_message();
            slices.iter().map(|_| Err(Error::from(DeviceFault::Lost).context(&why))).collect()
        }
        Err(error) => {
            tracing::warn!(
                model = shared.options.name,
                "batch of {} requests failed, retrying each request alone: {}",
                slices.len(),
                error.log_message()
            );
            let failed = error.log_message();
            let mut results = PerRequest::with_capacity(slices.len());
            for slice in slices {
                let items: Vec<ErasedItem> = spare.drain(..slice.count).collect();
                let token = &slice.job.token;
                results.push(if token.is_gone() {
                    Err(Error::cancelled())
                } else if token.is_expired() {
                    Err(Error::timed_out())
                } else if token.parts().is_some_and(PartSender::has_sent)
                    || items.iter().any(|item| item.turn.is_some())
                {
                    // The caller has already received parts of the first run, or the run has changed the state of a key.
                    Err(failed.clone().into())
                } else {
                    call(shared, model, cx, items, std::slice::from_ref(slice)).await
                });
            }
            results
        }
    }
}

/// Converts an error that a device fault has caused: out of memory makes the request unavailable (503), and a lost device
/// also ends the engine.
fn handle_device_fault(shared: &Shared, error: Error) -> Error {
    let model = &shared.options.name;
    match classify(error.inner()).filter(|_| error.kind() == ErrorKind::Failed) {
        None => error,
        Some(DeviceFault::OutOfMemory) => {
            tracing::warn!(model, "device out of memory during a model call: {}", error.log_message());
            Error::unavailable(DeviceFault::OutOfMemory)
        }
        Some(DeviceFault::Lost) => {
            let why = error.log_message();
            tracing::error!(model, "device lost: {why}");
            shared.lifecycle.lose(&why);
            Error::unavailable(DeviceFault::Lost)
        }
    }
}

/// Calls the model and counts its panics.
async fn call(
    shared: &Shared,
    model: &dyn ErasedModel,
    cx: &WorkerContext,
    items: Vec<ErasedItem>,
    slices: &[BatchSlice],
) -> Result<Vec<ItemOutput>> {
    let scope = RequestScope::of_call(&shared.model_name, slices);
    let result = scope.around(model.infer(items, cx)).await;
    if matches!(&result, Err(error) if error.inner().is::<PanicError>()) {
        shared.metrics.panics.inc();
    }
    result
}

#[cfg(all(test, feature = "candle"))]
mod tests {
    use std::sync::{Barrier, mpsc};

    use super::*;

    #[test]
    fn a_worker_computes_with_its_own_threads() {
        let (done, finished) = mpsc::channel();
        std::thread::spawn(move || {
            in_pool(3, || {
                let all = Barrier::new(3);
                // Returns only if three threads run at the same time.
                rayon::broadcast(|_| all.wait());
                done.send(rayon::current_num_threads()).unwrap();
            });
        });
        assert_eq!(finished.recv_timeout(Duration::from_secs(60)), Ok(3));
    }
}
