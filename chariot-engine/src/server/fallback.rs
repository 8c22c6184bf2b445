//! [`Fallback`], a service for the requests that the engine does not route. The engine makes it of a service of its embedder, and
//! the handler calls it.

use std::{
    convert::Infallible,
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use http::{Method, Request, Response, StatusCode, request::Parts};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited, combinators::UnsyncBoxBody};
use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{Instant, Sleep, sleep},
};
use tower_service::Service;

use super::{
    body::{INCOMPLETE, too_slow},
    foreign_body::ForeignBody,
    respond::{self, ResponseBody},
};
use crate::{error::BoxError, inflight::PaceLimit};

/// The body of a request that the engine passes on to another service. It ends with an error after
/// `CHARIOT_ENGINE_MAX_BODY` bytes, or if it arrives more slowly than the body of an inference may
/// (`CHARIOT_ENGINE_BODY_TIMEOUT`, `CHARIOT_ENGINE_MIN_RATE`).
///
/// ```
/// use chariot_engine::server::RequestBody;
/// use http_body_util::BodyExt;
///
/// async fn length(request: http::Request<RequestBody>) -> Result<usize, chariot_engine::BoxError> {
///     Ok(request.into_body().collect().await?.to_bytes().len())
/// }
/// ```
#[derive(Debug)]
pub struct RequestBody {
    body: UnsyncBoxBody<Bytes, BoxError>,
    /// The bytes that are still to come, if their number is declared: a proxy declares them too.
    rest: Option<u64>,
    pace: PaceLimit,
    /// Ends when the body is too slow; `None` until it is read for the first time.
    late: Option<Pin<Box<Sleep>>>,
}

/// The limits of the body of a request that is passed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// The most bytes.
    pub(crate) bytes: u64,
    /// The time that it may take, and the rate that earns it more.
    pub(crate) pace: PaceLimit,
}

impl RequestBody {
    fn new<B>(body: B, limits: BodyLimits) -> Self
    where
        B: Body + Send + 'static,
        B::Data: Send,
    {
        let rest = body.size_hint().exact();
        let limit = usize::try_from(limits.bytes).unwrap_or(usize::MAX);
        let bytes = body.map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())));
        let bytes = bytes.map_err(|_| BoxError::from(INCOMPLETE));
        RequestBody { body: Limited::new(bytes, limit).boxed_unsync(), rest, pace: limits.pace, late: None }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        if let (Poll::Ready(Some(Ok(frame))), Some(rest)) = (&frame, &mut this.rest) {
            *rest = rest.saturating_sub(frame.data_ref().map_or(0, Bytes::len) as u64);
        }
        match (&frame, &mut this.late) {
            (Poll::Ready(Some(Ok(frame))), Some(late)) => {
                // The time in which the service did not read is not the client's.
                let (now, moved) = (Instant::now(), frame.data_ref().map_or(0, Bytes::len) as u64);
                let end = this.pace.end_after(late.deadline().max(now), now, moved);
                late.as_mut().reset(end);
            }
            (Poll::Pending, late) => {
                let late = late.get_or_insert_with(|| Box::pin(sleep(this.pace.timeout)));
                if late.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Some(Err(too_slow(this.pace.timeout).into())));
                }
            }
            _ => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.map_or_else(|| self.body.size_hint(), SizeHint::with_exact)
    }
}

type Responding = Pin<Box<dyn Future<Output = Response<ResponseBody>> + Send>>;

/// A service for the requests that the engine does not route.
pub(crate) struct Fallback {
    call: Box<dyn Fn(Request<RequestBody>) -> Responding + Send + Sync>,
    /// The runtime of the engine: the thread of a connection may be busy with inline calls.
    handle: Handle,
}

impl Fallback {
    /// Creates a fallback of a service, which is cloned for each request.
    ///
    /// # Panics
    /// Panics outside a tokio runtime.
    pub(crate) fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let call = move |request| {
            let mut service = service.clone();
            let respond = async move {
                let Ok(()) = poll_fn(|cx| service.poll_ready(cx)).await;
                let Ok(response) = service.call(request).await;
                response.map(|body| respond::foreign(ForeignBody::new(body)))
            };
            Box::pin(respond) as Responding
        };
        Fallback { call: Box::new(call), handle: Handle::current() }
    }

    /// Passes a request on, with a body within the limits. Dropping the future ends the call.
    pub(super) async fn respond<B>(&self, head: &Parts, body: Option<B>, limits: BodyLimits) -> Response<ResponseBody>
    where
        B: Body + Send + 'static,
        B::Data: Send,
    {
        let body = match body {
            Some(body) => RequestBody::new(body, limits),
            None => RequestBody::new(http_body_util::Empty::<Bytes>::new(), limits),
        };
        let mut request = Request::from_parts(head.clone(), body);
        // Connections are not handed over: a service that answers an upgrade would wait for one in vain.
        request.extensions_mut().remove::<hyper::upgrade::OnUpgrade>();
        // The service may panic while it makes its future.
        let call = AssertUnwindSafe(|| (self.call)(request));
        let responding = std::panic::catch_unwind(call);
        let response = match responding.map(|responding| AssertUnwindSafe(responding).catch_unwind()) {
            Ok(responding) => EndsWithCaller(self.handle.spawn(responding)).await.ok().and_then(Result::ok),
            Err(_) => None,
        };
        let failed = || respond::error(StatusCode::INTERNAL_SERVER_ERROR, "internal error");
        let response = response.unwrap_or_else(failed);
        if head.method == Method::HEAD { respond::without_body(response) } else { response }
    }
}

impl std::fmt::Debug for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fallback").finish_non_exhaustive()
    }
}

/// A task that ends when nobody waits for it.
struct EndsWithCaller<T>(JoinHandle<T>);

impl<T> Future for EndsWithCaller<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for EndsWithCaller<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
