//! The threads that load a model and run it. The host starts them; they end when its queue is closed and empty.

use std::{
    io,
    panic::AssertUnwindSafe,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt, StreamExt,
    future::{Fuse, FusedFuture},
    stream::FuturesUnordered,
};
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, error::TrySendError},
};

use super::{
    driver::drive,
    hosted::{Answered, DynItem, DynModel, Loader, WorkerContext, unpanicked},
    plan,
    queue::{Job, Run},
    reply,
    shared::Shared,
};
use crate::{
    error::{Error, Result},
    model::{LoadCommon, ScratchPool, Ticket},
};

/// How often a model's own health check is asked.
const HEALTH_INTERVAL: Duration = Duration::from_secs(10);

/// Starts the first worker, which loads the model and then starts the others.
pub(super) fn start(shared: Arc<Shared>, loader: Loader, common: LoadCommon) -> io::Result<()> {
    let handle = Handle::current();
    spawn(&shared.clone(), 0, move || {
        let loaded = drive(&handle, load(&shared, loader, common));
        match loaded {
            Ok(model) => {
                for index in 1..shared.options.placement.workers {
                    let (of_worker, model, handle) = (shared.clone(), model.clone(), handle.clone());
                    let started = spawn(&shared, index, move || drive(&handle, serve(&of_worker, &*model, false)));
                    if let Err(error) = started {
                        fail(&shared, &format!("worker {index} cannot be started: {error}"));
                        return;
                    }
                }
                if shared.model.set(Arc::downgrade(&model)).is_ok() {
                    shared.lifecycle.ready();
                }
                drive(&handle, serve(&shared, &*model, true));
            }
            Err(error) => fail(&shared, &error.chain()),
        }
    })
}

/// Ends the start: the log has the whole reason, and whoever waits for the engine too.
fn fail(shared: &Shared, why: &str) {
    tracing::error!(model = shared.options.name, "the model could not be loaded: {why}");
    shared.lifecycle.fail(why);
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

async fn load(shared: &Shared, loader: Loader, common: LoadCommon) -> Result<Arc<dyn DynModel>> {
    let begin = Instant::now();
    let model = unpanicked("`load`", async { loader(common).await }).await?;
    unpanicked("`warm_up`", model.warm_up()).await.map_err(|error| error.context("warming up"))?;
    let milliseconds = begin.elapsed().as_millis() as u64;
    tracing::info!(model = shared.options.name, milliseconds, "the model is loaded");
    Ok(model)
}

/// Serves requests until the queue is closed and empty. One of the workers asks for the model's health too.
async fn serve(shared: &Shared, model: &dyn DynModel, asks_health: bool) {
    let cx = WorkerContext {
        device: shared.options.placement.device.clone(),
        scratch: Rc::new(ScratchPool::default()),
        layout: shared.options.layout,
    };
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
                Some((job, run)) => {
                    // Whatever panics (a value of the author's that is dropped, say), the worker lives on.
                    running.push(AssertUnwindSafe(answer(shared, model, &cx, job, run)).catch_unwind());
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
        tracing::error!(model = shared.options.name, "the model's health check fails: {}", error.chain());
    }
    shared.lifecycle.set_unhealthy(result.is_err());
}

/// Answers one request. Its place and its run are free when it returns.
async fn answer(shared: &Shared, model: &dyn DynModel, cx: &WorkerContext, job: Job, run: Run<'_>) {
    let Job { items, head, ticket, reply, place } = job;
    if ticket.is_gone() {
        return;
    }
    if ticket.is_expired() {
        drop((place, run));
        let _ = reply.send(Err(Error::timed_out()));
        return;
    }
    let begin = Instant::now();
    let result = tokio::select! {
        biased;
        result = infer(model, cx, items, &ticket) => result.and_then(|answered| {
            reply::encode(&shared.options, &head, answered)
        }),
        // Nobody reads an answer, and a model that awaits can be stopped.
        () = cancelled(&ticket, cx) => Err(Error::cancelled()),
    };
    cx.scratch.discard(false);
    shared.record(begin.elapsed());
    // The place is free before the caller knows, so that its next request finds one.
    drop((place, run));
    // A caller that has gone takes no answer.
    let _ = reply.send(result);
}

/// Ends when the caller has gone. The call is dropped then, in mid-change perhaps, and with it what it had of the worker's
/// scratch values.
async fn cancelled(ticket: &Ticket, cx: &WorkerContext) {
    ticket.left().await;
    cx.scratch.discard(true);
}

/// Runs the items of a request, in as many calls as their cost and groups need, and puts the answers in order.
async fn infer(
    model: &dyn DynModel,
    cx: &WorkerContext,
    items: Vec<DynItem>,
    ticket: &Ticket,
) -> Result<Vec<Answered>> {
    if items.len() == 1 {
        return model.infer(items, cx).await;
    }
    let batches = plan::batches(items.iter().map(|item| item.load), model.spec().max_batch);
    if batches.len() == 1 {
        return model.infer(items, cx).await;
    }
    let mut items: Vec<Option<_>> = items.into_iter().map(Some).collect();
    let mut answers: Vec<Option<_>> = items.iter().map(|_| None).collect();
    for batch in batches {
        // A model that blocks leaves nobody else the chance to stop it between two calls.
        if ticket.is_gone() {
            return Err(Error::cancelled());
        }
        if ticket.is_expired() {
            return Err(Error::timed_out());
        }
        let part = batch.iter().filter_map(|&index| items[index].take()).collect();
        for (index, answer) in batch.into_iter().zip(model.infer(part, cx).await?) {
            answers[index] = Some(answer);
        }
    }
    Ok(answers.into_iter().flatten().collect())
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
