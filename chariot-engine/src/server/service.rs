//! [`EngineService`], the engine as a service of tower and hyper. Embedders mount it; the listener serves it.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::FutureExt;
use http::{Request, Response, request::Parts};
use http_body::Body;

use super::{
    body::UnreadBody,
    caller::Caller,
    handle::{Served, handle},
    request_log,
    respond::ResponseBody,
};
use crate::settings::RequestLog;

/// An engine as a service for tower and hyper, to call directly or to mount in a router.
///
/// Cheap to clone. Accepts any type of request body and never fails: every error is a response. Does not read the
/// environment and installs nothing global.
///
/// The limits of memory, of the time and rate at which a body arrives, and of the time of a stream hold here too. A response
/// stays charged to the memory budget until its bytes are dropped, so a client that does not read it must be cut off by
/// whoever owns the connection: the settings of heads, idle connections and `write_timeout` belong to
/// [`Engine::serve`](crate::Engine::serve).
///
/// # Panics
/// A call panics outside a tokio runtime.
///
/// ```
/// # async fn example(engine: chariot_engine::Engine, request: http::Request<http_body_util::Full<bytes::Bytes>>) {
/// use tower_service::Service;
///
/// let mut service = engine.service();
/// let response = service.call(request).await.unwrap();
/// assert_eq!(response.status(), 200);
/// # }
/// ```
#[derive(Clone)]
pub struct EngineService(Arc<Served>);

impl EngineService {
    pub(crate) fn new(served: Served) -> Self {
        EngineService(Arc::new(served))
    }

    /// Returns the same service, which closes HTTP/1 connections after their next response while the engine drains.
    pub(crate) fn closing_connections(&self) -> Self {
        EngineService(Arc::new(Served { closes_connections: true, ..Served::clone(&self.0) }))
    }

    /// Returns the number of charges that the memory budgets of the models have refused so far.
    pub(super) fn refusals(&self) -> u64 {
        self.0.models.iter().map(|model| model.host.refusals()).sum()
    }

    /// Returns `true` if calls of a model are quick enough to run on core threads soon, as far as is known.
    pub(super) fn may_run_inline(&self) -> bool {
        self.0.models.iter().any(|model| model.host.may_run_inline())
    }

    /// Serves a request of a caller.
    pub(super) fn serve<B>(&self, head: Parts, body: B, caller: Caller) -> ResponseFuture
    where
        B: Body + Send + 'static,
        B::Data: Send,
    {
        let verdict = self.0.cors.as_ref().map(|cors| cors.judge(&head.headers));
        let response = handle(self.0.clone(), head, UnreadBody::new(body), caller);
        match verdict {
            None => Box::pin(response.map(Ok)),
            Some(verdict) => Box::pin(response.map(|response| Ok(verdict.apply(response)))),
        }
    }

    /// Logs a request that is refused before it is served, and lets a page of another origin read the response.
    pub(super) fn refuse(
        &self,
        head: &Parts,
        response: Response<ResponseBody>,
        caller: Caller,
    ) -> Response<ResponseBody> {
        #[cfg(feature = "page")]
        if let Some(page) = &self.0.page {
            page.errors.note_refused(&head.method, head.uri.path(), &response);
        }
        if self.0.request_log != RequestLog::Off {
            request_log::write_refused(self.0.request_log, &head.method, head.uri.path(), &response, caller.peer);
        }
        match &self.0.cors {
            Some(cors) => cors.judge(&head.headers).apply(response),
            None => response,
        }
    }
}

impl std::fmt::Debug for EngineService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineService").field("models", &self.0.models.names()).finish_non_exhaustive()
    }
}

/// The future of a response.
pub type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

impl<B> tower_service::Service<Request<B>> for EngineService
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let (head, body) = request.into_parts();
        self.serve(head, body, Caller::default())
    }
}

impl<B> hyper::service::Service<Request<B>> for EngineService
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn call(&self, request: Request<B>) -> ResponseFuture {
        let (head, body) = request.into_parts();
        self.serve(head, body, Caller::default())
    }
}
