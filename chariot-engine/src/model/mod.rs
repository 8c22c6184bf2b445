//! What an author meets: the [`Model`] trait, and what `load` and `infer` are given.
//!
//! | file | holds |
//! |---|---|
//! | `item`, `batch` | one item of a request, and what a model sees: a batch of them |
//! | `scratch` | state of a worker beside the shared model |
//! | `spec` | what an engine declares of itself |
//! | `context` | what `load` is given |
//! | `weights`, `mapped` | safetensors files; `mapped` is the one use of `unsafe` for them |

mod batch;
mod context;
mod item;
#[cfg(feature = "candle")]
#[allow(unsafe_code)]
mod mapped;
mod scratch;
mod spec;
#[cfg(feature = "candle")]
mod weights;

pub use batch::{Batch, Rows};
pub(crate) use context::LoadCommon;
pub use context::LoadContext;
#[cfg(feature = "cli")]
pub(crate) use context::file_in;
pub use item::Item;
pub(crate) use item::{Attached, ErrorLocation, ItemInfo};
pub use scratch::Scratch;
pub(crate) use scratch::ScratchPool;
pub use spec::Spec;

pub use crate::{
    input::BatchCost,
    signature::{Dim, TensorSpec},
};

use crate::{
    error::Result,
    input::{Input, Modality},
    output::Output,
    settings::Settings,
};

/// The kind of payload that a model takes.
pub type ModalityOf<M> = <<M as Model>::Input as Input>::Modality;

/// The part of a request that one item of a model is decoded from.
pub(crate) type PayloadOf<M> = <ModalityOf<M> as Modality>::Payload;

/// An inference model: how it is loaded, what it takes, what it answers.
///
/// `load` and `infer` run on threads that the runtime owns, never on those that do I/O, so they may block or await as
/// they like. No future of a model ever leaves its thread; nothing in it needs to be `Send`. Timers, `tokio::spawn` and
/// blocking clients that start a runtime of their own work in both.
///
/// One value serves all workers: state that a call changes belongs to its worker, see [`Batch::scratch`].
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
/// let answers = chariot_engine::testing::infer(&Shout, [Text("hello".into())]).unwrap();
/// assert_eq!(answers, [Json("HELLO".to_string())]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    label = "there is no `impl Model for {Self}`",
    note = "an engine needs `impl Model for {Self} {{ type Settings = (); type Input = ...; type Output = ...; async fn load(ctx: &LoadContext) -> Result<Self> {{ ... }} async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Self::Output>> {{ ... }} }}`"
)]
#[allow(async_fn_in_trait, reason = "a future of a model never leaves its worker, so no `Send` is asked of an author")]
pub trait Model: Sized + Send + Sync + 'static {
    /// What an operator can set, by the environment; `()` for nothing.
    type Settings: Settings;

    /// How one item of a request is decoded.
    type Input: Input;

    /// How one answer is encoded.
    type Output: Output<ModalityOf<Self>>;

    /// Loads the model, once, when the engine starts. The port is open already, and readiness says that it is starting.
    ///
    /// # Errors
    /// Ends the process with a non-zero code; the whole chain is logged.
    async fn load(ctx: &LoadContext<Self::Settings>) -> Result<Self>;

    /// Answers every item of a batch: one output each, in order.
    ///
    /// # Errors
    /// Fails the whole batch: 500, or 400 for what [`reject!`](crate::reject) refuses. For one bad item among good ones
    /// say `type Output = Result<T>` and use [`Batch::map_each`].
    ///
    /// # Panics
    /// A panic is a 500 for the batch. The engine lives on.
    async fn infer(&self, batch: Batch<Self::Input>) -> Result<Vec<Self::Output>>;

    /// What the engine declares: by default what its types say. Refine it: `Spec::new::<Self>().concurrency(64)`.
    fn spec() -> Spec {
        Spec::new::<Self>()
    }

    /// Sees every item before it is queued, alone: refuses it, says what it costs and with what it may share a batch.
    /// What it works out for `infer` (tokens, say) it keeps with [`Item::attach`]. It runs beside the decoding, never on
    /// a thread that does I/O.
    ///
    /// # Errors
    /// Refuses the request: 400 for what [`reject!`](crate::reject) says.
    fn admit(&self, item: &mut Item<Self::Input>) -> Result<BatchCost> {
        item.keep_default_admit();
        Ok(item.value().cost())
    }

    /// Runs once after `load` and before the engine is ready: a first inference, so that no caller pays for it.
    ///
    /// # Errors
    /// As `load`.
    async fn warm_up(&self) -> Result<()> {
        Ok(())
    }

    /// Asked from time to time, on a worker between batches. While it fails, the engine is not ready.
    ///
    /// # Errors
    /// What is wrong, for the log; readiness says that the health check fails.
    async fn health(&self) -> Result<()> {
        Ok(())
    }
}
