//! Answers that are streamed: server-sent events, one for each part that the model emits, then the whole response. The
//! handler of inference calls it.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::Frame;
use serde::Serialize;

use super::respond::{ResponseBody, failure_text};
use crate::{
    inflight::{PartReceiver, PartSender, part_channel},
    protocol::{EncodedResponse, JsonText},
    runtime::Failure,
};

const EVENTS: &str = "text/event-stream";

type Outcome = Result<EncodedResponse, Failure>;

/// Whether the caller asks for events.
pub(super) fn asked(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_events = parts.next().is_some_and(|of| of.eq_ignore_ascii_case(EVENTS));
        // A weight of nothing is a refusal.
        let refused = |part: &str| {
            let weight = part.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
            weight.is_some_and(|(_, weight)| weight.trim().parse() == Ok(0.0))
        };
        is_events && !parts.any(refused)
    })
}

/// Answers by events. What fails before the first event is a failure like any other.
pub(super) async fn answer<F>(work: impl FnOnce(PartSender) -> F) -> Result<Response<ResponseBody>, Failure>
where
    F: Future<Output = Outcome> + Send + 'static,
{
    let (parts, reader) = part_channel();
    let mut events = Events { parts: reader, first: None, work: Some(Mutex::new(Box::pin(work(parts)))), answer: None };
    match poll_fn(|cx| events.poll(cx)).await {
        Some(Next::Outcome(Err(failure))) => return Err(failure),
        first => events.first = first,
    }
    let mut response = Response::new(ResponseBody::events(events));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENTS));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// The events of one answer. The work is done as they are read; dropped, it is given up.
pub(super) struct Events {
    parts: PartReceiver,
    /// What has been read before the body was.
    first: Option<Next>,
    /// The work, until it has ended. The lock, which is never taken, makes the body one that can be shared.
    work: Option<Mutex<Pin<Box<dyn Future<Output = Outcome> + Send>>>>,
    /// What came of it, until it is told.
    answer: Option<Outcome>,
}

enum Next {
    Part(Bytes),
    Outcome(Outcome),
}

impl Events {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Next>> {
        if let Poll::Ready(part) = self.parts.poll(cx) {
            return Poll::Ready(Some(Next::Part(part)));
        }
        if let Some(work) = &mut self.work {
            let work = work.get_mut().unwrap_or_else(PoisonError::into_inner);
            match work.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(answer) => (self.work, self.answer) = (None, Some(answer)),
            }
        }
        // What was emitted in the meantime goes before.
        let part = self.parts.take().map(Next::Part);
        Poll::Ready(part.or_else(|| self.answer.take().map(Next::Outcome)))
    }

    /// The next event, as it is written.
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        let next = match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => self.poll(cx),
        };
        next.map(|next| next.map(|next| Frame::data(next.written())))
    }

    pub(super) fn is_over(&self) -> bool {
        self.first.is_none() && self.work.is_none() && self.answer.is_none()
    }
}

impl Next {
    fn written(self) -> Bytes {
        match self {
            Next::Part(part) => event("", &part),
            Next::Outcome(Ok(response)) => event("", &response.body),
            Next::Outcome(Err(failure)) => {
                #[derive(Serialize)]
                struct Envelope<'a> {
                    error: &'a str,
                }
                let text = failure_text(&failure);
                // A string is always JSON.
                let envelope =
                    JsonText::from_value(&Envelope { error: &text }).map(JsonText::into_bytes).unwrap_or_default();
                event("event: error\n", &envelope)
            }
        }
    }
}

/// An event: each line of its data is a line of its own, and read they are the data again.
fn event(head: &str, data: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(head.len() + data.len() + 16);
    event.extend_from_slice(head.as_bytes());
    for line in data.strip_suffix(b"\n").unwrap_or(data).split(|byte| *byte == b'\n') {
        event.extend_from_slice(b"data: ");
        // It would end the line, and in JSON it is a blank.
        event.extend(line.iter().map(|byte| if *byte == b'\r' { b' ' } else { *byte }));
        event.push(b'\n');
    }
    event.push(b'\n');
    event.into()
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_asked_for_by_name() {
        let asked_by = |values: &[&'static str]| {
            let values = values.iter().map(|value| (header::ACCEPT, HeaderValue::from_static(value)));
            asked(&values.collect())
        };
        for accept in [
            "text/event-stream",
            "Text/Event-Stream",
            "application/json;q=0.5, text/event-stream; q=0.9",
            "text/event-stream;charset=utf-8",
        ] {
            assert!(asked_by(&[accept]), "{accept}");
        }
        assert!(asked_by(&["application/json", "text/event-stream"]));
        for accept in ["", "*/*", "text/*", "application/json", "text/event-stream;q=0", "text/event-stream ; Q = 0.0"]
        {
            assert!(!asked_by(&[accept]), "{accept}");
        }
        assert!(!asked_by(&[]));
    }

    #[test]
    fn a_body_can_be_sent_and_shared() {
        fn check<T: Send + Sync + 'static>() {}
        check::<ResponseBody>();
    }

    #[test]
    fn each_line_of_the_data_is_one_of_the_event() {
        assert_eq!(&*event("", b"{}"), b"data: {}\n\n");
        assert_eq!(&*event("", b"{\r\n}"), b"data: { \ndata: }\n\n");
        assert_eq!(&*event("event: error\n", b"{}\n{}\n"), b"event: error\ndata: {}\ndata: {}\n\n");
    }
}
