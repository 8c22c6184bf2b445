//! The causes of failures, which are logged and are no part of an answer: [`causes`] keeps them for the one who asks.

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

/// Runs `work` on this thread, and returns with its result the errors that this thread has logged meanwhile. The process's
/// log does not get them.
pub(super) fn causes<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let kept = Kept::default();
    let subscriber = tracing_subscriber::registry().with(LevelFilter::ERROR).with(kept.clone());
    let result = tracing::subscriber::with_default(subscriber, work);
    let texts = std::mem::take(&mut *kept.0.lock().unwrap_or_else(PoisonError::into_inner));
    (result, texts)
}

/// The texts of events.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Kept {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.0);
    }
}

/// The text of one event, without its fields.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
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
    fn errors_are_kept_and_nothing_else_is() {
        let (result, kept) = causes(|| {
            tracing::warn!("not this");
            tracing::error!(request = 1, "the model failed: {}", "why");
            2
        });
        assert_eq!((result, kept), (2, vec!["the model failed: why".to_string()]));
    }
}
