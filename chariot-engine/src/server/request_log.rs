//! The log of requests: a line for each inference request, or for those with an error only. The handler writes it.
//!
//! A line has facts of the server and the names that a caller gave, never a payload.

use std::{net::SocketAddr, time::Duration};

use http::{Method, Response};
use http_body::Body;

use super::{
    report::{Report, Times, milliseconds},
    respond::{Reason, ResponseBody},
};
use crate::{error::quoted, runtime::Host, settings::RequestLog, telemetry::REFUSED_REQUEST};

/// The requests whose lines are written.
pub(super) fn is_logged(log: RequestLog, response: &Response<ResponseBody>) -> bool {
    match log {
        RequestLog::Off => false,
        RequestLog::Errors => is_error(response),
        RequestLog::All => true,
    }
}

/// Returns `true` for an error.
pub(super) fn is_error(response: &Response<ResponseBody>) -> bool {
    response.status().as_u16() >= 400
}

/// The facts about a request beside its report.
pub(super) struct Facts<'a> {
    pub(super) log: RequestLog,
    pub(super) model: &'a Host,
    /// The header with the caller's ID, if it is valid.
    pub(super) request_id: Option<&'a str>,
    pub(super) route: &'static str,
    pub(super) peer: Option<SocketAddr>,
    pub(super) total: Duration,
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
pub(super) fn write(facts: &Facts<'_>, report: &Report, response: &Response<ResponseBody>) {
    let progress = report.progress();
    let id = progress.and_then(|progress| progress.id()).or(facts.request_id);
    let times = progress.map(Times::of).unwrap_or_default();
    let stage = |time: Duration| (!time.is_zero()).then(|| milliseconds(time));
    write_line!(
        facts.log,
        model = facts.model.name(),
        request = id,
        route = facts.route,
        status = response.status().as_u16(),
        reason = reason(response),
        bytes_in = report.bytes,
        bytes_out = response.body().size_hint().exact(),
        items = progress.and_then(|progress| progress.items()),
        batch = progress.and_then(|progress| progress.batch()),
        read_ms = stage(times.read),
        decode_ms = stage(times.decode),
        queue_ms = stage(times.queue),
        infer_ms = stage(times.infer),
        encode_ms = stage(times.encode),
        total_ms = milliseconds(facts.total),
        peer = facts.peer.map(tracing::field::display),
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
fn reason(response: &Response<ResponseBody>) -> Option<&str> {
    response.extensions().get::<Reason>().map(|reason| &*reason.0)
}
