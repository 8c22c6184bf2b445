//! [`Model`]: the trait that an engine implements.

use super::{batch::Batch, context::LoadContext, item::Item, spec::Spec, worker::Worker};
use crate::{
    error::Result,
    input::{BatchCost, Input, Modality},
    output::Output,
    settings::Settings,
    signature::Signature,
};

/// The modality of a model's input.
pub type ModalityOf<M> = <<M as Model>::Input as Input>::Modality;

/// The payload that one item of a model is decoded from.
pub(crate) type PayloadOf<M> = <ModalityOf<M> as Modality>::Payload;

/// An inference model: loads it, and runs it on batches of items.
///
/// `load` and `infer` run on threads of the runtime that do no I/O, so they may block or await. A future of a model never
/// leaves its thread and need not be `Send`. Timers, `tokio::spawn` and blocking clients that start a runtime of their
/// own work in both.
///
/// All workers share one value. State that a call changes belongs to its worker: see [`Batch::scratch`].
///
/// ```
/// use chariot_engine::prelude::*;
///
/// struct Shout;
///
/// impl Model for Shout {
///     type Settings = ();
///     type Input = Text;
///     type Output = Json<String>;
///
///     async fn load(_: &LoadContext) -> Result<Self> {
///         Ok(Shout)
///     }
///
///     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
///         batch.try_map(|text| Ok(Json(text.as_str().to_uppercase())))
///     }
/// }
///
/// let outputs = chariot_engine::testing::infer(&Shout, [Text("hello".into())]).unwrap();
/// assert_eq!(outputs, [Json("HELLO".to_string())]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement `Model`",
    label = "an engine needs `impl Model for {Self}`",
    note = "write this and fill in the three types: `impl Model for {Self} {{ type Settings = (); type Input = Text; type Output = Json<String>; async fn load(ctx: &LoadContext) -> Result<Self> {{ todo!() }} async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Self::Output>> {{ todo!() }} }}`"
)]
#[allow(async_fn_in_trait, reason = "a future of a model never leaves its worker, so authors need not make it `Send`")]
pub trait Model: Sized + Send + Sync + 'static {
    /// The settings that an operator sets through environment variables; `()` if there are none.
    type Settings: Settings;

    /// The type that one item of a request is decoded to.
    type Input: Input;

    /// The type of the output for one item.
    type Output: Output<ModalityOf<Self>>;

    /// Loads the model. Called once for each device when the engine starts, with the port already open and the engine not yet
    /// ready.
    ///
    /// # Errors
    /// An error ends the process with a non-zero exit code. The whole chain of causes is logged.
    async fn load(ctx: &LoadContext<Self::Settings>) -> Result<Self>;

    /// Runs the model on a batch. Returns one output for each item, in order.
    ///
    /// # Errors
    /// An error fails the whole batch: a 500, or a 400 for a rejection by [`reject!`](crate::reject). To fail single
    /// items, use `type Output = Result<T>` and [`Batch::map_each`].
    ///
    /// # Panics
    /// A panic is a 500 for the batch. The engine continues to run.
    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Self::Output>>;

    /// Returns the declaration of the engine, by default as its types determine it.
    ///
    /// Override it to refine the declaration: `Spec::new::<Self>().concurrency(64)`.
    fn spec() -> Spec {
        Spec::new::<Self>()
    }

    /// Called once per item before it is queued; rejects it or returns its batch cost.
    ///
    /// Results that `infer` needs (tokens, for example) can be kept with [`Item::attach`]. It runs on the threads that
    /// decode requests, never on a thread that does I/O.
    ///
    /// # Errors
    /// An error fails the request: a 400 for a rejection by [`reject!`](crate::reject).
    fn admit(&self, item: &mut Item<Self::Input>) -> Result<BatchCost> {
        item.keep_default_admit();
        Ok(item.value().cost())
    }

    /// Returns the named tensors of the loaded model, if only its file knows them. They replace those of [`spec`](Self::spec)
    /// in the metadata and the OpenAPI document, and in the checks of requests and responses.
    ///
    /// Called once after `load`. `None` by default.
    fn signature(&self) -> Option<Signature> {
        None
    }

    /// Called on each worker after `load` and before the engine is ready, for what a worker needs of its own (a session, a
    /// cache, a buffer: [`Worker::scratch`]) and for a first inference that no caller has to wait for.
    ///
    /// After it, the worker runs the example request that the author set by [`Spec::example`], unless
    /// [`Spec::warm_up_by_example`] or `CHARIOT_ENGINE_WARM_UP` says otherwise.
    ///
    /// # Errors
    /// An error ends the process, like an error of `load`.
    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        let _ = worker;
        Ok(())
    }

    /// Called periodically on a worker between batches. While it fails, the engine is not ready.
    ///
    /// # Errors
    /// An error is logged. Readiness reports that the health check fails.
    async fn health(&self) -> Result<()> {
        Ok(())
    }
}

impl Spec {
    /// Creates the declaration that the types of a model determine.
    pub fn new<M: Model>() -> Self {
        Spec::from_types::<M::Input, M::Output, M::Settings>()
    }
}
