//! The threads that load a model and run it. The host starts them; they end when its queue is closed and empty.

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
    driver::drive,
    hosted::{Answered, DynItem, DynModel, Loader, Panicked, WorkerContext, unpanicked},
    queue::{Each, Run, Share, Taken},
    reply,
    shared::Shared,
};
use crate::{
    device::{Device, DeviceFault, classify},
    error::{Error, ErrorKind, Result},
    inflight::PartSender,
    model::{LoadCommon, ScratchPool},
    protocol::EncodedResponse,
    telemetry::metrics::Stage,
};

/// How often a model's own health check is asked.
const HEALTH_INTERVAL: Duration = Duration::from_secs(10);

/// Starts the first worker of every device, which loads the model there and then starts the others.
pub(super) fn start(shared: &Arc<Shared>, loader: &Loader, common: &LoadCommon) -> io::Result<()> {
    for (index, device) in shared.options.placement.devices.iter().enumerate() {
        let (of_worker, loader, handle) = (shared.clone(), loader.clone(), Handle::current());
        let common = LoadCommon { device: device.clone(), ..common.clone() };
        let first = index * shared.options.placement.workers;
        spawn(shared, first, move || lead(&of_worker, &loader, common, first, &handle))?;
    }
    Ok(())
}

/// What the first worker of a device does.
fn lead(shared: &Arc<Shared>, loader: &Loader, common: LoadCommon, first: usize, handle: &Handle) {
    let device = common.device.clone();
    let model = match drive(handle, load(shared, loader, common)) {
        Ok(model) => model,
        Err(error) => return fail(shared, &error),
    };
    for index in first + 1..first + shared.options.placement.workers {
        let (of_worker, model, handle, device) = (shared.clone(), model.clone(), handle.clone(), device.clone());
        let started = spawn(shared, index, move || work(&of_worker, &*model, device, index, false, &handle));
        if let Err(error) = started {
            return fail(shared, &Error::from(error).context(format_args!("starting worker {index}")));
        }
    }
    // What decodes and admits is the same on every device.
    let _ = shared.model.set(Arc::downgrade(&model));
    if shared.loading.fetch_sub(1, Ordering::AcqRel) == 1 {
        shared.lifecycle.ready();
    }
    work(shared, &*model, device, first, true, handle);
}

/// Serves with a model, and tells while it is in the model's hands.
fn work(shared: &Shared, model: &dyn DynModel, device: Device, index: usize, asks_health: bool, handle: &Handle) {
    let heartbeat = &shared.heartbeats[index];
    let mut serve = std::pin::pin!(serve(shared, model, device, asks_health));
    drive(
        handle,
        poll_fn(|cx| {
            heartbeat.beat();
            let poll = serve.as_mut().poll(cx);
            heartbeat.beat();
            poll
        }),
    );
}

/// Ends the start: the log has the whole reason, and whoever waits for the engine too.
fn fail(shared: &Shared, error: &Error) {
    let why = error.log_message();
    tracing::error!(model = shared.options.name, "the model could not be loaded: {why}");
    shared.lifecycle.fail(&why);
}

fn spawn(shared: &Arc<Shared>, index: usize, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let threads = shared.options.placement.threads;
    std::thread::Builder::new().name(format!("chariot-worker-{index}")).spawn(move || in_pool(threads, run))?;
    Ok(())
}

/// Runs a worker inside a rayon pool of its own: candle's parallel sections then use this worker's threads and never
/// wait for those of another.
#[cfg(feature = "candle")]
fn in_pool(threads: usize, run: impl FnOnce()) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build();
    if let Err(error) = &pool {
        tracing::warn!("a worker shares its threads with others: {error}");
    }
    run();
    // Its other threads end with it: while the worker runs, they must stay.
    drop(pool);
}

#[cfg(not(feature = "candle"))]
fn in_pool(_: usize, run: impl FnOnce()) {
    run();
}

async fn load(shared: &Shared, loader: &Loader, common: LoadCommon) -> Result<Arc<dyn DynModel>> {
    let begin = Instant::now();
    let model = unpanicked("`load`", async { loader(common).await }).await?;
    unpanicked("`warm_up`", model.warm_up()).await.map_err(|error| error.context("warming up"))?;
    let took = begin.elapsed();
    shared.metrics.loaded(took);
    let milliseconds = took.as_millis() as u64;
    tracing::info!(model = shared.options.name, milliseconds, url = shared.options.infer_url, "model ready");
    Ok(model)
}

/// Serves requests until the queue is closed and empty. One of the workers asks for the model's health too.
async fn serve(shared: &Shared, model: &dyn DynModel, device: Device, asks_health: bool) {
    let cx = WorkerContext { device, scratch: Rc::new(ScratchPool::default()), layout: shared.options.layout };
    let concurrency = model.spec().concurrency;
    let wakes_all = shared.options.wakes_all(model.spec());
    let mut running = FuturesUnordered::new();
    let mut checks = asks_health.then(health_checks);
    let mut checking = std::pin::pin!(Fuse::terminated());
    loop {
        tokio::select! {
            biased;
            Some(_) = running.next(), if !running.is_empty() => {}
            () = &mut checking => {}
            Some(()) = async { checks.as_mut()?.recv().await } => {
                if checking.is_terminated() {
                    checking.set(check_health(shared, model).fuse());
                } else {
                    checking.set(Fuse::terminated());
                    let model = &shared.options.name;
                    tracing::error!(model, "the model's health check has not ended within {HEALTH_INTERVAL:?}");
                    shared.lifecycle.set_unhealthy(true);
                }
            }
            // A check may block: where others can take the next job, this worker does not wait for one beside it.
            next = shared.queue.pop(), if running.len() < concurrency && (wakes_all || checking.is_terminated()) => match next {
                Some((taken, run)) => {
                    // Whatever panics (a value of the author's that is dropped, say), the worker lives on.
                    running.push(AssertUnwindSafe(answer(shared, model, &cx, taken, run)).catch_unwind());
                }
                None => break,
            },
        }
    }
    while running.next().await.is_some() {}
}

/// Says when the model's health is to be asked. It is a task of the runtime's and no timer of the worker's: an embedder's
/// runtime may end before the worker does, and a timer panics then.
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

async fn check_health(shared: &Shared, model: &dyn DynModel) {
    let result = unpanicked("`health`", model.health()).await;
    if let Err(error) = &result {
        tracing::error!(model = shared.options.name, "the model's health check fails: {}", error.log_message());
    }
    shared.lifecycle.set_unhealthy(result.is_err());
}

/// Runs one batch, and answers the requests of which nothing is left to do.
async fn answer(shared: &Shared, model: &dyn DynModel, cx: &WorkerContext, taken: Taken, run: Run<'_>) {
    let Taken { items, shares, held, at } = taken;
    let metrics = &shared.metrics;
    for waited in shares.iter().filter_map(|share| share.waited) {
        metrics.took(Stage::Queue, waited);
        if !held.is_zero() {
            metrics.took(Stage::BatchWait, held.min(waited));
        }
    }
    metrics.batch(items.len());
    let results = tokio::select! {
        biased;
        results = infer(shared, model, cx, items, &shares) => results,
        // Nobody reads an answer, and a model that awaits can be stopped.
        () = all_gone(&shares, cx) => shares.iter().map(|_| Err(Error::cancelled())).collect(),
    };
    cx.scratch.discard(false);
    let took = at.elapsed();
    metrics.took(Stage::Infer, took);
    shared.record(took / u32::try_from(shares.len()).unwrap_or(u32::MAX));
    let written: Each<_> =
        shares.iter().zip(results).map(|(share, result)| write(shared, share, result, at + took)).collect();
    // Another batch may run before the callers know.
    drop(run);
    for (share, result) in shares.iter().zip(written) {
        if matches!(result, Some(Err(_))) {
            // The request has failed, whatever its other items would have come to.
            shared.queue.remove(&share.job.token);
        }
        share.job.end(result);
    }
}

/// Writes the response of a request, if this was the last that was left to do of it.
fn write(
    shared: &Shared,
    share: &Share,
    result: Result<Vec<Answered>>,
    begin: Instant,
) -> Option<Result<EncodedResponse>> {
    match result {
        Ok(answered) => share.job.fill(answered).map(|all| {
            let written = reply::encode(&shared.options, &share.job.head, all);
            shared.metrics.took(Stage::Encode, begin.elapsed());
            written
        }),
        Err(error) => Some(Err(of_device(shared, error))),
    }
}

/// Ends when every caller has gone. The call is dropped then, in mid-change perhaps, and with it what it had of the
/// worker's scratch values.
async fn all_gone(shares: &[Share], cx: &WorkerContext) {
    for share in shares {
        share.job.token.left().await;
    }
    cx.scratch.discard(true);
}

/// Runs a batch, and says what came of it for each of its requests.
///
/// Where several share it and it fails as a whole, each is run again alone, once: only the one at fault is to suffer.
async fn infer(
    shared: &Shared,
    model: &dyn DynModel,
    cx: &WorkerContext,
    items: Vec<DynItem>,
    shares: &[Share],
) -> Each<Result<Vec<Answered>>> {
    if shares.len() == 1 {
        return smallvec![call(shared, model, cx, items).await];
    }
    let spare = items.clone();
    match call(shared, model, cx, items).await {
        Ok(answered) => {
            let mut answered = answered.into_iter();
            shares.iter().map(|share| Ok(answered.by_ref().take(share.count).collect())).collect()
        }
        // Nothing is gained on a device that is lost.
        Err(error) if classify(error.inner()) == Some(DeviceFault::Lost) => {
            let why = error.log_message();
            shares.iter().map(|_| Err(Error::from(DeviceFault::Lost).context(&why))).collect()
        }
        Err(error) => {
            tracing::warn!(
                "a batch of {} requests failed and is run again one by one: {}",
                shares.len(),
                error.log_message()
            );
            let failed = error.log_message();
            let mut spare = spare.into_iter();
            let mut results = Each::with_capacity(shares.len());
            for share in shares {
                let items: Vec<_> = spare.by_ref().take(share.count).collect();
                let token = &share.job.token;
                results.push(if token.is_gone() {
                    Err(Error::cancelled())
                } else if token.is_expired() {
                    Err(Error::timed_out())
                } else if token.parts().is_some_and(PartSender::has_sent) {
                    // Its caller has read of the first run already.
                    Err(failed.clone().into())
                } else {
                    call(shared, model, cx, items).await
                });
            }
            results
        }
    }
}

/// What an error of a call means, if its device is behind it: a request that was too large for now, or the end of the
/// engine.
fn of_device(shared: &Shared, error: Error) -> Error {
    let model = &shared.options.name;
    match classify(error.inner()).filter(|_| error.kind() == ErrorKind::Failed) {
        None => error,
        Some(DeviceFault::OutOfMemory) => {
            tracing::warn!(model, "the device has no memory left for a call: {}", error.log_message());
            Error::unavailable(DeviceFault::OutOfMemory)
        }
        Some(DeviceFault::Lost) => {
            let why = error.log_message();
            tracing::error!(model, "the device is lost: {why}");
            shared.lifecycle.lose(&why);
            Error::unavailable(DeviceFault::Lost)
        }
    }
}

/// Calls the model.
async fn call(shared: &Shared, model: &dyn DynModel, cx: &WorkerContext, items: Vec<DynItem>) -> Result<Vec<Answered>> {
    let result = model.infer(items, cx).await;
    if matches!(&result, Err(error) if error.inner().is::<Panicked>()) {
        shared.metrics.panics.inc();
    }
    result
}

#[cfg(all(test, feature = "candle"))]
mod tests {
    use std::sync::{Barrier, mpsc};

    use super::*;

    #[test]
    fn a_worker_computes_with_the_threads_that_it_has() {
        let (done, finished) = mpsc::channel();
        std::thread::spawn(move || {
            in_pool(3, || {
                let all = Barrier::new(3);
                // It ends only if three threads are there at once.
                rayon::broadcast(|_| all.wait());
                done.send(rayon::current_num_threads()).unwrap();
            });
        });
        assert_eq!(finished.recv_timeout(Duration::from_secs(60)), Ok(3));
    }
}
