//! The end of an inference request: its metrics, its times, its line in the log and its span. The handlers call it once the
//! response is there; what a stream needs happens when it ends.

use std::net::SocketAddr;
#[cfg(feature = "page")]
use std::sync::Arc;

use http::{HeaderValue, Response};
use http_body::Body;
use tokio::time::Instant;

#[cfg(feature = "page")]
use super::page_state::PageState;
use super::{
    events::{StreamEnd, StreamOutcome},
    report::Report,
    request_log::{self, Answer, Line},
    respond::ResponseBody,
};
use crate::{
    runtime::Host,
    settings::RequestLog,
    telemetry::{SpanEnd, metrics::Stage},
};

/// The facts about a request beside its report.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) log: RequestLog,
    pub(super) model: &'a Host,
    /// The header with the caller's ID, if it is valid.
    pub(super) request_id: Option<&'a HeaderValue>,
    pub(super) route: &'static str,
    pub(super) peer: Option<SocketAddr>,
    pub(super) arrived: Instant,
    /// The state that the page shows, to which errors are added; `None` without a page.
    #[cfg(feature = "page")]
    pub(super) page: Option<&'a Arc<PageState>>,
}

impl Facts<'_> {
    /// Returns `true` if errors are added to what the page shows.
    fn keeps_errors(&self) -> bool {
        #[cfg(feature = "page")]
        return self.page.is_some();
        #[cfg(not(feature = "page"))]
        false
    }
}

/// Ends a request with its response, or if that is a stream, with the end of the stream.
pub(super) fn end(facts: Facts<'_>, report: Report, mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    let took = facts.arrived.elapsed();
    let status = response.status().as_u16();
    facts.model.metrics().answered(status);
    report.add_times(&mut response, took);
    if let Some(events) = response.body_mut().events_mut() {
        let (model, request_id) = (facts.model.clone(), facts.request_id.cloned());
        let Facts { log, route, peer, arrived, .. } = facts;
        #[cfg(feature = "page")]
        let page = facts.page.cloned();
        events.at_end(move |end| {
            let facts = Facts {
                log,
                model: &model,
                request_id: request_id.as_ref(),
                route,
                peer,
                arrived,
                #[cfg(feature = "page")]
                page: page.as_ref(),
            };
            end_stream(facts, report, status, &end);
        });
        return response;
    }
    facts.model.metrics().took(Stage::Total, took);
    let answer = Answer {
        status,
        reason: request_log::reason(&response),
        bytes: response.body().size_hint().exact(),
        ended: None,
        is_error: request_log::is_error(&response),
    };
    finish(facts, report, &answer, None);
    response
}

/// Ends a request whose response is a stream that has ended.
fn end_stream(facts: Facts<'_>, report: Report, status: u16, end: &StreamEnd) {
    facts.model.metrics().took(Stage::Total, facts.arrived.elapsed());
    let (ended, reason, failed) = match &end.outcome {
        StreamOutcome::Complete => ("complete", None, None),
        StreamOutcome::Failed(status, reason) => ("failed", Some(reason.as_str()), Some(*status)),
        StreamOutcome::Disconnected => ("disconnected", None, None),
    };
    let answer = Answer { status, reason, bytes: Some(end.bytes), ended: Some(ended), is_error: failed.is_some() };
    finish(facts, report, &answer, failed);
}

/// Writes the line and ends the span.
fn finish(facts: Facts<'_>, mut report: Report, answer: &Answer<'_>, failed: Option<u16>) {
    // A borrow of this field alone.
    let progress = report.token.as_ref().map(|token| token.progress());
    let given = || facts.request_id.and_then(|id| id.to_str().ok());
    let is_logged = request_log::is_logged(facts.log, answer.is_error);
    if is_logged || (answer.is_error && facts.keeps_errors()) {
        let line = Line {
            log: facts.log,
            model: facts.model.name(),
            request: progress.and_then(|progress| progress.id()).or_else(given),
            route: facts.route,
            peer: facts.peer,
            total: facts.arrived.elapsed(),
        };
        #[cfg(feature = "page")]
        if let Some(page) = facts.page.filter(|_| answer.is_error) {
            page.errors.note(&line, failed.unwrap_or(answer.status), answer.reason);
        }
        if is_logged {
            request_log::write(&line, &report, answer);
        }
    }
    if report.trace.is_recorded() {
        report.trace.end(&SpanEnd {
            model: Some(facts.model.name()),
            request: progress.and_then(|progress| progress.id()).or_else(given),
            status: Some(answer.status),
            failed,
            is_gone: answer.ended == Some("disconnected"),
            items: progress.and_then(|progress| progress.items()),
        });
    }
}
