//! [`EngineService`]: the engine as a service of tower and of hyper. Embedders mount it, the listener serves it.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::FutureExt;
use http::{Request, Response};
use http_body::Body;

use super::{
    handle::{Served, handle},
    respond::ResponseBody,
};

/// An engine as a service: give it requests by tower or by hyper, or mount it in a router.
///
/// Cheap to clone. It never fails: what goes wrong is a response. It takes any request body, must be called within a
/// tokio runtime, and neither reads the environment nor installs anything global.
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

    /// The same service, which ends the connections of HTTP/1 after their next answer while the engine drains.
    pub(crate) fn closing_connections(&self) -> Self {
        EngineService(Arc::new(Served { closes_connections: true, ..Served::clone(&self.0) }))
    }
}

impl std::fmt::Debug for EngineService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineService").field("models", &self.0.models.names()).finish_non_exhaustive()
    }
}

/// The answer that is on its way.
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
        Box::pin(handle(self.0.clone(), request).map(Ok))
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
        Box::pin(handle(self.0.clone(), request).map(Ok))
    }
}
