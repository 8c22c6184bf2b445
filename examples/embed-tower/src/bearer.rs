//! [`BearerToken`]: a tower layer that lets nobody in without the token. `main` puts it around the engine.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use constant_time_eq::constant_time_eq;
use futures_util::future::{Either as EitherFuture, MapOk, Ready, TryFutureExt, ready};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use tower::{Layer, Service};

/// Refuses requests that do not say `Authorization: Bearer <token>`.
#[derive(Clone)]
pub(crate) struct BearerToken(Arc<str>);

impl BearerToken {
    pub(crate) fn new(token: impl Into<Arc<str>>) -> Self {
        BearerToken(token.into())
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        let Some(given) = headers.get(header::AUTHORIZATION) else { return false };
        let given = given.as_bytes().split_at_checked("Bearer ".len());
        // However much of a guess is right, the refusal takes the same time.
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

/// An answer of this layer, or of the service within it.
type Answer<R> = Response<Either<Full<Bytes>, R>>;

impl<S, B, R> Service<Request<B>> for Authenticated<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Answer<R>;
    type Error = S::Error;
    type Future = EitherFuture<Ready<Result<Answer<R>, S::Error>>, MapOk<S::Future, fn(Response<R>) -> Answer<R>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.token.is_in(request.headers()) {
            return EitherFuture::Right(self.inner.call(request).map_ok(|answer| answer.map(Either::Right)));
        }
        // The form of the engine's own errors, which its clients read.
        let text = r#"{"error":"the header 'Authorization: Bearer' with this service's token is expected"}"#;
        let mut answer = Response::new(Either::Left(text.into()));
        *answer.status_mut() = StatusCode::UNAUTHORIZED;
        let json = header::HeaderValue::from_static("application/json");
        answer.headers_mut().insert(header::CONTENT_TYPE, json);
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        EitherFuture::Left(ready(Ok(answer)))
    }
}
