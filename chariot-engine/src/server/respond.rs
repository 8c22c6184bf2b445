//! Responses: statuses, headers, the envelope of errors. The handlers build all of theirs here.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use serde::Serialize;

use super::events::Events;
use crate::{
    protocol::{EncodedResponse, JsonText},
    runtime::Failure,
};

/// The body of a response.
///
/// ```
/// use chariot_engine::server::ResponseBody;
/// use http_body::Body;
///
/// assert_eq!(ResponseBody::from("{}").size_hint().exact(), Some(2));
/// ```
#[derive(Debug, Default)]
pub struct ResponseBody(Kind);

#[derive(Debug)]
enum Kind {
    Whole(Full<Bytes>),
    Events(Box<Events>),
}

impl Default for Kind {
    fn default() -> Self {
        Kind::Whole(Full::default())
    }
}

impl<T: Into<Bytes>> From<T> for ResponseBody {
    fn from(bytes: T) -> Self {
        ResponseBody(Kind::Whole(Full::new(bytes.into())))
    }
}

impl ResponseBody {
    /// A body that comes by and by.
    pub(super) fn events(events: Events) -> Self {
        ResponseBody(Kind::Events(Box::new(events)))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.0 {
            Kind::Whole(whole) => Pin::new(whole).poll_frame(cx),
            Kind::Events(events) => events.poll_frame(cx).map(|frame| frame.map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(whole) => whole.is_end_stream(),
            Kind::Events(events) => events.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(whole) => whole.size_hint(),
            Kind::Events(_) => SizeHint::default(),
        }
    }
}

/// A JSON response. The content type has no `charset`: a client in use loses the text of an error that has one.
pub(super) fn json<B: From<Bytes>>(status: StatusCode, body: impl Into<Bytes>) -> Response<B> {
    let mut response = Response::new(B::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A text of this media type.
pub(super) fn text(media_type: &'static str, text: String) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// A response to an inference: JSON, lines of it, or JSON and binary tensors.
pub(super) fn inference(encoded: EncodedResponse) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(encoded.body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(encoded.content_type));
    if let Some(json_length) = encoded.json_length {
        headers.insert(HeaderName::from_static("inference-header-content-length"), HeaderValue::from(json_length));
    }
    response
}

/// A JSON response of a value that JSON can hold.
pub(super) fn value<B: From<Bytes>>(status: StatusCode, value: &impl Serialize) -> Response<B> {
    match JsonText::from_value(value) {
        Ok(text) => json(status, text.into_bytes()),
        Err(error) => {
            tracing::error!("an answer of the engine itself cannot be written: {error}");
            json(StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":"the engine failed"}"#)
        }
    }
}

/// An error in the envelope that the engine's own have on every path, `{"error": "<text>"}`: for what stands around an
/// engine and answers in its place, such as a layer that asks for a token. The body is of any type that is made of bytes:
/// [`ResponseBody`], a `Full<Bytes>`, axum's.
///
/// ```
/// use chariot_engine::server::{ResponseBody, error_response};
/// use http::{Response, StatusCode, header};
///
/// let response: Response<ResponseBody> = error_response(StatusCode::UNAUTHORIZED, "a token is expected");
/// assert_eq!(response.status(), 401);
/// // Without a `charset`: a client in use loses the text of an error that has one.
/// assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
/// ```
pub fn error_response<B: From<Bytes>>(status: StatusCode, text: &str) -> Response<B> {
    #[derive(Serialize)]
    struct Envelope<'a> {
        error: &'a str,
    }
    value(status, &Envelope { error: text })
}

/// [`error_response`] as the engine answers it.
pub(super) fn error(status: StatusCode, text: &str) -> Response<ResponseBody> {
    error_response(status, text)
}

/// What the caller reads of a failure.
pub(super) fn failure_text(Failure { id, error }: &Failure) -> String {
    error.public_message().unwrap_or_else(|| format!("the model failed (request {id})"))
}

/// 503, and when to come again.
pub(super) fn unavailable(text: &str, retry_after: u64) -> Response<ResponseBody> {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
    response
}

/// 405, and what is allowed.
pub(super) fn method_not_allowed(allowed: &'static str) -> Response<ResponseBody> {
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, &format!("the method {allowed} is expected here"));
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// What a HEAD is answered: the head of the answer to GET.
pub(super) fn without_body(response: Response<ResponseBody>) -> Response<ResponseBody> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, ResponseBody::default())
}
