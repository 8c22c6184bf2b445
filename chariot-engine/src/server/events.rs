//! Streamed responses: server-sent events, one for each part that the model emits, then the complete response. A silent model
//! is no reason for a proxy to give up: comments, which clients ignore, fill the silence.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::Frame;
use serde::Serialize;
use tokio::time::{Instant, Sleep, sleep};

use super::status::status_of;
use crate::{
    inflight::{Charge, PaceLimit, Part, PartReceiver, PartSender, part_channel},
    protocol::{EventForm, JsonText},
    runtime::{ChargedResponse, Failure},
};

/// The silence after which a comment is sent: well below the read timeouts of proxies, the shortest of which are 30 s.
const SILENCE: Duration = Duration::from_secs(15);

/// The size from which a frame takes no further event, in bytes.
const FRAME: usize = 4 << 10;

/// A comment, and the blank line that makes clients process what they have.
const COMMENT: &[u8] = b":\n\n";

type Outcome = Result<ChargedResponse, Failure>;

/// The end of a streamed response.
#[derive(Debug)]
pub(super) struct StreamEnd {
    /// The bytes that were sent, or handed to the connection to be sent.
    pub(super) bytes: u64,
    pub(super) outcome: StreamOutcome,
}

/// The reason why a stream has ended.
#[derive(Debug)]
pub(super) enum StreamOutcome {
    Complete,
    /// The work has failed with this status and message, which are its last event.
    Failed(u16, String),
    /// The connection has ended before.
    Disconnected,
}

/// The function that is called at the end of a stream.
type AtEnd = Box<dyn FnOnce(StreamEnd) + Send + Sync>;

/// The end of a stream, as far as it is known. The stream ends when its body is dropped.
struct Ending {
    end: StreamEnd,
    at_end: Option<AtEnd>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(at_end) = self.at_end.take() {
            let end = StreamEnd { bytes: 0, outcome: StreamOutcome::Disconnected };
            at_end(std::mem::replace(&mut self.end, end));
        }
    }
}

/// The events of one response. Reading them drives the work; dropping them cancels it.
pub(super) struct Events {
    parts: PartReceiver,
    /// The deadline, after which parts that wait are dropped.
    end: Option<Instant>,
    /// The event that was read before the response began.
    first: Option<Next>,
    /// The work, until it is done. The lock is never taken; it makes the body `Sync`.
    work: Option<Mutex<Pin<Box<dyn Future<Output = Outcome> + Send>>>>,
    /// The outcome of the work, until its event is read.
    outcome: Option<Outcome>,
    /// The time of the last event.
    silent_since: Instant,
    /// Ends when a comment may be due. It is set anew only then, and not at every event.
    silence: Pin<Box<Sleep>>,
    /// The form of the events, if the request is of another protocol.
    form: Option<Box<dyn EventForm>>,
    ending: Ending,
}

enum Next {
    /// Nothing has happened for a while.
    Silence,
    Part(Part),
    Outcome(Outcome),
}

impl Events {
    /// Starts the work and waits for its first event, or for the first comment: by then the response must begin. The work
    /// itself ends by `end`. The caller reads parts at the pace of `limit`, and `charge` has the budget that they count to.
    /// A request of another protocol has a `form` of its own.
    ///
    /// # Errors
    /// Returns a failure that occurs before, which becomes a plain error response.
    pub(super) async fn start<F>(
        limit: PaceLimit,
        charge: Charge,
        end: Option<Instant>,
        form: Option<Box<dyn EventForm>>,
        work: impl FnOnce(PartSender) -> F,
    ) -> Result<Events, Failure>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let (sender, parts) = part_channel(limit, charge);
        let work = Some(Mutex::new(Box::pin(work(sender)) as Pin<Box<dyn Future<Output = Outcome> + Send>>));
        let silence = Box::pin(sleep(SILENCE));
        let silent_since = Instant::now();
        let ending = Ending { end: StreamEnd { bytes: 0, outcome: StreamOutcome::Disconnected }, at_end: None };
        let mut events = Events { parts, end, first: None, work, outcome: None, silent_since, silence, form, ending };
        match poll_fn(|cx| events.poll(cx)).await {
            Some(Next::Outcome(Err(failure))) => Err(failure),
            first => Ok(Events { first, ..events }),
        }
    }

    /// Sets the function that is called once the stream has ended.
    pub(super) fn at_end(&mut self, call: impl FnOnce(StreamEnd) + Send + Sync + 'static) {
        self.ending.at_end = Some(Box::new(call));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Next>> {
        let now = Instant::now();
        let next = self.poll_work(cx, now);
        if next.is_ready() {
            self.silent_since = now;
            return next;
        }
        while self.silence.as_mut().poll(cx).is_ready() {
            let due = self.silent_since + SILENCE;
            if due <= now {
                self.silent_since = now;
                self.silence.as_mut().reset(now + SILENCE);
                return Poll::Ready(Some(Next::Silence));
            }
            self.silence.as_mut().reset(due);
        }
        Poll::Pending
    }

    fn poll_work(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Option<Next>> {
        let is_late = self.end.is_some_and(|end| end <= now);
        if is_late {
            while self.parts.take().is_some() {}
        } else if let Poll::Ready(part) = self.parts.poll(cx) {
            return Poll::Ready(Some(Next::Part(part)));
        }
        if let Some(work) = &mut self.work {
            let work = work.get_mut().unwrap_or_else(PoisonError::into_inner);
            match work.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(outcome) => (self.work, self.outcome) = (None, Some(outcome)),
            }
        }
        // Parts that were emitted in the meantime go first.
        let part = self.parts.take().filter(|_| !is_late).map(Next::Part);
        Poll::Ready(part.or_else(|| self.outcome.take().map(Next::Outcome)))
    }

    /// Polls for the next event in its encoded form.
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        let next = match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => self.poll(cx),
        };
        next.map(|next| {
            let next = next?;
            match &next {
                Next::Outcome(Ok(_)) => self.ending.end.outcome = StreamOutcome::Complete,
                Next::Outcome(Err(failure)) => {
                    let status = status_of(failure.error.kind()).as_u16();
                    self.ending.end.outcome = StreamOutcome::Failed(status, failure.public_message());
                }
                Next::Part(_) | Next::Silence => {}
            }
            let bytes = match &mut self.form {
                None => next.encode(&self.parts),
                Some(form) => next.encode_in(&mut **form, &self.parts),
            };
            self.ending.end.bytes += bytes.len() as u64;
            Some(Frame::data(bytes))
        })
    }

    /// Returns `true` if all events have been read.
    pub(super) fn is_over(&self) -> bool {
        self.first.is_none() && self.work.is_none() && self.outcome.is_none()
    }
}

impl Next {
    /// Encodes the event, and after a part those that wait behind it, because a frame costs more than a small event.
    fn encode(self, waiting: &PartReceiver) -> Bytes {
        match self {
            Next::Silence => Bytes::from_static(COMMENT),
            Next::Part(Part { bytes, charge }) => {
                let mut events = event("", &bytes);
                while events.len() < FRAME
                    && let Some(Part { bytes, .. }) = waiting.take()
                {
                    write_event(&mut events, "", &bytes);
                }
                charge.hold(events)
            }
            Next::Outcome(Ok(ChargedResponse { response, charge, .. })) => charge.hold(event("", &response.body)),
            Next::Outcome(Err(failure)) => {
                #[derive(Serialize)]
                struct Envelope<'a> {
                    error: &'a str,
                }
                let text = failure.public_message();
                // Always succeeds: the envelope holds only a string.
                let envelope =
                    JsonText::from_value(&Envelope { error: &text }).map(JsonText::into_bytes).unwrap_or_default();
                event("event: error\n", &envelope).into()
            }
        }
    }
}

impl Next {
    /// Encodes the event in the form of another protocol, and those of the parts that wait behind it.
    fn encode_in(self, form: &mut dyn EventForm, waiting: &PartReceiver) -> Bytes {
        let mut events = Vec::new();
        let charge = match self {
            Next::Silence => return Bytes::from_static(COMMENT),
            Next::Part(Part { bytes, charge }) => {
                form.part(&bytes, &mut events);
                while events.len() < FRAME
                    && let Some(Part { bytes, .. }) = waiting.take()
                {
                    form.part(&bytes, &mut events);
                }
                charge
            }
            Next::Outcome(Ok(ChargedResponse { response, charge, .. })) => {
                form.end(&response.body, &mut events);
                charge
            }
            Next::Outcome(Err(failure)) => {
                form.failure(status_of(failure.error.kind()).as_u16(), &failure.public_message(), &mut events);
                return events.into();
            }
        };
        if events.is_empty() {
            // An empty frame may end the body. This one wakes the client as silence does.
            return Bytes::from_static(COMMENT);
        }
        charge.settle(events.capacity() as u64);
        charge.hold(events)
    }
}

/// Encodes an event, with one `data:` line for each line of its data.
fn event(head: &str, data: &[u8]) -> Vec<u8> {
    let mut event = Vec::with_capacity(head.len() + data.len() + 16);
    write_event(&mut event, head, data);
    event
}

fn write_event(event: &mut Vec<u8>, head: &str, data: &[u8]) {
    event.extend_from_slice(head.as_bytes());
    for line in data.strip_suffix(b"\n").unwrap_or(data).split(|byte| *byte == b'\n') {
        event.extend_from_slice(b"data: ");
        // A carriage return would end the line; in JSON it is whitespace like a space.
        event.extend(line.iter().map(|byte| if *byte == b'\r' { b' ' } else { *byte }));
        event.push(b'\n');
    }
    event.push(b'\n');
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::EncodedResponse;

    /// Reads the next event in its encoded form.
    async fn next(events: &mut Events) -> Option<Bytes> {
        poll_fn(|cx| events.poll_frame(cx)).await.map(|frame| frame.into_data().unwrap())
    }

    fn whole(text: &'static str) -> Outcome {
        let response = EncodedResponse { body: text.into(), json_length: None, content_type: "application/json" };
        Ok(ChargedResponse { response, frames: Vec::new(), charge: Charge::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_filled_with_comments_before_and_after_the_first_part() {
        let begin = Instant::now();
        let limit = PaceLimit::new(SILENCE, 1);
        let mut events = Events::start(limit, Charge::default(), None, None, |parts| async move {
            sleep(SILENCE * 2 + SILENCE / 2).await;
            parts.send("1".into(), None).unwrap();
            sleep(SILENCE + SILENCE / 2).await;
            whole("2")
        })
        .await
        .unwrap();
        assert_eq!(begin.elapsed(), SILENCE);
        for (halves, expected) in [(2, ":\n\n"), (4, ":\n\n"), (5, "data: 1\n\n"), (7, ":\n\n"), (8, "data: 2\n\n")] {
            assert_eq!(next(&mut events).await.unwrap(), expected);
            assert_eq!(begin.elapsed(), SILENCE / 2 * halves);
        }
        assert!(events.is_over());
        assert_eq!(next(&mut events).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn parts_that_wait_share_a_frame_up_to_its_size() {
        let large = "1".repeat(FRAME);
        let sent = large.clone();
        let mut events = Events::start(PaceLimit::new(SILENCE, 1), Charge::default(), None, None, |parts| async move {
            for part in ["1", "2", &sent, "3"] {
                parts.send(part.to_string().into(), None).unwrap();
            }
            whole("4")
        })
        .await
        .unwrap();
        let first = format!("data: 1\n\ndata: 2\n\ndata: {large}\n\n");
        for expected in [first.as_str(), "data: 3\n\n", "data: 4\n\n"] {
            assert_eq!(next(&mut events).await.unwrap(), expected);
        }
        assert!(events.is_over());
    }

    #[test]
    fn each_line_of_the_data_is_a_line_of_the_event() {
        assert_eq!(&*event("", b"{}"), b"data: {}\n\n");
        assert_eq!(&*event("", b"{\r\n}"), b"data: { \ndata: }\n\n");
        assert_eq!(&*event("event: error\n", b"{}\n{}\n"), b"event: error\ndata: {}\ndata: {}\n\n");
    }
}
