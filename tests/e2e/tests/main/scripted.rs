//! A model of texts whose methods are closures of a test.

use std::sync::Mutex;

use chariot_engine::prelude::*;
use futures_util::future::LocalBoxFuture;

pub(crate) type Answers = Result<Vec<Json<String>>>;
type Infer = dyn Fn(Batch<Text>) -> LocalBoxFuture<'static, Answers> + Send + Sync;
type Admit = dyn Fn(&str) -> Result<BatchCost> + Send + Sync;

/// A model whose `infer` and `admit` are closures. A worker runs at most `CALLS` calls of `infer` at once, each with at
/// most `MOST` items.
pub(crate) struct Scripted<const CALLS: usize = 1, const MOST: usize = 32> {
    infer: Box<Infer>,
    admit: Box<Admit>,
}

impl Scripted {
    /// Creates a model with a synchronous `infer`, which may block its thread.
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

    /// Sets `admit`.
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
        Err("a scripted model is passed to the builder as an instance".into())
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

/// Returns every text unchanged.
pub(crate) fn echo(batch: Batch<Text>) -> Answers {
    batch.try_map(|text| Ok(Json(text.to_string())))
}

/// A record of texts, filled from any thread.
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

type Speak = dyn Fn(&Item<Text>) -> Result<String> + Send + Sync;

/// A model that can emit parts. See [`speaks`].
struct Speaks(Box<Speak>);

impl Model for Speaks {
    type Settings = ();
    type Input = Text;
    type Output = Json<String>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Err("the test passes an instance".into())
    }

    fn spec() -> Spec {
        Spec::new::<Self>().streaming()
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
        batch.try_map(|text| Ok(Json((self.0)(&text)?)))
    }
}

/// Returns an engine of a model that answers each item by a closure, which can emit parts.
pub(crate) fn speaks(
    speak: impl Fn(&Item<Text>) -> Result<String> + Send + Sync + 'static,
) -> chariot_engine::EngineBuilder {
    Engine::builder().instance("speaks", Speaks(Box::new(speak)))
}
