//! All models of an engine, with one state, one drain and one shutdown. The engine holds them, and the server serves them.

use std::{borrow::Cow, sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{
    host::{Host, InFlight},
    state::{State, Status},
};
use crate::{error::listed, settings::EngineSettings};

/// A served model with its settings.
#[derive(Clone)]
pub(crate) struct OneModel {
    pub(crate) host: Host,
    pub(crate) settings: Arc<EngineSettings>,
}

/// All models of an engine, in the order of their declaration. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Models(Arc<[OneModel]>);

/// The readiness of an engine: it is ready if all of its models are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// The name of the state that is farthest from ready.
    pub(crate) status: &'static str,
    /// The public reason why the engine is not ready, or `None` if it is ready.
    pub(crate) error: Option<Cow<'static, str>>,
}

impl Readiness {
    /// Returns the readiness of one model.
    pub(crate) fn new(status: &Status) -> Self {
        Readiness { status: status.name(), error: status.not_ready_reason().map(Cow::Borrowed) }
    }

    /// Returns the combined readiness of models, each with its name.
    fn combined<'a>(models: impl Iterator<Item = (&'a str, Status)>) -> Self {
        let all: Vec<_> = models.collect();
        if let [(_, only)] = &all[..] {
            return Readiness::new(only);
        }
        let Some((_, worst)) = all.iter().max_by_key(|(_, status)| distance(status)) else {
            return Readiness { status: State::Failed.as_str(), error: Some("the engine has no model".into()) };
        };
        let reason = |(name, status): &(&str, Status)| Some(format!("model '{name}': {}", status.not_ready_reason()?));
        let reasons: Vec<String> = all.iter().filter_map(reason).collect();
        Readiness { status: worst.name(), error: (!reasons.is_empty()).then(|| reasons.join("; ").into()) }
    }
}

/// Returns how far a model is from ready; 0 means ready.
fn distance(status: &Status) -> u8 {
    match status.state {
        State::Ready => u8::from(status.not_ready_reason().is_some()),
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

    /// Returns the number of models.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the model at an index that the router has returned.
    ///
    /// # Panics
    /// Panics if there is no model at the index.
    pub(crate) fn get(&self, index: usize) -> &OneModel {
        &self.0[index]
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, OneModel> {
        self.0.iter()
    }

    /// Returns the names of the models as a message lists them: `a, b`.
    pub(crate) fn names(&self) -> String {
        listed(self.iter().map(|model| model.host.name()), ", ")
    }

    pub(crate) fn readiness(&self) -> Readiness {
        Readiness::combined(self.iter().map(|model| (model.host.name(), model.host.status())))
    }

    /// Returns the state that is farthest from ready, or `Failed` if there are no models.
    pub(crate) fn state(&self) -> State {
        let statuses = self.iter().map(|model| model.host.status());
        statuses.max_by_key(distance).map_or(State::Failed, |status| status.state)
    }

    /// Returns the totals of all models.
    pub(crate) fn in_flight(&self) -> InFlight {
        self.iter().map(|model| model.host.in_flight()).sum()
    }

    /// Makes readiness fail from now on. Requests are still served.
    pub(crate) fn drain(&self) {
        self.iter().for_each(|model| model.host.drain());
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.iter().any(|model| model.host.is_draining())
    }

    /// Admits no more requests, waits up to `grace` for those in flight, and stops. Returns the number of abandoned
    /// requests.
    pub(crate) async fn stop(&self, grace: Duration) -> usize {
        join_all(self.iter().map(|model| model.host.stop(grace))).await.into_iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::state::Lifecycle;

    fn readiness(models: &[(&'static str, &Lifecycle)]) -> Readiness {
        Readiness::combined(models.iter().map(|(name, lifecycle)| (*name, lifecycle.status())))
    }

    #[test]
    fn an_engine_is_ready_if_it_has_models_and_all_of_them_are_ready() {
        assert!(readiness(&[]).error.is_some());
        let (one, other) = (Lifecycle::new(), Lifecycle::new());
        one.ready();
        assert_eq!(readiness(&[("one", &one)]), Readiness { status: "ready", error: None });
        let loading = readiness(&[("one", &one), ("other", &other)]);
        assert_eq!(loading.status, "starting");
        assert!(loading.error.unwrap().starts_with("model 'other': "));
        other.ready();
        assert_eq!(readiness(&[("one", &one), ("other", &other)]).error, None);
        one.set_unhealthy(true);
        assert_eq!(readiness(&[("one", &one), ("other", &other)]).status, "unhealthy");
        other.lose("it fell off the bus");
        let lost = readiness(&[("one", &one), ("other", &other)]);
        assert_eq!(lost.status, "failed");
        let error = lost.error.unwrap();
        assert!(error.contains("model 'one': ") && error.contains("; model 'other': "), "{error}");
        assert!(!error.contains("bus"), "{error}");
    }
}
