//! [`LastErrors`]: the last requests with an error, for the page. `request_end` and the handlers add to them where they
//! decide about the line in the log, and the page's state shows them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use http::{Method, Response};
use serde::Serialize;

use super::{
    report::milliseconds,
    request_log::{Line, reason},
    respond::ResponseBody,
};

/// The number of requests that are kept.
const KEPT: usize = 50;

/// The longest text of an error or a path that is kept, in bytes.
const LONGEST: usize = 2000;

/// The last requests with an error. No payload is among them.
///
/// Each has a place of its own by its number, so a request never waits for a reader or for other requests: if another thread
/// is at its place, which takes one that reads there or fifty later errors, it is left out.
#[derive(Debug)]
pub(crate) struct LastErrors {
    places: [Place; KEPT],
    next: AtomicU64,
}

type Place = Mutex<Option<Arc<FailedRequest>>>;

/// A request with an error. Its JSON is what the page reads.
#[derive(Debug, Serialize)]
pub(super) struct FailedRequest {
    /// The number of the error since the start.
    number: u64,
    /// The time of the response, in milliseconds since 1970.
    at_ms: u64,
    #[serde(flatten)]
    what: What,
    status: u16,
    reason: Option<Box<str>>,
}

#[derive(Debug, Default, Serialize)]
struct What {
    /// The ID of the request, if it has come so far or the caller gave one.
    request: Option<Box<str>>,
    model: Option<Box<str>>,
    /// The route of an inference request, or the path of another.
    route: Box<str>,
    total_ms: Option<f64>,
}

impl LastErrors {
    pub(super) fn new() -> Self {
        LastErrors { places: [const { Mutex::new(None) }; KEPT], next: AtomicU64::new(0) }
    }

    /// Keeps an inference request, which has this status, or fails with it while it streams.
    pub(super) fn note(&self, line: &Line<'_>, status: u16, reason: Option<&str>) {
        let what = What {
            request: line.request.map(Into::into),
            model: Some(line.model.into()),
            route: line.route.into(),
            total_ms: Some(milliseconds(line.total)),
        };
        self.keep(what, status, reason);
    }

    /// Keeps a request that is refused before its route is known, unless it only asks: the page itself asks all the time.
    pub(super) fn note_refused(&self, method: &Method, path: &str, response: &Response<ResponseBody>) {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let what = What { route: cut(&format!("{method} {path}")), ..What::default() };
            self.keep(what, response.status().as_u16(), reason(response));
        }
    }

    fn keep(&self, what: What, status: u16, reason: Option<&str>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let failed = FailedRequest {
            number,
            at_ms: since.as_millis().try_into().unwrap_or(u64::MAX),
            what,
            status,
            reason: reason.map(cut),
        };
        let place = &self.places[(number % KEPT as u64) as usize];
        if let Ok(mut place) = place.try_lock()
            && place.as_ref().is_none_or(|earlier| earlier.number < number)
        {
            *place = Some(Arc::new(failed));
        }
    }

    /// Returns the requests, the last one first.
    pub(super) fn list(&self) -> Vec<Arc<FailedRequest>> {
        let read = |place: &Place| place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut list: Vec<Arc<FailedRequest>> = self.places.iter().filter_map(read).collect();
        list.sort_unstable_by_key(|failed| std::cmp::Reverse(failed.number));
        list
    }
}

/// Returns a text, or the beginning of a long one.
fn cut(text: &str) -> Box<str> {
    match text.len() {
        0..=LONGEST => text.into(),
        _ => format!("{}…", &text[..text.floor_char_boundary(LONGEST)]).into(),
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::server::error_response;

    fn refusal(status: u16) -> Response<ResponseBody> {
        error_response(StatusCode::from_u16(status).unwrap(), "no")
    }

    fn numbers(errors: &LastErrors) -> Vec<u64> {
        errors.list().iter().map(|failed| failed.number).collect()
    }

    #[test]
    fn the_last_fifty_are_kept() {
        let errors = LastErrors::new();
        assert!(errors.list().is_empty());
        for _ in 0..120 {
            errors.note_refused(&Method::POST, "/nowhere", &refusal(404));
        }
        assert_eq!(numbers(&errors), (70..120).rev().collect::<Vec<u64>>());
        let value = serde_json::to_value(&*errors.list()[0]).unwrap();
        assert_eq!((&value["route"], &value["status"]), (&"POST /nowhere".into(), &404.into()));
    }

    #[test]
    fn a_request_that_asks_is_not_kept() {
        let errors = LastErrors::new();
        errors.note_refused(&Method::GET, "/nowhere", &refusal(404));
        errors.note_refused(&Method::HEAD, "/nowhere", &refusal(404));
        assert!(errors.list().is_empty());
    }

    #[test]
    fn a_request_never_waits_for_a_place() {
        let errors = LastErrors::new();
        let held = errors.places[0].lock().unwrap();
        errors.note_refused(&Method::POST, "/first", &refusal(404));
        errors.note_refused(&Method::POST, "/second", &refusal(404));
        drop(held);
        assert_eq!(numbers(&errors), [1]);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let errors = LastErrors::new();
        errors.note_refused(&Method::POST, &"ä".repeat(LONGEST), &refusal(404));
        let route = &errors.list()[0].what.route;
        assert!(route.len() <= LONGEST + '…'.len_utf8() && route.ends_with("ä…"), "{route}");
    }
}
