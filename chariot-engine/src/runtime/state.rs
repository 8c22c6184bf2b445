//! The state of an engine: `Starting -> Ready -> Draining -> Stopped`. A failed load leads from `Starting` to `Failed`, or from
//! `Draining` if the engine drains before it is loaded, and
//! so does a lost device from any state before `Stopped`. The host owns the state; readiness and everyone who waits for the
//! engine read it.

use std::sync::Arc;

use tokio::sync::watch;

/// The message for requests that a shutdown leaves without a response.
pub(crate) const SHUTTING_DOWN: &str = "the engine is shutting down";

/// The state of an engine.
///
/// ```
/// use chariot_engine::State;
///
/// assert_eq!(State::Draining.as_str(), "draining");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The model is loading.
    Starting,
    /// The engine serves requests.
    Ready,
    /// The engine still serves requests, and readiness tells load balancers to send no more.
    Draining,
    /// The engine has shut down.
    Stopped,
    /// The model failed to load, or its device is lost.
    Failed,
}

impl State {
    /// Returns the name of the state as readiness reports it, such as `ready`.
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

/// The state with its details.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// The complete reason of a failure, for the log and for the operator.
    pub(crate) failure: Option<Arc<str>>,
    /// Set if the model's health check fails.
    pub(crate) unhealthy: bool,
    /// Set if the failure is a lost device.
    pub(crate) lost: bool,
    /// Set if code of the author's does not return.
    pub(crate) stall: Option<Stall>,
}

/// The code of an author that does not return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stall {
    /// A worker has been in one model call for longer than the stall timeout.
    Worker,
    /// The health check blocks its worker.
    Health,
    /// Every decoder has been at one item for too long.
    Decoders,
}

impl Stall {
    /// Returns the public reason why the model is not ready.
    fn reason(self) -> &'static str {
        match self {
            Stall::Worker => "a worker has been in one model call for longer than CHARIOT_ENGINE_STALL_TIMEOUT",
            Stall::Health => "the health check of the model does not return",
            Stall::Decoders => "every decoder has been decoding one item for longer than 30s",
        }
    }
}

impl Status {
    /// Returns the name of the state, or `unhealthy` for a ready model that is unhealthy or stalled.
    pub(crate) fn name(&self) -> &'static str {
        if self.state == State::Ready && (self.unhealthy || self.stall.is_some()) {
            "unhealthy"
        } else {
            self.state.as_str()
        }
    }

    /// Returns a public reason why the model is not ready, or `None` if it is ready.
    pub(crate) fn not_ready_reason(&self) -> Option<&'static str> {
        match self.state {
            State::Ready if self.unhealthy => Some("the health check of the model fails; see the log"),
            State::Ready => self.stall.map(Stall::reason),
            State::Starting => Some("the model is loading"),
            State::Draining => Some("the engine is shutting down"),
            State::Stopped => Some("the engine has shut down"),
            State::Failed if self.lost => Some("the device of the model is lost; see the log"),
            State::Failed => Some("the model failed to load; see the log"),
        }
    }
}

/// The single owner of the state; every transition goes through it.
#[derive(Debug)]
pub(crate) struct Lifecycle(watch::Sender<Status>);

impl Lifecycle {
    pub(crate) fn new() -> Self {
        Lifecycle(watch::Sender::new(Status {
            state: State::Starting,
            failure: None,
            unhealthy: false,
            lost: false,
            stall: None,
        }))
    }

    pub(crate) fn status(&self) -> Status {
        self.0.borrow().clone()
    }

    /// Returns the state alone, which is cheap enough for every request.
    pub(crate) fn state(&self) -> State {
        self.0.borrow().state
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.0.subscribe()
    }

    /// Records that the model is loaded. Has no effect if a shutdown has begun in the meantime.
    pub(crate) fn ready(&self) {
        self.go(State::Ready, &[State::Starting], None);
    }

    /// Records that the model failed to load.
    pub(crate) fn fail(&self, why: &str) {
        self.go(State::Failed, &[State::Starting, State::Draining], Some(why));
    }

    /// Records that the device is lost; the engine serves no more requests.
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
    fn only_the_planned_transitions_are_taken() {
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
        assert!(!status.not_ready_reason().unwrap().contains("weights"));
    }

    #[test]
    fn an_unhealthy_model_is_not_ready() {
        let lifecycle = Lifecycle::new();
        lifecycle.ready();
        assert_eq!(lifecycle.status().not_ready_reason(), None);
        lifecycle.set_unhealthy(true);
        assert!(lifecycle.status().not_ready_reason().is_some());
    }

    #[test]
    fn messages_of_readiness() {
        let states = [State::Starting, State::Ready, State::Draining, State::Stopped, State::Failed];
        let stalls = [("stalled", Stall::Worker), ("health", Stall::Health), ("decoders", Stall::Decoders)];
        let flags = ["", "unhealthy", "stalled", "health", "decoders", "lost"];
        let mut messages = Vec::new();
        for (state, flag) in states.iter().flat_map(|state| flags.map(|flag| (state, flag))) {
            let fits = match state {
                State::Ready => flag != "lost",
                State::Failed => flag.is_empty() || flag == "lost",
                _ => flag.is_empty(),
            };
            if fits {
                let status = Status {
                    state: *state,
                    failure: None,
                    unhealthy: flag == "unhealthy",
                    lost: flag == "lost",
                    stall: stalls.iter().find(|(name, _)| *name == flag).map(|(_, stall)| *stall),
                };
                messages.push(format!("{} {flag} → {:?}", state.as_str(), status.not_ready_reason()));
            }
        }
        insta::assert_snapshot!("readiness", messages.join("\n"));
    }
}
