//! The index of models, of Triton's extension of the protocol for model repositories. The handler of requests calls it.

use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use serde::{Deserialize, Serialize};

use super::{
    body::{self, BodyFault},
    coding,
    respond::{self, ResponseBody},
};
use crate::runtime::{Models, Readiness, State};

/// What is posted is an object of one member, if anything.
const MOST_BYTES: u64 = 4096;
const TIME: Duration = Duration::from_secs(10);

/// What is posted.
#[derive(Deserialize, Default)]
struct Wanted {
    /// Whether only the models that are ready are meant.
    ready: Option<bool>,
}

/// A model, as the extension tells of it.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    version: &'a str,
    state: &'static str,
    /// Why it is not ready; empty if it is.
    reason: &'a str,
}

/// Answers with every model and its state: `LOADING`, `READY`, `UNLOADING` or `UNAVAILABLE`.
pub(super) async fn index<B>(models: &Models, request: Request<B>) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let (head, body) = request.into_parts();
    let Ok(None) = coding::of_request(&head.headers) else {
        body::linger(&head.headers, body);
        return coding::unsupported();
    };
    let mut body = Box::pin(body);
    let read = body::read(body.as_mut(), MOST_BYTES, TIME, |_| true).await;
    if read.is_err() {
        body::linger(&HeaderMap::new(), body);
    }
    let wanted: Wanted = match read {
        Ok(bytes) if bytes.trim_ascii().is_empty() => Wanted::default(),
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            // serde takes a list for an object, too.
            Ok(wanted) if bytes.trim_ascii().starts_with(b"{") => wanted,
            read => {
                let read: Result<Wanted, serde_json::Error> = read;
                let place = read.err().map(|error| format!(" at line {}, column {}", error.line(), error.column()));
                let place = place.unwrap_or_default();
                let text = format!(
                    "an object such as {{\"ready\": true}}, or nothing, is expected, something else came{place}"
                );
                return respond::error(StatusCode::BAD_REQUEST, &text);
            }
        },
        Err(BodyFault::TooLarge) => {
            let text = format!("a body of at most {MOST_BYTES} bytes is expected");
            return respond::error(StatusCode::PAYLOAD_TOO_LARGE, &text);
        }
        Err(BodyFault::TooSlow(_)) => {
            return respond::error(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
        }
        Err(_) => return respond::error(StatusCode::BAD_REQUEST, "the body ended before its end"),
    };
    let statuses: Vec<_> = models
        .iter()
        .map(|model| {
            let status = model.host.status();
            (&model.host, status.state, Readiness::of(&status).error)
        })
        .collect();
    let entries: Vec<Entry<'_>> = statuses
        .iter()
        .filter(|(_, _, why)| why.is_none() || wanted.ready != Some(true))
        .map(|(host, state, why)| Entry {
            name: host.name(),
            version: host.version(),
            state: match state {
                State::Ready if why.is_none() => "READY",
                State::Starting => "LOADING",
                State::Draining => "UNLOADING",
                State::Ready | State::Stopped | State::Failed => "UNAVAILABLE",
            },
            reason: why.as_deref().unwrap_or_default(),
        })
        .collect();
    respond::value(StatusCode::OK, &entries)
}
