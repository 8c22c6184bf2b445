//! [`InferCall`], a typed call of a running model within the process. [`ServedModel`] makes it.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::Stream;
use tokio::time::Instant;

use super::served::ServedModel;
use crate::{
    error::{Error, Result},
    inflight::{PaceLimit, PartReceiver, PartSender, Source, part_channel},
    model::Model,
    protocol::{JsonText, TraceContext},
    runtime::{AdmissionPermit, Failure, Host, RequestPayload, TypedOutput, TypedRequest},
    server::status_of,
};

/// A call of a model with one item, within the process. It is admitted, queued, batched and timed out like a request over
/// HTTP, and takes turns with them. Nothing is encoded or decoded.
///
/// Await it for the output, or read it as a stream with [`stream`](Self::stream). It starts when it is first polled, and
/// dropping it cancels it. [`ServedModel::infer`] returns it.
///
/// ```
/// use chariot_engine::prelude::*;
///
/// # struct Shout;
/// # impl Model for Shout {
/// #     type Settings = ();
/// #     type Input = Text;
/// #     type Output = Json<String>;
/// #     async fn load(_: &LoadContext) -> Result<Self> { Ok(Shout) }
/// #     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> { batch.try_map(|t| Ok(Json(t.as_str().to_uppercase()))) }
/// # }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let engine = Engine::builder().model::<Shout>("shout").start()?;
/// engine.ready().await?;
/// let shout = engine.model("shout").expect("it was added above");
/// let Json(text) = shout.infer::<Shout>(Text::from("hello")).await?;
/// assert_eq!(text, "HELLO");
/// # engine.shutdown().await;
/// # Ok::<(), chariot_engine::Error>(())
/// # }).unwrap();
/// ```
#[must_use = "a call does nothing until it is awaited"]
pub struct InferCall<M: Model> {
    model: ServedModel,
    input: M::Input,
    action: Option<String>,
    score_threshold: Option<f32>,
    timeout: Option<Duration>,
    trace_context: Option<TraceContext>,
}

impl ServedModel {
    /// Calls the model with one item. `M` is the type of the model.
    pub fn infer<M: Model>(&self, input: M::Input) -> InferCall<M> {
        InferCall {
            model: self.clone(),
            input,
            action: None,
            score_threshold: None,
            timeout: None,
            trace_context: None,
        }
    }
}

impl<M: Model> InferCall<M> {
    /// Sets the action. Default: that of the engine.
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.action = Some(action.into());
        self
    }

    /// Sets the minimum score of a result. Default: `CHARIOT_ENGINE_SCORE_THRESHOLD`.
    pub fn score_threshold(mut self, threshold: f32) -> Self {
        self.score_threshold = Some(threshold);
        self
    }

    /// Sets a timeout. `CHARIOT_ENGINE_TIMEOUT` applies too.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the place in a distributed trace, which [`Item::trace_context`](crate::model::Item::trace_context) returns and the log
    /// names. Default: the call belongs to no trace. It has no span of its own.
    pub fn trace_context(mut self, context: TraceContext) -> Self {
        self.trace_context = Some(context);
        self
    }

    /// Starts the call when it is first polled, and yields the parts that the model [emits](crate::model::Item::emit), then the
    /// output. A model that does not declare [`Spec::streaming`](crate::model::Spec::streaming) yields its output alone.
    ///
    /// ```
    /// use chariot_engine::{InferEvent, ServedModel, prelude::*};
    /// use futures_util::StreamExt;
    ///
    /// async fn print<M: Model<Input = Text, Output = GeneratedText>>(model: &ServedModel, prompt: &str) -> Result<String> {
    ///     let mut events = model.infer::<M>(Text::from(prompt)).stream();
    ///     while let Some(event) = events.next().await {
    ///         match event? {
    ///             InferEvent::Part(part) => print!("{}", part.parse::<String>()?),
    ///             InferEvent::Output(output) => return Ok(output.text),
    ///         }
    ///     }
    ///     Err("the stream ends with the output".into())
    /// }
    /// ```
    pub fn stream(self) -> InferStream<M> {
        let settings = self.model.settings();
        let limit = PaceLimit::awaited(settings.write_timeout, settings.min_rate.as_u64());
        let timeout = self.timeout.into_iter().chain([settings.stream_timeout]).min();
        let call = InferCall { timeout, ..self };
        InferStream { next: Next::Start(Box::new((call, limit))), parts: None }
    }

    /// Admits the call, and returns its permit.
    fn admit(&self, arrived: Instant) -> Result<AdmissionPermit> {
        let host = self.model.host();
        let refused = |error| host.refused(&error);
        let arriving = host.admit(arrived, self.timeout, 0, 0, Source::default()).map_err(refused)?;
        if let Some(context) = &self.trace_context {
            arriving.token().set_trace_context(context.clone());
        }
        host.enter(arriving).map_err(refused)
    }
}

/// Runs an admitted call.
async fn run<M: Model>(
    host: Host,
    permit: AdmissionPermit,
    request: TypedRequest,
    arrived: Instant,
    parts: Option<PartSender>,
) -> Result<M::Output> {
    let place = TypedOutput::<M::Output>::of(&permit.token());
    let payload = RequestPayload::Value(Box::new(request));
    let response = host.infer(permit, payload, None, arrived, parts).await;
    let result = match response {
        Ok(_) => place.take().ok_or_else(|| Error::from("the model left no output")),
        Err(Failure { error, .. }) => Err(error),
    };
    let status = result.as_ref().map_or_else(|error| status_of(error.kind()).as_u16(), |_| 200);
    host.metrics().answered(status);
    result
}

type Output<M> = Result<<M as Model>::Output>;
type Work<M> = Pin<Box<dyn Future<Output = Output<M>> + Send>>;

impl<M: Model> IntoFuture for InferCall<M> {
    type Output = Output<M>;
    type IntoFuture = Work<M>;

    /// Returns the future of the output.
    ///
    /// # Errors
    /// The future returns the errors of the model, and an error of kind [`Unavailable`](crate::ErrorKind::Unavailable) if the
    /// engine is not ready, has too many requests, or lacks the memory; [`TimedOut`](crate::ErrorKind::TimedOut) once the
    /// deadline has passed; and an error if the model is no `M`.
    ///
    /// # Panics
    /// The future panics outside a tokio runtime.
    fn into_future(self) -> Work<M> {
        Box::pin(async move {
            let arrived = Instant::now();
            let permit = self.admit(arrived)?;
            let host = self.model.host().clone();
            let request = TypedRequest::new::<M>(self.input, self.action.as_deref(), self.score_threshold);
            run::<M>(host, permit, request, arrived, None).await
        })
    }
}

/// An event of a streamed call.
///
/// ```
/// use chariot_engine::InferEvent;
///
/// fn output<O>(event: InferEvent<O>) -> Option<O> {
///     match event {
///         InferEvent::Output(output) => Some(output),
///         _ => None,
///     }
/// }
/// assert_eq!(output(InferEvent::Output(7)), Some(7));
/// ```
#[derive(Clone, Debug)]
pub enum InferEvent<O> {
    /// A part that the model emitted.
    Part(JsonText),
    /// The output, after which the stream ends.
    Output(O),
}

enum Next<M: Model> {
    Start(Box<(InferCall<M>, PaceLimit)>),
    Run(Work<M>),
    /// The output, until the parts before it are read.
    Done(Option<Output<M>>),
}

/// The events of a call: parts, and then the output. [`InferCall::stream`] returns it. Dropping it cancels the call.
pub struct InferStream<M: Model> {
    next: Next<M>,
    parts: Option<PartReceiver>,
}

// Nothing in it is pinned: futures are in boxes.
impl<M: Model> Unpin for InferStream<M> {}

impl<M: Model> InferStream<M> {
    /// Admits the call and makes its channel.
    fn start(call: InferCall<M>, limit: PaceLimit) -> (Next<M>, Option<PartReceiver>) {
        let arrived = Instant::now();
        let permit = match call.admit(arrived) {
            Ok(permit) => permit,
            Err(error) => return (Next::Done(Some(Err(error))), None),
        };
        let host = call.model.host().clone();
        let channel = host.spec().streaming.then(|| part_channel(limit, permit.part_charge()));
        let (sender, receiver) = channel.unzip();
        let request = TypedRequest::new::<M>(call.input, call.action.as_deref(), call.score_threshold);
        (Next::Run(Box::pin(run::<M>(host, permit, request, arrived, sender))), receiver)
    }
}

impl<M: Model> Stream for InferStream<M> {
    type Item = Result<InferEvent<M::Output>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(Poll::Ready(part)) = this.parts.as_ref().map(|parts| parts.poll(cx)) {
                return Poll::Ready(Some(part_of(part.bytes).map(InferEvent::Part)));
            }
            match &mut this.next {
                Next::Start(_) => {
                    let Next::Start(start) = std::mem::replace(&mut this.next, Next::Done(None)) else { continue };
                    (this.next, this.parts) = InferStream::start(start.0, start.1);
                }
                Next::Run(work) => match work.as_mut().poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(output) => this.next = Next::Done(Some(output)),
                },
                Next::Done(output) => return Poll::Ready(output.take().map(|output| output.map(InferEvent::Output))),
            }
        }
    }
}

/// Returns the part of an event.
fn part_of(event: bytes::Bytes) -> Result<JsonText> {
    #[derive(serde::Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        part: &'a serde_json::value::RawValue,
    }
    let Event { part } = serde_json::from_slice(&event)?;
    Ok(JsonText::from_text(part.get().to_owned())?)
}

impl<M: Model> std::fmt::Debug for InferCall<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InferCall").field("model", &self.model.name()).finish_non_exhaustive()
    }
}

impl<M: Model> std::fmt::Debug for InferStream<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InferStream").finish_non_exhaustive()
    }
}
