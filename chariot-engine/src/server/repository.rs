//! The handler of the model repository index, from Triton's model repository extension.

use std::time::Duration;

use http::{HeaderMap, Response, StatusCode};
use http_body::Body;
use serde::{Deserialize, Serialize};

use super::{
    body::{self, BodyFault, UnreadBody},
    coding,
    respond::{self, ResponseBody},
};
use crate::{
    error::Expected,
    inflight::PaceLimit,
    runtime::{Models, Readiness, State},
};

/// The size limit of the body, which is an object of one member.
const MAX_BYTES: u64 = 4096;
/// The time limit, which no byte extends.
const TIME: Duration = Duration::from_secs(10);

/// The body of a request.
#[derive(Deserialize, Default)]
struct IndexRequest {
    /// Restricts the index to models that are ready.
    ready: Option<bool>,
}

/// The entry of a model, in the form of the extension.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    version: &'a str,
    state: &'static str,
    /// The reason why the model is not ready; empty if it is ready.
    reason: &'a str,
}

/// Lists every model with its state: `LOADING`, `READY`, `UNLOADING` or `UNAVAILABLE`.
pub(super) async fn index<B>(models: &Models, headers: &HeaderMap, body: &mut UnreadBody<B>) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let Ok(None) = coding::request_coding(headers) else {
        body.linger(headers);
        return coding::unsupported();
    };
    let read = match body.take() {
        None => Err(BodyFault::Broken),
        Some(mut body) => {
            let read = body::read(body.as_mut(), MAX_BYTES, PaceLimit::new(TIME, u64::MAX), || 0, |_| Ok(())).await;
            if read.is_err() {
                body::linger(&HeaderMap::new(), body);
            }
            read
        }
    };
    let read = read.map(|bytes| match bytes.strip_prefix("\u{feff}".as_bytes()) {
        Some(rest) => bytes.slice_ref(rest),
        None => bytes,
    });
    let query: IndexRequest = match read {
        Ok(bytes) if bytes.trim_ascii().is_empty() => IndexRequest::default(),
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            // serde accepts a list in place of an object.
            Ok(query) if bytes.trim_ascii().starts_with(b"{") => query,
            read => {
                let read: Result<IndexRequest, serde_json::Error> = read;
                let position = read.err().map(|error| format!(" (line {}, column {})", error.line(), error.column()));
                let position = position.unwrap_or_default();
                let expected = r#"an object such as {"ready": true}, or an empty body"#;
                let fault = Expected::new(expected, format!("something else{position}"));
                return respond::error(StatusCode::BAD_REQUEST, &fault.to_string());
            }
        },
        Err(BodyFault::TooLarge) => {
            return respond::error(StatusCode::PAYLOAD_TOO_LARGE, &body::too_large(MAX_BYTES));
        }
        Err(BodyFault::TooSlow(time)) => {
            return respond::error(StatusCode::REQUEST_TIMEOUT, &body::too_slow(time));
        }
        Err(_) => return respond::error(StatusCode::BAD_REQUEST, body::INCOMPLETE),
    };
    let statuses: Vec<_> = models
        .iter()
        .map(|model| {
            let status = model.host.status();
            (&model.host, status.state, Readiness::new(&status).error)
        })
        .collect();
    let entries: Vec<Entry<'_>> = statuses
        .iter()
        .filter(|(_, _, reason)| reason.is_none() || query.ready != Some(true))
        .map(|(host, state, reason)| Entry {
            name: host.name(),
            version: host.version(),
            state: match state {
                State::Ready if reason.is_none() => "READY",
                State::Starting => "LOADING",
                State::Draining => "UNLOADING",
                State::Ready | State::Stopped | State::Failed => "UNAVAILABLE",
            },
            reason: reason.as_deref().unwrap_or_default(),
        })
        .collect();
    respond::value(StatusCode::OK, &entries)
}
