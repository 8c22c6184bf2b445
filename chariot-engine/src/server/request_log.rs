//! The log of requests: a line for each inference request, or for those with an error only. `request_end` writes it, and the
//! handler that of a request that is refused.
//!
//! A line has facts of the server and the names that a caller gave, never a payload.

use std::{net::SocketAddr, time::Duration};

use http::{Method, Response};

use super::{
    report::{Report, Times, milliseconds},
    respond::{Reason, ResponseBody},
};
use crate::{error::quoted, settings::RequestLog, telemetry::REFUSED_REQUEST};

/// Returns `true` if a request has a line.
pub(super) fn is_logged(log: RequestLog, is_error: bool) -> bool {
    match log {
        RequestLog::Off => false,
        RequestLog::Errors => is_error,
        RequestLog::All => true,
    }
}

/// Returns `true` for an error.
pub(super) fn is_error(response: &Response<ResponseBody>) -> bool {
    response.status().as_u16() >= 400
}

/// The request of a line.
pub(super) struct Line<'a> {
    pub(super) log: RequestLog,
    pub(super) model: &'a str,
    /// The ID of the request.
    pub(super) request: Option<&'a str>,
    pub(super) route: &'static str,
    pub(super) peer: Option<SocketAddr>,
    pub(super) total: Duration,
}

/// The response of a line.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    /// The text of an error.
    pub(super) reason: Option<&'a str>,
    /// The bytes of the body.
    pub(super) bytes: Option<u64>,
    /// The way in which a stream has ended.
    pub(super) ended: Option<&'static str>,
    /// The request has failed, whatever the status says.
    pub(super) is_error: bool,
}

/// The two places that write lines, of which one is limited: in the log of errors, a caller could fill the log.
macro_rules! write_line {
    ($log:expr, $($field:tt)*) => {
        match $log {
            RequestLog::All => tracing::info!(target: TARGET, $($field)*),
            _ => tracing::info!(name: REFUSED_REQUEST, target: TARGET, $($field)*),
        }
    };
}

/// The target of the lines, by which an operator can filter them.
const TARGET: &str = "chariot_engine::requests";

/// Writes the line of an inference request.
pub(super) fn write(line: &Line<'_>, report: &Report, answer: &Answer<'_>) {
    let progress = report.progress();
    let times = progress.map(Times::of).unwrap_or_default();
    let stage = |time: Duration| (!time.is_zero()).then(|| milliseconds(time));
    write_line!(
        line.log,
        model = line.model,
        request = line.request,
        trace_id = report.trace.id().map(tracing::field::display),
        route = line.route,
        status = answer.status,
        ended = answer.ended,
        reason = answer.reason,
        bytes_in = report.bytes,
        bytes_out = answer.bytes,
        items = progress.and_then(|progress| progress.items()),
        batch = progress.and_then(|progress| progress.batch()),
        read_ms = stage(times.read),
        decode_ms = stage(times.decode),
        queue_ms = stage(times.queue),
        infer_ms = stage(times.infer),
        encode_ms = stage(times.encode),
        total_ms = milliseconds(line.total),
        peer = line.peer.map(tracing::field::display),
        "request"
    );
}

/// Writes the line of a request that is none for inference, or that is refused before its route is known.
pub(super) fn write_refused(
    log: RequestLog,
    method: &Method,
    path: &str,
    response: &Response<ResponseBody>,
    peer: Option<SocketAddr>,
) {
    write_line!(
        log,
        method = quoted(method.as_str()),
        path = quoted(path),
        status = response.status().as_u16(),
        reason = reason(response),
        peer = peer.map(tracing::field::display),
        "request"
    );
}

/// Returns the text of an error.
pub(super) fn reason(response: &Response<ResponseBody>) -> Option<&str> {
    response.extensions().get::<Reason>().map(|reason| &*reason.0)
}
