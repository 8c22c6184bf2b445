//! [`Controlled`]: a model whose calls a test holds, releases and fails.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    device::DeviceFault,
    error::Result,
    model::{Batch, BatchCost, Item, LoadContext, Model, Signature, Spec, Worker},
};

/// The time that a test waits for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A model whose calls wait, fail and are counted as a test controls it. Everything else is left to the inner model.
///
/// ```
/// # use chariot_engine::prelude::*;
/// # struct Shout;
/// # impl Model for Shout {
/// #     type Settings = ();
/// #     type Input = Text;
/// #     type Output = Json<String>;
/// #     async fn load(_: &LoadContext) -> Result<Self> { Ok(Shout) }
/// #     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.try_map(|t| Ok(Json(t.as_str().to_uppercase()))) }
/// # }
/// use chariot_engine::testing::{TestEngine, controlled};
///
/// let (model, control) = controlled(Shout);
/// control.hold();
/// let engine = TestEngine::start(Engine::builder().instance("shout", model).configure(|settings| {
///     settings.workers = Some(1);
///     settings.queue_size = 1;
/// }))?;
/// let body = r#"{"inputs": [{"name": "a", "data": ["hello"]}]}"#;
///
/// let runs = engine.ask(body);
/// control.wait_for_calls(1);
/// let waits = engine.ask(body);
/// engine.wait_until(|now| now.queued == 1);
/// assert_eq!(engine.infer(body).status, 503, "the queue is full");
///
/// waits.hang_up();
/// engine.wait_until(|now| now.queued == 0);
/// control.release();
/// assert_eq!(runs.answer().status, 200);
/// # Ok::<(), chariot_engine::StartError>(())
/// ```
pub struct Controlled<M> {
    model: M,
    control: Control,
}

/// The control over the calls of a [`Controlled`] model. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    held: bool,
    /// The faults with which the next calls fail.
    faults: VecDeque<DeviceFault>,
    /// The number of items of each call.
    calls: Vec<usize>,
}

/// Wraps a model, and returns it with the control over its calls.
pub fn controlled<M: Model>(model: M) -> (Controlled<M>, Control) {
    let control = Control::default();
    (Controlled { model, control: control.clone() }, control)
}

impl Control {
    /// Holds all calls from now on: they wait, on their workers, until [`release`](Self::release).
    pub fn hold(&self) {
        self.lock().held = true;
    }

    /// Releases all calls.
    pub fn release(&self) {
        self.lock().held = false;
        self.0.changed.notify_all();
    }

    /// Makes the next call fail as if its device had this fault.
    pub fn fail(&self, fault: DeviceFault) {
        self.lock().faults.push_back(fault);
    }

    /// Returns the number of items of each call so far, in the order in which the calls began.
    pub fn calls(&self) -> Vec<usize> {
        self.lock().calls.clone()
    }

    /// Waits until this number of calls have begun.
    ///
    /// # Panics
    /// Panics if they have not within a minute.
    #[track_caller]
    pub fn wait_for_calls(&self, count: usize) {
        let late = self.wait(|state| state.calls.len() < count);
        assert!(!late, "expected {count} calls to begin, got {}", self.calls().len());
    }

    fn begin(&self, items: usize) -> Result<()> {
        self.lock().calls.push(items);
        self.0.changed.notify_all();
        if self.wait(|state| state.held) {
            return Err("the test held the model for more than a minute".into());
        }
        match self.lock().faults.pop_front() {
            Some(fault) => Err(fault.into()),
            None => Ok(()),
        }
    }

    /// Waits while the condition holds. Returns `true` if it still holds after a minute.
    fn wait(&self, condition: impl Fn(&State) -> bool) -> bool {
        let waited = self.0.changed.wait_timeout_while(self.lock(), PATIENCE, |state| condition(state));
        waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[diagnostic::do_not_recommend]
impl<M: Model> Model for Controlled<M> {
    type Settings = M::Settings;
    type Input = M::Input;
    type Output = M::Output;

    async fn load(ctx: &LoadContext<M::Settings>) -> Result<Self> {
        Ok(controlled(M::load(ctx).await?).0)
    }

    async fn infer(&self, batch: Batch<M::Input>) -> Result<Vec<M::Output>> {
        self.control.begin(batch.len())?;
        self.model.infer(batch).await
    }

    fn spec() -> Spec {
        M::spec()
    }

    fn admit(&self, item: &mut Item<M::Input>) -> Result<BatchCost> {
        self.model.admit(item)
    }

    fn signature(&self) -> Option<Signature> {
        self.model.signature()
    }

    async fn warm_up(&self, worker: &Worker) -> Result<()> {
        self.model.warm_up(worker).await
    }

    async fn health(&self) -> Result<()> {
        self.model.health().await
    }
}

impl<M> std::fmt::Debug for Controlled<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controlled").field("control", &self.control).finish_non_exhaustive()
    }
}
