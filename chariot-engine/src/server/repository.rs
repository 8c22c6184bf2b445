//! The index of models, of Triton's extension of the protocol for model repositories. The handler of requests calls it.

use std::{pin::pin, time::Duration};

use http::{Response, StatusCode};
use http_body::Body;
use serde::{Deserialize, Serialize};

use super::{
    body::{self, BodyFault},
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
pub(super) async fn index<B: Body>(models: &Models, body: B) -> Response<ResponseBody> {
    let wanted = match body::read(pin!(body), MOST_BYTES, TIME, |_| true).await {
        Ok(bytes) if bytes.trim_ascii().is_empty() => Wanted::default(),
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(wanted) => wanted,
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let text = format!(
                    "an object such as {{\"ready\": true}}, or nothing, is expected; something else came at line {line}, \
                     column {column}"
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
