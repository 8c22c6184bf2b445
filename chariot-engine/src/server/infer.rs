//! Inference: what is refused by its head, its body, its way through the model, and its answer. The handler of requests
//! calls it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use tokio::time::Instant;

use super::{
    body::{self, BodyFault},
    coding, events, form,
    handle::is_request_id,
    respond::{self, ResponseBody},
    timeout,
};
use crate::{
    error::ErrorKind,
    inflight::OVER_BUDGET,
    runtime::{Failure, OneModel, Refusal},
    settings::EngineSettings,
    telemetry::metrics::Rejected,
};

const BASE_ID: HeaderName = HeaderName::from_static("chariot-inference-base-id");

/// Answers an inference; by events, if it `streams`.
pub(super) async fn infer<B>(
    model: &OneModel,
    request: Request<B>,
    request_id: Option<&HeaderValue>,
    streams: bool,
    arrived: Instant,
) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let (head, body) = request.into_parts();
    // What the head alone shows to be wrong is refused before a byte of the body is read.
    let Ok(coding) = coding::of_request(&head.headers) else {
        body::linger(&head.headers, body);
        return coding::unsupported();
    };
    if body.size_hint().lower() > model.settings.max_body.as_u64() {
        body::linger(&head.headers, body);
        return body_fault(model, &BodyFault::TooLarge);
    }
    let form = match form::of(&head.headers) {
        Ok(form) => form,
        Err(fault) => {
            body::linger(&head.headers, body);
            return respond::error(StatusCode::BAD_REQUEST, fault.text());
        }
    };
    let time_limit = match timeout::own_limit(&head.headers) {
        Ok(time_limit) => time_limit,
        Err(fault) => {
            body::linger(&head.headers, body);
            return respond::error(StatusCode::BAD_REQUEST, fault.text());
        }
    };
    let place = match model.host.admit(arrived, time_limit, body.size_hint().lower()) {
        Ok(place) => place,
        Err(refusal) => {
            body::linger(&head.headers, body);
            let (text, reason) = match refusal {
                Refusal::NotServing(why) => (why, Rejected::NotReady),
                Refusal::Full => ("the queue is full", Rejected::QueueFull),
                Refusal::OverBudget => (OVER_BUDGET, Rejected::Memory),
            };
            model.host.metrics().rejected(reason);
            return respond::unavailable(text, model.host.retry_after());
        }
    };
    let deadline = place.deadline();
    let limit = model.settings.max_body.as_u64();
    let mut body = Box::pin(body);
    let charge = |bytes| place.charge(bytes).is_ok();
    let bytes = match body::read(body.as_mut(), limit, body_time(&model.settings, time_limit), charge).await {
        Ok(bytes) => bytes,
        Err(fault) => {
            body::linger(&HeaderMap::new(), body);
            return body_fault(model, &fault);
        }
    };
    let request_id = request_id.and_then(|id| id.to_str().ok()).map(str::to_string);
    if tracing::enabled!(tracing::Level::DEBUG)
        && let Some(base_id) = head.headers.get(BASE_ID).filter(|id| is_request_id(id))
    {
        tracing::debug!(request = request_id, base_id = ?base_id, "a request of the platform");
    }
    let id = request_id.clone();
    let bytes = match coding {
        None => bytes,
        Some(coding) => match coding::decompress(&model.host, coding, bytes, limit, id.as_deref(), deadline).await {
            Ok(Ok(bytes)) if place.charge(bytes.len()).is_err() => return body_fault(model, &BodyFault::OverBudget),
            Ok(Ok(bytes)) => bytes,
            Ok(Err(fault)) => return coding::fault(coding, &fault),
            Err(failure) => return failed(model, &failure),
        },
    };
    if streams {
        let host = model.host.clone();
        let work = |parts| async move { host.infer(place, bytes, form, request_id, arrived, Some(parts)).await };
        return events::answer(work).await.unwrap_or_else(|failure| failed(model, &failure));
    }
    let answer = match model.host.infer(place, bytes, form, request_id, arrived, None).await {
        Ok(response) if model.settings.compress_responses => {
            coding::compress(&model.host, &head.headers, response, id.as_deref(), deadline).await
        }
        answer => answer.map(respond::inference),
    };
    answer.unwrap_or_else(|failure| failed(model, &failure))
}

/// How long a body may take: no longer than the whole request.
fn body_time(settings: &EngineSettings, limit: Option<Duration>) -> Duration {
    [settings.timeout, limit].into_iter().flatten().fold(settings.body_timeout, Duration::min)
}

fn body_fault(model: &OneModel, fault: &BodyFault) -> Response<ResponseBody> {
    model.host.metrics().rejected(match fault {
        BodyFault::TooLarge => Rejected::TooLarge,
        BodyFault::TooSlow(_) => Rejected::TooSlow,
        BodyFault::Broken => Rejected::Invalid,
        BodyFault::OverBudget => Rejected::Memory,
    });
    match fault {
        BodyFault::TooLarge => respond::error(
            StatusCode::PAYLOAD_TOO_LARGE,
            &format!("a body of at most {} bytes is expected", model.settings.max_body.as_u64()),
        ),
        BodyFault::TooSlow(time) => respond::error(
            StatusCode::REQUEST_TIMEOUT,
            &format!("the body is expected within {}", humantime::format_duration(*time)),
        ),
        BodyFault::OverBudget => respond::unavailable(OVER_BUDGET, model.host.retry_after()),
        BodyFault::Broken => respond::error(StatusCode::BAD_REQUEST, "the body ended before its end"),
    }
}

fn failed(model: &OneModel, failure: &Failure) -> Response<ResponseBody> {
    let text = respond::failure_text(failure);
    match failure.error.kind() {
        ErrorKind::Rejected => respond::error(StatusCode::BAD_REQUEST, &text),
        ErrorKind::Unavailable | ErrorKind::Cancelled => respond::unavailable(&text, model.host.retry_after()),
        ErrorKind::TimedOut => respond::error(StatusCode::GATEWAY_TIMEOUT, &text),
        ErrorKind::Failed => respond::error(StatusCode::INTERNAL_SERVER_ERROR, &text),
    }
}
