//! [`BearerToken`]: a tower layer that rejects requests without the token. `main` wraps the engine in it.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use chariot_engine::server::error_response;
use constant_time_eq::constant_time_eq;
use futures_util::future::{Either, Ready, ready};
use http::{HeaderMap, Request, Response, StatusCode, header};
use tower::{Layer, Service};

/// A layer that rejects requests without the header `Authorization: Bearer <token>`.
#[derive(Clone)]
pub(crate) struct BearerToken(Arc<str>);

impl BearerToken {
    pub(crate) fn new(token: impl Into<Arc<str>>) -> Self {
        BearerToken(token.into())
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        let Some(given) = headers.get(header::AUTHORIZATION) else { return false };
        let given = given.as_bytes().split_at_checked("Bearer ".len());
        // The comparison takes the same time for every token, so that its duration reveals nothing.
        given.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case(b"Bearer ") && constant_time_eq(token, self.0.as_bytes())
        })
    }
}

impl<S> Layer<S> for BearerToken {
    type Service = Authenticated<S>;

    fn layer(&self, inner: S) -> Authenticated<S> {
        Authenticated { token: self.clone(), inner }
    }
}

/// A service behind a [`BearerToken`].
#[derive(Clone)]
pub(crate) struct Authenticated<S> {
    token: BearerToken,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Authenticated<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response<R>, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.token.is_in(request.headers()) {
            return Either::Right(self.inner.call(request));
        }
        let text = "expected the header 'Authorization: Bearer' with the token of this service";
        let mut response = error_response(StatusCode::UNAUTHORIZED, text);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        Either::Left(ready(Ok(response)))
    }
}
