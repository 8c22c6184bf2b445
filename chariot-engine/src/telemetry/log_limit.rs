//! [`LogLimit`]: a limit for lines that repeat. A caller can provoke warnings and errors, so each place in the code that
//! writes them gets a number of lines for every window of a second; further ones are counted, and one line says how many
//! there were. `logs` asks it about every event, and the thread of the log ends the windows.

use std::{
    collections::HashMap,
    fmt::{self, Debug, Write},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tracing::{
    Event, Level,
    callsite::Identifier,
    field::{Field, Visit},
};

/// The time for which lines are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// The lines that one place in the code may write in a window: more than the failures of requests that anyone reads.
const LINES: u32 = 100;

/// The name of the events about refused requests, which are limited although they are information: callers provoke them.
pub(crate) const REFUSED_REQUEST: &str = "refused request";

/// The lines about refused requests that one place may write in a window: they are examples, which the metrics count.
const REFUSALS: u32 = 10;

/// The number of characters of a message that a report repeats.
const SHOWN: usize = 200;

/// The lines of each place in the code. There are as many entries as places that have ever written a warning or an
/// error, which the code bounds.
#[derive(Debug, Default)]
pub(super) struct LogLimit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    places: HashMap<Identifier, Place>,
    /// The end of this window; `None` if nothing has been written since the last.
    end: Option<Instant>,
    /// Some line has been written since the thread of the log looked.
    has_lines: bool,
}

impl State {
    /// Ends the window, and returns what was left out in it.
    fn take(&mut self) -> Vec<LeftOut> {
        self.end = None;
        let places = self.places.values_mut().map(std::mem::take);
        let left_out = places.filter(|place| place.left_out > 0);
        left_out.map(|place| LeftOut { lines: place.left_out, example: place.example }).collect()
    }
}

/// The lines of one place in this window.
#[derive(Debug, Default)]
struct Place {
    lines: u32,
    /// The lines that were left out, and the first of them.
    left_out: u64,
    example: String,
}

/// A report about lines that were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) lines: u64,
    /// The first of them.
    pub(super) example: String,
}

impl LogLimit {
    /// Returns `true` if an event may be written. Information and less is not limited: no caller provokes it, or the
    /// author has meant it, or the operator asks for it. Lines about refused requests are.
    pub(super) fn allows(&self, event: &Event<'_>) -> bool {
        let is_refusal = event.metadata().name() == REFUSED_REQUEST;
        if *event.metadata().level() > Level::WARN && !is_refusal {
            return true;
        }
        let callsite = event.metadata().callsite();
        {
            let mut state = self.state();
            state.has_lines = true;
            let place = state.places.entry(callsite.clone()).or_default();
            if place.lines < if is_refusal { REFUSALS } else { LINES } {
                place.lines += 1;
                return true;
            }
            place.left_out += 1;
            if place.left_out > 1 {
                return false;
            }
        }
        // Without the lock: a value of the event may write lines itself.
        let example = message(event);
        if let Some(place) = self.state().places.get_mut(&callsite) {
            place.example = example;
        }
        false
    }

    /// Ends the window if its time is over, and returns what was left out in it. Also returns the time at which to call
    /// this again; `None` if not before the next line.
    pub(super) fn end_window(&self, now: Instant) -> (Vec<LeftOut>, Option<Instant>) {
        let mut state = self.state();
        let mut left_out = Vec::new();
        if state.end.is_some_and(|end| end <= now) {
            left_out = state.take();
        }
        // A place that has written lines must be able to write more, once the window is over.
        if std::mem::take(&mut state.has_lines) && state.end.is_none() {
            state.end = Some(now + WINDOW);
        }
        (left_out, state.end)
    }

    /// Ends the window at once, and returns what was left out in it.
    pub(super) fn end_all(&self) -> Vec<LeftOut> {
        self.state().take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the beginning of an event's message.
fn message(event: &Event<'_>) -> String {
    let mut message = Message(String::new());
    event.record(&mut message);
    message.0
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // An error ends a message that is too long.
            let _ = write!(Cut(&mut self.0), "{value:?}");
        }
    }
}

/// Takes a number of characters, and is then full.
struct Cut<'a>(&'a mut String);

impl Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = SHOWN.saturating_sub(self.0.chars().count());
        self.0.extend(text.chars().take(room));
        match text.chars().nth(room) {
            Some(_) => {
                self.0.push_str("...");
                Err(fmt::Error)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing::Subscriber;
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    use super::*;

    /// Counts the events that the limit allows.
    #[derive(Clone, Default)]
    struct Counted(Arc<(LogLimit, Mutex<u32>)>);

    impl Counted {
        fn allowed(&self) -> u32 {
            std::mem::take(&mut self.0.1.lock().unwrap())
        }
    }

    impl<S: Subscriber> Layer<S> for Counted {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            *self.0.1.lock().unwrap() += u32::from(self.0.0.allows(event));
        }
    }

    #[test]
    fn a_place_writes_its_lines_in_every_window_and_the_rest_is_counted() {
        let counted = Counted::default();
        let limit = &counted.0.0;
        let flood = |lines: u32| (0..lines).for_each(|line| tracing::warn!("line {line} {}", "x".repeat(SHOWN)));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(counted.clone()), || {
            flood(LINES + 20);
            (0..LINES + 30).for_each(|_| tracing::info!("information"));
            tracing::error!("elsewhere");
            assert_eq!(counted.allowed(), LINES + LINES + 30 + 1);

            let now = Instant::now();
            let (left_out, next) = limit.end_window(now);
            assert_eq!((left_out, next), (vec![], Some(now + WINDOW)));
            let (left_out, next) = limit.end_window(now + WINDOW);
            let example = format!("line {LINES} {}...", "x".repeat(SHOWN - "line 100 ".len()));
            assert_eq!((left_out, next), (vec![LeftOut { lines: 20, example }], None));

            flood(LINES + 1);
            assert_eq!(counted.allowed(), LINES);
            assert_eq!(limit.end_all().len(), 1);
            assert_eq!(limit.end_window(now).0, []);
        });
    }
}
