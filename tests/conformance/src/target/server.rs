//! The server, its model and the options of a run.

use std::time::Duration;

use super::Spec;
use crate::{
    http::{Answer, Request, Url, send},
    suite::Level,
};

/// A server and its model.
///
/// ```
/// use std::time::Duration;
///
/// use conformance::{Level, Target};
///
/// let target = Target::new("http://127.0.0.1:8080", "iris").unwrap();
/// let target = target.level(Level::Binary).timeout(Duration::from_secs(5));
/// assert_eq!(target.model(), "iris");
/// assert!(Target::new("ftp://127.0.0.1", "iris").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) url: Url,
    shown: String,
    model: String,
    pub(super) base: Option<String>,
    level: Level,
    timeout: Duration,
    pub(super) spec: Spec,
}

/// The reason why no case can be run: the server does not respond, or no valid request is known.
///
/// ```
/// use conformance::Target;
///
/// let unusable = Target::new("127.0.0.1:8080", "iris").unwrap_err();
/// assert_eq!(unusable.to_string(), "expected 'http://host:port', got '127.0.0.1:8080'");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

impl Target {
    /// Creates a target for a model of a server at `http://host:port`.
    ///
    /// # Errors
    /// Returns an error if the URL is malformed or its host cannot be resolved.
    pub fn new(url: &str, model: &str) -> Result<Self, Unusable> {
        Ok(Target {
            url: Url::parse(url).map_err(Unusable)?,
            shown: url.to_string(),
            model: model.to_string(),
            base: None,
            level: Level::Oip,
            timeout: Duration::from_secs(10),
            spec: Spec::default(),
        })
    }

    /// The level of the run it is asked: the Open Inference Protocol only, if nothing is said.
    #[must_use]
    pub fn level(self, level: Level) -> Self {
        Target { level, ..self }
    }

    /// Sets the path prefix of Chariot's own routes, `/ready` and `/infer`.
    #[must_use]
    pub fn base(self, base: &str) -> Self {
        let base = base.trim_matches('/');
        Target { base: Some(if base.is_empty() { String::new() } else { format!("/{base}") }), ..self }
    }

    /// Sets the timeout of a response.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Target { timeout, ..self }
    }

    /// Sets the description of the server.
    #[must_use]
    pub fn spec(self, spec: Spec) -> Self {
        Target { spec, ..self }
    }

    /// Returns the name of the model.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Returns the URL as given.
    pub fn url(&self) -> &str {
        &self.shown
    }

    /// Returns the level.
    pub fn asked_level(&self) -> Level {
        self.level
    }

    pub(crate) fn ask(&self, request: &Request) -> Result<Answer, String> {
        send(&self.url, request, self.timeout)
    }
}
