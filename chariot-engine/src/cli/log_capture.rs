//! [`capture_errors`]: the causes of failures, which are logged and are not part of a response.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    filter::LevelFilter,
    layer::{Context, Layer, SubscriberExt},
};

/// Runs `work` on this thread. Returns its result and the errors that this thread logged in the meantime, which do not
/// reach the process's log.
pub(super) fn capture_errors<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::registry().with(LevelFilter::ERROR).with(captured.clone());
    let result = tracing::subscriber::with_default(subscriber, work);
    let texts = std::mem::take(&mut *captured.0.lock().unwrap_or_else(PoisonError::into_inner));
    (result, texts)
}

/// The messages of events.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Captured {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(message.0);
    }
}

/// The message of one event, without its fields.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_are_captured() {
        let (result, captured) = capture_errors(|| {
            tracing::warn!("not this");
            tracing::error!(request = 1, "the model failed: {}", "why");
            2
        });
        assert_eq!((result, captured), (2, vec!["the model failed: why".to_string()]));
    }
}
