//! The start of a worker: the author's `warm_up`, and the example request. The worker calls it before it takes requests.

use std::sync::Arc;

use super::{
    erased::{DecodeOptions, ErasedModel, Items, WorkerContext, catch_panic},
    shared::Shared,
};
use crate::{
    error::{Error, Result},
    inflight::{RequestToken, Source},
    model::Worker,
    protocol::{InferRequest, Meter},
};

/// Warms up one worker.
///
/// # Errors
/// Returns the errors of the author's `warm_up`, and those of the model on its own example.
pub(super) async fn warm_up(shared: &Shared, model: &dyn ErasedModel, cx: &WorkerContext, index: usize) -> Result<()> {
    let threads = shared.options.placement.threads;
    let worker = Worker::from_parts(index, threads, cx.device.clone(), cx.scratch.clone());
    catch_panic("`warm_up`", model.warm_up(&worker)).await?;
    let Some(example) = model.spec().given_example().filter(|_| shared.options.warm_up) else {
        return Ok(());
    };
    let run = catch_panic("the engine's own example", run(shared, model, cx, example));
    run.await.map_err(|error| error.context("the engine's own example (`Spec::example`)"))
}

/// Runs the items of a request one by one, whatever their groups, costs and keys, and drops the outputs.
async fn run(shared: &Shared, model: &dyn ErasedModel, cx: &WorkerContext, body: &str) -> Result<()> {
    let token = Arc::new(RequestToken::new(None, &shared.budget, Source::default()));
    let meter = Meter::new(&*token);
    let request = InferRequest::decode(&body.to_owned().into()).map_err(Error::rejected)?;
    let mut items = Items::new(&shared.discards);
    let decoded = model.decode(request, &token, &meter, DecodeOptions::of(&shared.options), &mut items)?;
    meter.finish(decoded.payload_memory)?;
    while let Some(mut item) = items.pop_front() {
        // The example belongs to no session, whose state would be that of the first caller with its key.
        item.remove_key();
        let outputs = model.infer(vec![item], cx).await?;
        outputs.into_iter().try_for_each(|output| output.output.map(drop))?;
    }
    Ok(())
}
