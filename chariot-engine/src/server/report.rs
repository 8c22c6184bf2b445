//! [`Report`], what the handler of an inference request reports about it: for its line in the log, and for `Server-Timing`.

use std::{fmt::Write, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Response};

use super::{respond::ResponseBody, trace::RequestTrace};
use crate::{
    inflight::{Progress, RequestToken},
    telemetry::metrics::Stage,
};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The facts about an inference request.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// `None` until the request is admitted.
    pub(super) token: Option<Arc<RequestToken>>,
    /// The bytes of the body, as they were sent.
    pub(super) bytes: Option<usize>,
    /// The caller asks for the times of the stages.
    pub(super) wants_times: bool,
    /// The response is a stream, whose work goes on after its head.
    pub(super) streams: bool,
    pub(super) trace: RequestTrace,
}

/// The time of each stage of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) read: Duration,
    pub(super) decode: Duration,
    /// The wait for a decoder and for a worker.
    pub(super) queue: Duration,
    pub(super) infer: Duration,
    pub(super) encode: Duration,
}

impl Times {
    pub(super) fn of(progress: &Progress) -> Self {
        Times {
            read: progress.of(Stage::Read),
            decode: progress.of(Stage::Decode),
            queue: progress.of(Stage::DecodeWait) + progress.of(Stage::Queue),
            infer: progress.of(Stage::Infer),
            encode: progress.of(Stage::Encode),
        }
    }
}

impl Report {
    pub(super) fn new(trace: RequestTrace) -> Self {
        Report { trace, ..Report::default() }
    }

    /// Records the token of an admitted request, which becomes part of the trace.
    pub(super) fn admitted(&mut self, token: Arc<RequestToken>) {
        self.trace.join(&token);
        self.token = Some(token);
    }

    /// Returns what the request has gone through.
    pub(super) fn progress(&self) -> Option<&Progress> {
        self.token.as_ref().map(|token| token.progress())
    }

    /// Adds `Server-Timing` to a response that took this time, if the caller asked for it. The head of a stream is sent before
    /// the times are known.
    pub(super) fn add_times(&self, response: &mut Response<ResponseBody>, total: Duration) {
        let Some(progress) = self.progress().filter(|_| self.wants_times && !self.streams) else { return };
        let Times { read, decode, queue, infer, encode } = Times::of(progress);
        let mut value = String::with_capacity(128);
        let stages = [
            ("read", read),
            ("decode", decode),
            ("queue", queue),
            ("infer", infer),
            ("encode", encode),
            ("total", total),
        ];
        for (name, time) in stages {
            let separator = if value.is_empty() { "" } else { ", " };
            // Writing to a string does not fail.
            let _ = write!(value, "{separator}{name};dur={}", milliseconds(time));
        }
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(SERVER_TIMING, value);
        }
    }
}

/// Returns a time in milliseconds, to a microsecond.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_nanos() as f64 / 1e3).round() / 1e3
}
