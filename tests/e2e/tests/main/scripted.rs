//! A model of texts that a test writes as closures.

use std::sync::Mutex;

use chariot_engine::prelude::*;
use futures_util::future::LocalBoxFuture;

pub(crate) type Answers = Result<Vec<Json<String>>>;
type Infer = dyn Fn(Batch<Text>) -> LocalBoxFuture<'static, Answers> + Send + Sync;
type Admit = dyn Fn(&str) -> Result<BatchCost> + Send + Sync;

/// A model whose `infer` and `admit` are closures. It has at most `CALLS` calls of `infer` on a worker at once, each of
/// at most `MOST` items.
pub(crate) struct Scripted<const CALLS: usize = 1, const MOST: usize = 32> {
    infer: Box<Infer>,
    admit: Box<Admit>,
}

impl Scripted {
    /// A model that blocks its thread, or does not wait at all.
    pub(crate) fn blocking(infer: impl Fn(Batch<Text>) -> Answers + Send + Sync + 'static) -> Self {
        Self::new(move |batch| {
            let answers = infer(batch);
            Box::pin(async { answers })
        })
    }
}

impl<const CALLS: usize, const MOST: usize> Scripted<CALLS, MOST> {
    pub(crate) fn new(infer: impl Fn(Batch<Text>) -> LocalBoxFuture<'static, Answers> + Send + Sync + 'static) -> Self {
        Scripted { infer: Box::new(infer), admit: Box::new(|_| Ok(BatchCost::default())) }
    }

    /// With an `admit` of its own.
    pub(crate) fn admit(mut self, admit: impl Fn(&str) -> Result<BatchCost> + Send + Sync + 'static) -> Self {
        self.admit = Box::new(admit);
        self
    }
}

impl<const CALLS: usize, const MOST: usize> Model for Scripted<CALLS, MOST> {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("a scripted model is given to the builder as an instance".into())
    }

    fn spec() -> Spec {
        Spec::new::<Self>().concurrency(CALLS).max_batch(MOST)
    }

    fn admit(&self, item: &mut Item<Text>) -> Result<BatchCost> {
        (self.admit)(item.as_str())
    }

    async fn infer(&self, batch: Batch<Text>) -> Answers {
        (self.infer)(batch).await
    }
}

/// Every text as it came.
pub(crate) fn echo(batch: Batch<Text>) -> Answers {
    batch.try_map(|text| Ok(Json(text.to_string())))
}

/// Who has been seen, from any thread.
#[derive(Default)]
pub(crate) struct Seen(Mutex<Vec<String>>);

impl Seen {
    pub(crate) const fn new() -> Self {
        Seen(Mutex::new(Vec::new()))
    }

    pub(crate) fn add(&self, who: &str) {
        self.0.lock().unwrap().push(who.to_string());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn has(&self, who: &str) -> bool {
        self.0.lock().unwrap().iter().any(|seen| seen == who)
    }
}
