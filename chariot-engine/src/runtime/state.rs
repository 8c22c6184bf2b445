//! The engine's state: `Starting -> Ready -> Draining -> Stopped`, with `Failed` off `Starting`, and off all of them when a
//! device is lost. The host owns it;
//! readiness and whoever waits for the engine read it.

use std::sync::Arc;

use tokio::sync::watch;

/// Where an engine is in its life.
///
/// ```
/// use chariot_engine::State;
///
/// assert_eq!(State::Draining.as_str(), "draining");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The model is being loaded.
    Starting,
    /// Requests are served.
    Ready,
    /// Requests are served, and readiness says that no more should come.
    Draining,
    /// Nothing is served any more.
    Stopped,
    /// The model could not be loaded, or its device is lost.
    Failed,
}

impl State {
    /// The state's name, as readiness writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Ready => "ready",
            State::Draining => "draining",
            State::Stopped => "stopped",
            State::Failed => "failed",
        }
    }
}

/// The state, and what there is to say of it.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// Why the load failed, whole; for the log and for who runs the process.
    pub(crate) failure: Option<Arc<str>>,
    /// The model's own health check fails.
    pub(crate) unhealthy: bool,
    /// It failed because its device is lost.
    pub(crate) lost: bool,
    /// A worker has not come back from a call of the model in time.
    pub(crate) stalled: bool,
}

impl Status {
    /// The state's name, with that of a model whose health check fails.
    pub(crate) fn name(&self) -> &'static str {
        if self.state == State::Ready && (self.unhealthy || self.stalled) { "unhealthy" } else { self.state.as_str() }
    }

    /// Why the model is not ready, for anyone who asks; `None` if it is.
    pub(crate) fn why_not_ready(&self) -> Option<&'static str> {
        match self.state {
            State::Ready if self.unhealthy => Some("the model's health check fails; the log says why"),
            State::Ready if self.stalled => {
                Some("a worker has been in one call of the model for longer than CHARIOT_ENGINE_STALL_TIMEOUT")
            }
            State::Ready => None,
            State::Starting => Some("the model is being loaded"),
            State::Draining => Some("the engine is shutting down"),
            State::Stopped => Some("the engine has stopped"),
            State::Failed if self.lost => Some("the device of the model is lost; the log says why"),
            State::Failed => Some("the model could not be loaded; the log says why"),
        }
    }
}

/// The one owner of the state: everything that happens to an engine goes through it.
#[derive(Debug)]
pub(crate) struct Lifecycle(watch::Sender<Status>);

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Lifecycle(watch::Sender::new(Status {
            state: State::Starting,
            failure: None,
            unhealthy: false,
            lost: false,
            stalled: false,
        }))
    }

    pub(crate) fn status(&self) -> Status {
        self.0.borrow().clone()
    }

    /// The state alone, for whoever asks at every request.
    pub(crate) fn state(&self) -> State {
        self.0.borrow().state
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.0.subscribe()
    }

    /// The load succeeded. A shutdown that began meanwhile stands.
    pub(crate) fn ready(&self) {
        self.go(State::Ready, &[State::Starting], None);
    }

    pub(crate) fn fail(&self, why: &str) {
        self.go(State::Failed, &[State::Starting], Some(why));
    }

    /// The device is lost: nothing is served any more.
    pub(crate) fn lose(&self, why: &str) {
        self.0.send_if_modified(|status| {
            let goes = matches!(status.state, State::Starting | State::Ready | State::Draining);
            if goes {
                *status = Status { state: State::Failed, failure: Some(why.into()), lost: true, ..status.clone() };
            }
            goes
        });
    }

    pub(crate) fn drain(&self) {
        self.go(State::Draining, &[State::Starting, State::Ready], None);
    }

    pub(crate) fn stop(&self) {
        self.go(State::Stopped, &[State::Starting, State::Ready, State::Draining], None);
    }

    pub(crate) fn set_unhealthy(&self, unhealthy: bool) {
        self.0.send_if_modified(|status| std::mem::replace(&mut status.unhealthy, unhealthy) != unhealthy);
    }

    fn go(&self, to: State, from: &[State], failure: Option<&str>) {
        self.0.send_if_modified(|status| {
            let goes = from.contains(&status.state);
            if goes {
                status.state = to;
                status.failure = failure.map(Arc::from);
            }
            goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ways_of_the_plan_are_open() {
        let lifecycle = Lifecycle::new();
        lifecycle.ready();
        lifecycle.fail("too late");
        assert_eq!(lifecycle.status().state, State::Ready);
        lifecycle.drain();
        lifecycle.ready();
        assert_eq!(lifecycle.status().state, State::Draining);
        lifecycle.stop();
        lifecycle.drain();
        assert_eq!(lifecycle.status().state, State::Stopped);

        let lifecycle = Lifecycle::new();
        lifecycle.fail("no weights");
        lifecycle.ready();
        let status = lifecycle.status();
        assert_eq!((status.state, status.failure.as_deref()), (State::Failed, Some("no weights")));
        assert!(!status.why_not_ready().unwrap().contains("weights"));
    }

    #[test]
    fn a_sick_model_is_not_ready() {
        let lifecycle = Lifecycle::new();
        lifecycle.ready();
        assert_eq!(lifecycle.status().why_not_ready(), None);
        lifecycle.set_unhealthy(true);
        assert!(lifecycle.status().why_not_ready().is_some());
    }
}
