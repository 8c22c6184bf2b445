//! Responses: statuses, headers and the error envelope. The handlers make all of their responses here.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, Version, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use serde::Serialize;

use super::{accept::EVENTS, events::Events, foreign_body::ForeignBody};
use crate::{
    error::BoxError,
    protocol::{JsonText, routes::Methods},
    runtime::ChargedResponse,
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
pub struct ResponseBody(BodyKind);

#[derive(Debug)]
enum BodyKind {
    Whole(Full<Bytes>),
    /// Frames that are not empty, and the number of their bytes.
    Frames(VecDeque<Bytes>, u64),
    Events(Box<Events>),
    /// The body of another service.
    Foreign(Box<ForeignBody>),
}

impl Default for BodyKind {
    fn default() -> Self {
        BodyKind::Whole(Full::default())
    }
}

impl<T: Into<Bytes>> From<T> for ResponseBody {
    fn from(bytes: T) -> Self {
        ResponseBody(BodyKind::Whole(Full::new(bytes.into())))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.0 {
            BodyKind::Whole(whole) => Pin::new(whole).poll_frame(cx).map_err(|never| match never {}),
            BodyKind::Frames(frames, length) => Poll::Ready(frames.pop_front().map(|frame| {
                *length -= frame.len() as u64;
                Ok(Frame::data(frame))
            })),
            BodyKind::Events(events) => events.poll_frame(cx).map(|frame| frame.map(Ok)),
            BodyKind::Foreign(body) => body.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            BodyKind::Whole(whole) => whole.is_end_stream(),
            BodyKind::Frames(frames, _) => frames.is_empty(),
            BodyKind::Events(events) => events.is_over(),
            BodyKind::Foreign(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            BodyKind::Whole(whole) => whole.size_hint(),
            BodyKind::Frames(_, length) => SizeHint::with_exact(*length),
            BodyKind::Events(_) => SizeHint::default(),
            BodyKind::Foreign(body) => body.size_hint(),
        }
    }
}

impl ResponseBody {
    /// Returns the events of a streamed response.
    pub(super) fn events_mut(&mut self) -> Option<&mut Events> {
        match &mut self.0 {
            BodyKind::Events(events) => Some(events),
            _ => None,
        }
    }
}

/// Returns a JSON response. The content type has no `charset`, because a widely used client drops the text of an error
/// that has one.
pub(super) fn json<B: From<Bytes>>(status: StatusCode, body: impl Into<Bytes>) -> Response<B> {
    let mut response = Response::new(B::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Returns a text response of a media type.
pub(super) fn text(media_type: &'static str, text: Bytes) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Returns a response to an inference request: JSON, JSON lines, or JSON with binary tensors.
pub(super) fn inference(charged: ChargedResponse) -> Response<ResponseBody> {
    let length = charged.len() as u64;
    let ChargedResponse { response: encoded, frames, charge } = charged;
    // Charged until the system has taken the last byte.
    let body = match VecDeque::from(frames) {
        frames if frames.is_empty() => ResponseBody::from(charge.hold(encoded.body)),
        mut frames => {
            let last = frames.pop_back().unwrap_or_default();
            frames.push_back(charge.hold_shared(last));
            frames.push_front(encoded.body.into());
            ResponseBody(BodyKind::Frames(frames, length))
        }
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(encoded.content_type));
    if let Some(json_length) = encoded.json_length {
        headers.insert(HeaderName::from_static("inference-header-content-length"), HeaderValue::from(json_length));
    }
    response
}

/// Returns the body of another service.
pub(super) fn foreign(body: ForeignBody) -> ResponseBody {
    ResponseBody(BodyKind::Foreign(Box::new(body)))
}

/// Returns a streamed response.
pub(super) fn events(events: Events) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody(BodyKind::Events(Box::new(events))));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx holds back a response until it is complete, unless the response says otherwise.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Returns a JSON response with a serialized value.
pub(super) fn value<B: From<Bytes>>(status: StatusCode, value: &impl Serialize) -> Response<B> {
    match JsonText::from_value(value) {
        Ok(text) => json(status, text.into_bytes()),
        Err(error) => {
            tracing::error!("failed to encode a response: {error}");
            json(StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":"internal error"}"#)
        }
    }
}

/// Returns an error response in the envelope of the engine's own errors, `{"error": "<text>"}`.
///
/// For layers around an engine that reject requests themselves, such as an authentication layer. The body can be of any type
/// made from bytes, such as [`ResponseBody`], `Full<Bytes>` or axum's `Body`.
///
/// ```
/// use chariot_engine::server::{ResponseBody, error_response};
/// use http::{Response, StatusCode, header};
///
/// let response: Response<ResponseBody> = error_response(StatusCode::UNAUTHORIZED, "missing token");
/// assert_eq!(response.status(), 401);
/// // Without a `charset`, because a widely used client drops the text of an error that has one.
/// assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
/// ```
pub fn error_response<B: From<Bytes>>(status: StatusCode, text: &str) -> Response<B> {
    #[derive(Serialize)]
    struct Envelope<'a> {
        error: &'a str,
    }
    value(status, &Envelope { error: text })
}

/// The text of an error, for the log: an extension of its response.
#[derive(Clone, Debug)]
pub(super) struct Reason(pub(super) Box<str>);

/// Returns [`error_response`] with the engine's own body type.
pub(super) fn error(status: StatusCode, text: &str) -> Response<ResponseBody> {
    let mut response = error_response(status, text);
    response.extensions_mut().insert(Reason(text.into()));
    response
}

/// Returns an error response in the form of OpenAI's API, from one in the envelope of the engine's own errors.
#[cfg(feature = "openai")]
pub(super) fn in_openai_form(response: Response<ResponseBody>) -> Response<ResponseBody> {
    use futures_util::FutureExt;
    use http_body_util::BodyExt;

    #[derive(serde::Deserialize)]
    struct Envelope {
        error: String,
    }
    let (head, mut body) = response.into_parts();
    let BodyKind::Whole(whole) = &mut body.0 else { return Response::from_parts(head, body) };
    // The whole body is there.
    let Some(Ok(bytes)) = whole.collect().now_or_never() else { return Response::from_parts(head, body) };
    let bytes = bytes.to_bytes();
    let body = match serde_json::from_slice::<Envelope>(&bytes) {
        Ok(Envelope { error }) => crate::openai::error_body(head.status.as_u16(), &error).into(),
        Err(_) => bytes,
    };
    Response::from_parts(head, body.into())
}

/// Returns a 503 response with the seconds after which to retry.
pub(super) fn unavailable(text: &str, retry_after: u64) -> Response<ResponseBody> {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
    response
}

/// Returns a 405 response that names the allowed methods.
pub(super) fn method_not_allowed(methods: Methods) -> Response<ResponseBody> {
    let text = match methods {
        Methods::Get => "method not allowed: use GET or HEAD",
        Methods::Post => "method not allowed: use POST",
    };
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, text);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods.allow()));
    response
}

/// Returns the response to an OPTIONS request, with the value of `Allow`.
pub(super) fn options(allow: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// Keeps caches between the server and a caller from storing a response: it tells the state of this moment.
pub(super) fn forbid_storing(response: &mut Response<ResponseBody>) {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Tells a client of HTTP/1 that the connection ends with the response to its request, which was of this version.
pub(super) fn end_connection(response: &mut Response<ResponseBody>, version: Version) {
    // hyper adds `keep-alive` to a response of HTTP/1.1 if a client of HTTP/1.0 asks for it.
    *response.version_mut() = version;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Returns the response to a HEAD request: the response to GET without its body.
pub(super) fn without_body(response: Response<ResponseBody>) -> Response<ResponseBody> {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, ResponseBody::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_can_be_sent_and_shared() {
        fn check<T: Send + Sync + 'static>() {}
        check::<ResponseBody>();
    }
}
