//! [`ForeignBody`], the body of a response that another service has made. The fallback makes it, and responses hold it.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};

use crate::error::BoxError;

/// The body of a response of another service. The lock is never waited for; it makes the body `Sync`.
#[derive(Debug)]
pub(super) struct ForeignBody(Mutex<UnsyncBoxBody<Bytes, BoxError>>);

impl ForeignBody {
    pub(super) fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        ForeignBody(Mutex::new(body.map_err(Into::into).boxed_unsync()))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(self.0.get_mut().unwrap_or_else(PoisonError::into_inner)).poll_frame(cx)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}
