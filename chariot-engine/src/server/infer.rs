//! The handler of inference requests: checks the headers, admits the request, reads its body and returns the response.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use futures_util::future::{Either, poll_immediate, select};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts};
use http_body::Body;
use tokio::time::Instant;

use super::{
    body::{self, BodyFault, UnreadBody},
    body_format::{self, Announced},
    coding,
    events::Events,
    report::Report,
    request_id::is_request_id,
    request_timeout,
    respond::{self, ResponseBody},
    status::status_of,
};
use crate::{
    error::{Error, Rejection},
    inflight::{OVER_BUDGET, OverLimit, PaceLimit, Source},
    protocol::{BodyFormat, Coding},
    runtime::{AdmissionError, ArrivingRequest, Failure, OneModel, RequestPayload, SHUTTING_DOWN, Work},
    settings::EngineSettings,
    telemetry::metrics::Rejected,
};

const BASE_ID: HeaderName = HeaderName::from_static("chariot-inference-base-id");

/// The arrival of a request.
pub(super) struct Arrival<'a> {
    /// The header with the caller's ID, if it is valid.
    pub(super) request_id: Option<&'a HeaderValue>,
    pub(super) at: Instant,
    pub(super) source: Source,
}

/// Serves an inference request, with server-sent events if it `streams`.
pub(super) async fn infer<B>(
    model: &OneModel,
    head: &Parts,
    body: &mut UnreadBody<B>,
    arrival: Arrival<'_>,
    streams: bool,
    report: &mut Report,
) -> Response<ResponseBody>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let Arrival { request_id, at: arrived, source } = arrival;
    report.streams = streams;
    let limit = streams.then_some(model.settings.stream_timeout);
    let admitted = match admit(model, head, body.declared(), limit, arrived, source) {
        Ok(admitted) => admitted,
        Err(fault) => {
            body.linger(&head.headers);
            return fault.response(model);
        }
    };
    report.admitted(admitted.arriving.token());
    report.wants_times = admitted.wants_times;
    let bytes = match receive(model, &admitted, arrived, body).await {
        Ok(bytes) => bytes,
        Err(fault) => return body_fault(model, &fault),
    };
    report.bytes = Some(bytes.len());
    let Admitted { coding, format, arriving, .. } = admitted;
    let permit = match model.host.enter(arriving) {
        Ok(permit) => permit,
        Err(error) => return HeadFault::Admission(error).response(model),
    };
    let deadline = permit.deadline();
    let request_id = request_id.and_then(|id| id.to_str().ok()).map(str::to_string);
    if tracing::enabled!(tracing::Level::DEBUG)
        && let Some(base_id) = head.headers.get(BASE_ID).filter(|id| is_request_id(id))
    {
        tracing::debug!(request = request_id, base_id = ?base_id, "request from the platform");
    }
    let id = request_id.clone();
    let bytes = match coding {
        None => bytes,
        Some(coding) => {
            let limit = model.settings.max_body.as_u64();
            match Box::pin(coding::decompress(&model.host, &permit, coding, bytes, limit, id.as_deref())).await {
                Ok(Ok(bytes)) => bytes,
                Ok(Err(fault)) => return coding::fault(coding, &fault),
                Err(failure) => return failed(model, &failure),
            }
        }
    };
    if let Err(fault) = format.check_media_type(&bytes, model.host.accepts()) {
        return unsupported_type(model, &fault);
    }
    let payload = RequestPayload::Body(bytes, format);
    if streams {
        let host = model.host.clone();
        let charge = permit.part_charge();
        let work = |parts| async move { host.infer(permit, payload, request_id, arrived, Some(parts)).await };
        let pace = PaceLimit::awaited(model.settings.write_timeout, model.settings.min_rate.as_u64());
        return Box::pin(Events::start(pace, charge, deadline, None, work))
            .await
            .map_or_else(|failure| failed(model, &failure), respond::events);
    }
    let response = match model.host.infer(permit, payload, request_id, arrived, None).await {
        Ok(response) if model.settings.compress_responses => {
            let work = Work { source, bytes: 0, trace: report.trace.id() };
            Box::pin(coding::compress(&model.host, &head.headers, response, id.as_deref(), deadline, work)).await
        }
        result => result.map(respond::inference),
    };
    response.unwrap_or_else(|failure| failed(model, &failure))
}

/// Reads the body of an admitted request. If that fails, the rest of the body is discarded.
pub(super) async fn receive<B>(
    model: &OneModel,
    admitted: &Admitted,
    arrived: Instant,
    body: &mut UnreadBody<B>,
) -> Result<Bytes, BodyFault>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let Some(mut body) = body.take() else { return Err(BodyFault::Broken) };
    let limit = model.settings.max_body.as_u64();
    let pace = PaceLimit::new(body_timeout(&model.settings, admitted.timeout), model.settings.min_rate.as_u64());
    let charge = |bytes| admitted.arriving.charge(bytes);
    let result = {
        let mut read = pin!(body::read(body.as_mut(), limit, pace, || model.host.refusals(), charge));
        match poll_immediate(&mut read).await {
            Some(result) => result,
            // In a box, so that bodies that are there do not carry the future.
            None => match select(read, Box::pin(out_of_time(model, admitted, arrived))).await {
                Either::Left((result, _)) => result,
                Either::Right((fault, _)) => Err(fault),
            },
        }
    };
    if result.is_err() {
        body::linger(&HeaderMap::new(), body);
    }
    result
}

/// Waits until a body may not be read any longer, whatever its pace.
async fn out_of_time(model: &OneModel, admitted: &Admitted, arrived: Instant) -> BodyFault {
    let ended = async {
        model.host.ended().await;
        BodyFault::Stopped
    };
    let Some(deadline) = admitted.arriving.deadline() else { return ended.await };
    let late = async {
        tokio::time::sleep_until(deadline).await;
        BodyFault::TooSlow(deadline - arrived)
    };
    select(pin!(ended), pin!(late)).await.factor_first().0
}

/// An admitted request whose body has not been read.
pub(super) struct Admitted {
    pub(super) coding: Option<Coding>,
    format: BodyFormat,
    pub(super) wants_times: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) arriving: ArrivingRequest,
}

/// The reason why a request is not admitted, known before a byte of its body is read.
#[derive(Debug)]
pub(super) enum HeadFault {
    Coding,
    TooLarge,
    Header(Rejection),
    Admission(AdmissionError),
}

impl From<Rejection> for HeadFault {
    fn from(fault: Rejection) -> Self {
        HeadFault::Header(fault)
    }
}

/// Admits a request by its head. Its body has at least `declared` bytes, and it may take `limit` as a whole.
pub(super) fn admit(
    model: &OneModel,
    head: &Parts,
    declared: u64,
    limit: Option<Duration>,
    arrived: Instant,
    source: Source,
) -> Result<Admitted, HeadFault> {
    let headers = &head.headers;
    let coding = coding::request_coding(headers).map_err(|_| HeadFault::Coding)?;
    if declared > model.settings.max_body.as_u64() {
        return Err(HeadFault::TooLarge);
    }
    let Announced { mut format, wants_times } = body_format::from_headers(headers)?;
    format.detects_images = model.host.accepts().images && !body_format::names_model(head.uri.path());
    let timeout = request_timeout::from_headers(headers)?;
    let limit = [timeout, limit].into_iter().flatten().min();
    let arriving =
        model.host.admit(arrived, limit, head_bytes(head), declared, source).map_err(HeadFault::Admission)?;
    Ok(Admitted { coding, format, wants_times, timeout, arriving })
}

/// Returns the memory that the head of a request takes.
pub(super) fn head_bytes(head: &Parts) -> usize {
    /// The memory of a field beside its name and its value.
    const FIELD: usize = 64;
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD);
    fields.sum::<usize>() + head.uri.path_and_query().map_or(0, |path| path.as_str().len())
}

impl HeadFault {
    pub(super) fn response(self, model: &OneModel) -> Response<ResponseBody> {
        match self {
            HeadFault::Coding => coding::unsupported(),
            HeadFault::TooLarge => body_fault(model, &BodyFault::TooLarge),
            HeadFault::Header(fault) => respond::error(StatusCode::BAD_REQUEST, fault.text()),
            HeadFault::Admission(error) => {
                model.host.metrics().rejected(error.reason());
                if let AdmissionError::OverLimit(limit @ OverLimit::Request(_)) = error {
                    return over_request_limit(limit);
                }
                unavailable(model, &error)
            }
        }
    }
}

fn over_request_limit(limit: OverLimit) -> Response<ResponseBody> {
    let text = Error::from(limit).public_message().unwrap_or_default();
    respond::error(StatusCode::PAYLOAD_TOO_LARGE, &text)
}

fn unavailable(model: &OneModel, error: &AdmissionError) -> Response<ResponseBody> {
    let retry_after = model.host.retry_after();
    respond::unavailable(&unavailable_text(error, retry_after), retry_after)
}

/// Returns the message for a request that is not admitted. `retry_after` is in seconds.
fn unavailable_text(error: &AdmissionError, retry_after: u64) -> String {
    match error {
        AdmissionError::NotServing(reason) => reason.to_string(),
        AdmissionError::Full => format!("queue is full; retry after {retry_after} s"),
        AdmissionError::OverLimit(_) => format!("{OVER_BUDGET}; retry after {retry_after} s"),
    }
}

/// Returns the time limit for reading a body, which is at most the timeout of the whole request.
fn body_timeout(settings: &EngineSettings, timeout: Option<Duration>) -> Duration {
    [settings.timeout, timeout].into_iter().flatten().fold(settings.body_timeout, Duration::min)
}

pub(super) fn body_fault(model: &OneModel, fault: &BodyFault) -> Response<ResponseBody> {
    model.host.metrics().rejected(match fault {
        BodyFault::TooLarge => Rejected::TooLarge,
        BodyFault::TooSlow(_) => Rejected::TooSlow,
        BodyFault::Broken => Rejected::Invalid,
        BodyFault::OverLimit(OverLimit::Budget) => Rejected::Memory,
        BodyFault::OverLimit(OverLimit::Request(_)) => Rejected::TooLarge,
        BodyFault::Stopped => Rejected::NotReady,
    });
    match fault {
        BodyFault::TooLarge => {
            respond::error(StatusCode::PAYLOAD_TOO_LARGE, &body::too_large(model.settings.max_body.as_u64()))
        }
        BodyFault::TooSlow(time) => respond::error(StatusCode::REQUEST_TIMEOUT, &body::too_slow(*time)),
        BodyFault::OverLimit(limit @ OverLimit::Request(_)) => over_request_limit(*limit),
        BodyFault::OverLimit(limit) => unavailable(model, &AdmissionError::OverLimit(*limit)),
        BodyFault::Stopped => unavailable(model, &AdmissionError::NotServing(SHUTTING_DOWN)),
        BodyFault::Broken => respond::error(StatusCode::BAD_REQUEST, body::INCOMPLETE),
    }
}

/// Returns a 415 response for a body whose media type is not supported.
fn unsupported_type(model: &OneModel, fault: &Rejection) -> Response<ResponseBody> {
    model.host.metrics().rejected(Rejected::Invalid);
    let mut response = respond::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, fault.text());
    response.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn failed(model: &OneModel, failure: &Failure) -> Response<ResponseBody> {
    let text = failure.public_message();
    match status_of(failure.error.kind()) {
        StatusCode::SERVICE_UNAVAILABLE => respond::unavailable(&text, model.host.retry_after()),
        status => respond::error(status, &text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_requests_that_are_not_served() {
        let mut messages = vec![
            format!("full → {}", unavailable_text(&AdmissionError::Full, 2)),
            format!("over budget → {}", unavailable_text(&AdmissionError::OverLimit(OverLimit::Budget), 2)),
            format!("not serving → {}", unavailable_text(&AdmissionError::NotServing("the model is loading"), 2)),
            format!("incomplete body → {}", body::INCOMPLETE),
        ];
        messages.extend(
            [0, 1000, 1024, 64 << 20, 3 << 30, (1 << 30) + 1]
                .map(|limit| format!("body over {limit} → {}", body::too_large(limit))),
        );
        messages.extend(
            [100, 10_000, 90_000]
                .map(|millis| format!("body after {millis} ms → {}", body::too_slow(Duration::from_millis(millis)))),
        );
        let headers = |name: &'static str, values: &[&'static str]| -> HeaderMap {
            let name = HeaderName::from_static(name);
            values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
        };
        for value in ["soon", "-1s", "1x", ""] {
            let fault = request_timeout::from_headers(&headers("x-request-timeout", &[value])).unwrap_err();
            messages.push(format!("x-request-timeout: {value} → {}", fault.text()));
        }
        for (name, values) in
            [("inference-header-content-length", &["1", "2"][..]), ("chariot-inference-parameters", &["{}", "{}"])]
        {
            let fault = body_format::from_headers(&headers(name, values)).unwrap_err();
            messages.push(format!("{name}: {} → {}", values.join(", "), fault.text()));
        }
        insta::assert_snapshot!("not_served", messages.join("\n"));
    }
}
