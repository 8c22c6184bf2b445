//! The models of an engine, together: one state, one drain, one end. The engine holds them, and the server serves them.

use std::{borrow::Cow, ops::Deref, sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{Host, InFlight, State, Status};
use crate::settings::EngineSettings;

/// A model in service, and the settings by which it is.
#[derive(Clone)]
pub(crate) struct OneModel {
    pub(crate) host: Host,
    pub(crate) settings: Arc<EngineSettings>,
}

/// All models of an engine, in the order in which they were declared. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Models(Arc<[OneModel]>);

/// Whether an engine is ready: all of its models are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// The name of the state that is farthest from ready.
    pub(crate) status: &'static str,
    /// Why it is not ready, for anyone who asks; `None` if it is.
    pub(crate) error: Option<Cow<'static, str>>,
}

impl Readiness {
    pub(crate) fn of(status: &Status) -> Self {
        Readiness { status: status.name(), error: status.why_not_ready().map(Cow::Borrowed) }
    }

    fn of_all<'a>(models: impl Iterator<Item = (&'a str, Status)>) -> Self {
        let all: Vec<_> = models.collect();
        if let [(_, only)] = &all[..] {
            return Readiness::of(only);
        }
        let Some((_, worst)) = all.iter().max_by_key(|(_, status)| distance(status)) else {
            return Readiness { status: State::Failed.as_str(), error: Some("there is no model".into()) };
        };
        let why = |(name, status): &(&str, Status)| Some(format!("model '{name}': {}", status.why_not_ready()?));
        let reasons: Vec<String> = all.iter().filter_map(why).collect();
        Readiness { status: worst.name(), error: (!reasons.is_empty()).then(|| reasons.join("; ").into()) }
    }
}

/// How far a model is from being ready.
fn distance(status: &Status) -> u8 {
    match status.state {
        State::Ready => u8::from(status.why_not_ready().is_some()),
        State::Starting => 2,
        State::Draining => 3,
        State::Stopped => 4,
        State::Failed => 5,
    }
}

impl Models {
    pub(crate) fn new(all: Vec<OneModel>) -> Self {
        Models(all.into())
    }

    /// The names of all of them, each between quotes, as a message lists them.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.iter().map(|model| model.host.name()).collect();
        format!("'{}'", names.join("', '"))
    }

    pub(crate) fn readiness(&self) -> Readiness {
        Readiness::of_all(self.iter().map(|model| (model.host.name(), model.host.status())))
    }

    /// The state that is farthest from ready; that of an engine without models is that of one that failed.
    pub(crate) fn state(&self) -> State {
        let statuses = self.iter().map(|model| model.host.status());
        statuses.max_by_key(distance).map_or(State::Failed, |status| status.state)
    }

    /// What all of them have in hand.
    pub(crate) fn in_flight(&self) -> InFlight {
        self.iter().map(|model| model.host.in_flight()).sum()
    }

    /// Not ready from now on; requests are served on.
    pub(crate) fn drain(&self) {
        self.iter().for_each(|model| model.host.drain());
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.iter().any(|model| model.host.is_draining())
    }

    /// Admits nothing more, waits at most `grace` for what is in flight, and stops. Returns how many requests had to be
    /// given up.
    pub(crate) async fn stop(&self, grace: Duration) -> usize {
        join_all(self.iter().map(|model| model.host.stop(grace))).await.into_iter().sum()
    }
}

impl Deref for Models {
    type Target = [OneModel];

    fn deref(&self) -> &[OneModel] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::state::Lifecycle;

    fn of(models: &[(&'static str, &Lifecycle)]) -> Readiness {
        Readiness::of_all(models.iter().map(|(name, lifecycle)| (*name, lifecycle.status())))
    }

    #[test]
    fn an_engine_is_ready_when_all_of_its_models_are_and_never_without_one() {
        assert!(of(&[]).error.is_some());
        let (one, other) = (Lifecycle::new(), Lifecycle::new());
        one.ready();
        assert_eq!(of(&[("one", &one)]), Readiness { status: "ready", error: None });
        let waits = of(&[("one", &one), ("other", &other)]);
        assert_eq!(waits.status, "starting");
        assert_eq!(waits.error.as_deref(), Some("model 'other': the model is being loaded"));
        other.ready();
        assert_eq!(of(&[("one", &one), ("other", &other)]).error, None);
        one.set_unhealthy(true);
        assert_eq!(of(&[("one", &one), ("other", &other)]).status, "unhealthy");
        other.lose("it fell off the bus");
        let lost = of(&[("one", &one), ("other", &other)]);
        assert_eq!(lost.status, "failed");
        let error = lost.error.unwrap();
        assert!(error.contains("model 'one': ") && error.contains("; model 'other': "), "{error}");
        assert!(!error.contains("bus"), "{error}");
    }
}
