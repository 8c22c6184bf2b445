//! [`LogScope`], the requests that a thread works for at the moment. The runtime enters it around the code of an author, and
//! `logs` adds it to the lines that this code writes.
//!
//! It is not a span of `tracing`: the registry of spans would make one for each request, also when nothing is logged. An embedded engine, whose subscriber is not ours, has a span.

use std::{
    cell::RefCell,
    fmt::Write,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use smallvec::SmallVec;

use crate::protocol::TraceId;

/// The number of requests of a call that a line names.
const NAMED: usize = 8;

/// Lines are written by this process's own subscriber, which reads the scope.
static IS_READ: AtomicBool = AtomicBool::new(false);

thread_local! {
    static CURRENT: RefCell<Option<LogScope>> = const { RefCell::new(None) };
}

/// A request as lines name it: its ID, and that of its trace if it has one.
type LoggedRequest = (Arc<str>, Option<TraceId>);

/// The requests that a thread works for. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct LogScope {
    model: Arc<str>,
    /// The first requests.
    requests: SmallVec<[LoggedRequest; 1]>,
    /// The number of further requests.
    more: usize,
}

impl LogScope {
    /// Makes scopes have an effect in this process.
    pub(super) fn read_by_log() {
        IS_READ.store(true, Ordering::Relaxed);
    }

    /// Returns the scope of these requests to a model; `None` if no line would show it.
    pub(crate) fn new<'a>(
        model: &Arc<str>,
        requests: impl ExactSizeIterator<Item = (&'a Arc<str>, Option<TraceId>)>,
    ) -> Option<Self> {
        if !IS_READ.load(Ordering::Relaxed) {
            return None;
        }
        let more = requests.len().saturating_sub(NAMED);
        let requests = requests.take(NAMED).map(|(id, trace)| (id.clone(), trace)).collect();
        Some(LogScope { model: model.clone(), requests, more })
    }

    /// Runs a function in this scope.
    pub(crate) fn run<T>(scope: Option<Self>, work: impl FnOnce() -> T) -> T {
        let Some(scope) = scope else { return work() };
        let mut scope = Some(scope);
        let _entered = Entered::new(&mut scope);
        work()
    }

    /// Polls a future in this scope.
    pub(crate) fn around<F: Future + Unpin>(scope: Option<Self>, future: F) -> InScope<F> {
        InScope { scope, future }
    }

    /// Adds the scope of this thread to a line in JSON, as the last member.
    pub(super) fn add_to_json(line: &[u8]) -> Option<Vec<u8>> {
        let object = line.strip_suffix(b"}\n")?;
        Self::with(|scope| {
            let mut span = serde_json::json!({ "name": "inference", "model": &*scope.model });
            let traces = scope.traces();
            match &scope.requests[..] {
                [(id, trace)] if scope.more == 0 => {
                    span["request_id"] = (&**id).into();
                    if let Some(trace) = trace {
                        span["trace_id"] = trace.to_string().into();
                    }
                }
                several => {
                    span["requests"] = several.iter().map(|(id, _)| &**id).collect();
                    if !traces.is_empty() {
                        span["trace_ids"] = traces.into();
                    }
                }
            }
            if scope.more > 0 {
                span["more_requests"] = scope.more.into();
            }
            [object, b",\"span\":", span.to_string().as_bytes(), b"}\n"].concat()
        })
    }

    /// Adds the scope of this thread to the first line of an event for people.
    pub(super) fn add_to_text(event: &[u8]) -> Option<Vec<u8>> {
        Self::with(|scope| {
            let mut span = format!(" inference{{model={:?}", scope.model);
            // Writing to a string does not fail.
            match &scope.requests[..] {
                [(id, trace)] if scope.more == 0 => {
                    let _ = write!(span, " request_id={id:?}");
                    if let Some(trace) = trace {
                        let _ = write!(span, " trace_id=\"{trace}\"");
                    }
                }
                several => {
                    let ids: SmallVec<[&str; NAMED]> = several.iter().map(|(id, _)| &**id).collect();
                    let _ = write!(span, " requests={ids:?}");
                    let traces = scope.traces();
                    if !traces.is_empty() {
                        let _ = write!(span, " trace_ids={traces:?}");
                    }
                }
            }
            if scope.more > 0 {
                let _ = write!(span, " more_requests={}", scope.more);
            }
            span.push('}');
            let end = event.iter().position(|byte| *byte == b'\n').unwrap_or(event.len());
            [&event[..end], span.as_bytes(), &event[end..]].concat()
        })
    }

    /// Returns the IDs of the traces, each of them once.
    fn traces(&self) -> Vec<String> {
        let mut traces = Vec::new();
        for (_, trace) in &self.requests {
            traces.extend(trace.map(|id| id.to_string()).filter(|id| !traces.contains(id)));
        }
        traces
    }

    fn with<T>(read: impl FnOnce(&LogScope) -> T) -> Option<T> {
        // The scope is taken only for moments in which no line is written.
        CURRENT.with(|current| current.try_borrow().ok()?.as_ref().map(read))
    }
}

/// A scope that this thread is in, until it is dropped.
struct Entered<'a>(&'a mut Option<LogScope>);

impl<'a> Entered<'a> {
    fn new(scope: &'a mut Option<LogScope>) -> Self {
        swap(scope);
        Entered(scope)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        swap(self.0);
    }
}

fn swap(scope: &mut Option<LogScope>) {
    CURRENT.with(|current| {
        if let Ok(mut current) = current.try_borrow_mut() {
            std::mem::swap(&mut *current, scope);
        }
    });
}

/// A future in a scope.
pub(crate) struct InScope<F> {
    scope: Option<LogScope>,
    future: F,
}

impl<F: Future + Unpin> Future for InScope<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if this.scope.is_none() {
            return Pin::new(&mut this.future).poll(cx);
        }
        let _entered = Entered::new(&mut this.scope);
        Pin::new(&mut this.future).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_first_requests_of_a_call() {
        LogScope::read_by_log();
        let ids: Vec<Arc<str>> = (0..10).map(|id| id.to_string().into()).collect();
        let scope = |ids: &[Arc<str>]| LogScope::new(&"digits".into(), ids.iter().map(|id| (id, None)));
        let json = |ids| LogScope::run(scope(ids), || LogScope::add_to_json(b"{\"level\":\"INFO\"}\n"));
        let parse = |line: Vec<u8>| serde_json::from_slice::<serde_json::Value>(&line).unwrap();
        let one = parse(json(&ids[..1]).unwrap());
        let span = serde_json::json!({"name": "inference", "model": "digits", "request_id": "0"});
        assert_eq!(one, serde_json::json!({"level": "INFO", "span": span}));
        let span = parse(json(&ids).unwrap())["span"].take();
        assert_eq!((span["requests"].as_array().unwrap().len(), &span["more_requests"]), (NAMED, &2.into()));
        let text = LogScope::run(scope(&ids[..2]), || LogScope::add_to_text(b"one\ntwo\n")).unwrap();
        assert_eq!(text, b"one inference{model=\"digits\" requests=[\"0\", \"1\"]}\ntwo\n");
        assert_eq!(LogScope::add_to_text(b"outside\n"), None);
    }

    #[test]
    fn a_line_names_the_traces_of_its_requests() {
        LogScope::read_by_log();
        let id = "id".into();
        let scope = |traces: &[Option<u128>]| {
            LogScope::new(&"digits".into(), traces.iter().map(|trace| (&id, trace.map(TraceId))))
        };
        let span = |traces: &[Option<u128>]| {
            let line = LogScope::run(scope(traces), || LogScope::add_to_json(b"{\"level\":\"INFO\"}\n")).unwrap();
            serde_json::from_slice::<serde_json::Value>(&line).unwrap()["span"].take()
        };
        let shown = |trace: u128| format!("{trace:032x}");
        assert_eq!(span(&[Some(7)])["trace_id"], shown(7));
        assert_eq!(span(&[Some(7), None, Some(8), Some(7)])["trace_ids"], serde_json::json!([shown(7), shown(8)]));
        assert_eq!(span(&[None, None]).get("trace_ids"), None);
        let text = |traces: &[Option<u128>]| LogScope::run(scope(traces), || LogScope::add_to_text(b"line\n")).unwrap();
        let one = format!("line inference{{model=\"digits\" request_id=\"id\" trace_id=\"{}\"}}\n", shown(7));
        assert_eq!(String::from_utf8(text(&[Some(7)])).unwrap(), one);
        let ends = format!(" trace_ids=[\"{}\"]}}\n", shown(7));
        assert!(String::from_utf8(text(&[Some(7), None])).unwrap().ends_with(&ends));
    }

    #[test]
    fn a_scope_ends_with_the_work_in_it() {
        LogScope::read_by_log();
        let scope = |id: &str| LogScope::new(&"digits".into(), [(&id.into(), None)].into_iter());
        let shown = || LogScope::with(|scope| scope.requests[0].0.to_string());
        LogScope::run(scope("outer"), || {
            let inner = std::panic::catch_unwind(|| LogScope::run(scope("inner"), || panic!("{:?}", shown())));
            assert_eq!(inner.unwrap_err().downcast_ref::<String>().unwrap(), "Some(\"inner\")");
            assert_eq!(shown().as_deref(), Some("outer"));
        });
        assert_eq!(shown(), None);
    }
}
