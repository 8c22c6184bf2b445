//! [`infer`]: one call of a model, without an engine.

use tokio::runtime::Runtime;

use super::items::item;
use crate::{
    error::Result,
    model::{Batch, Model},
    runtime::block_on,
};

/// Calls `admit` for each value and `infer` for all of them, as a worker does, with the default action.
///
/// # Errors
/// The errors of `admit` and of `infer`.
///
/// # Panics
/// Panics if no tokio runtime can be started.
pub fn infer<M: Model>(model: &M, values: impl IntoIterator<Item = M::Input>) -> Result<Vec<M::Output>> {
    let spec = M::spec();
    let action = spec.default_action();
    let admitted = values.into_iter().enumerate().map(|(index, value)| {
        let mut item = item(index, value).with_action(action);
        model.admit(&mut item)?;
        Ok(item)
    });
    let batch = Batch::from_items(admitted.collect::<Result<Vec<_>>>()?);
    let runtime = test_runtime();
    let outputs = block_on(runtime.handle(), model.infer(batch));
    // Dropping the runtime would panic if the caller is within another one.
    runtime.shutdown_background();
    outputs
}

/// Starts the runtime of a test.
pub(super) fn test_runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime for the test")
}
