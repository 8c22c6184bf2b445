//! [`ServedModel`]: one model of an engine that runs. Embedders ask the engine for it.

use super::Engine;
use crate::{
    runtime::{InFlight, OneModel, State},
    settings::EngineSettings,
};

/// A model of an engine that runs. [`Engine::models`] has all of them. Cheap to clone.
///
/// ```
/// use chariot_engine::{Engine, State};
///
/// fn those_that_wait(engine: &Engine) -> Vec<String> {
///     let starting = engine.models().filter(|model| model.state() == State::Starting);
///     starting.map(|model| model.name().to_string()).collect()
/// }
/// ```
#[derive(Clone)]
pub struct ServedModel(OneModel);

impl ServedModel {
    /// Its name, as its routes have it.
    pub fn name(&self) -> &str {
        self.0.host.name()
    }

    /// Its version.
    pub fn version(&self) -> &str {
        self.0.host.version()
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        self.0.host.status().state
    }

    /// The settings by which it is served.
    pub fn settings(&self) -> &EngineSettings {
        &self.0.settings
    }

    /// What it has in hand at this moment.
    pub fn in_flight(&self) -> InFlight {
        self.0.host.in_flight()
    }
}

impl Engine {
    /// Its models, in the order in which they were declared.
    pub fn models(&self) -> impl Iterator<Item = ServedModel> {
        self.all().iter().cloned().map(ServedModel)
    }

    /// The model of this name.
    pub fn model(&self, name: &str) -> Option<ServedModel> {
        self.models().find(|model| model.name() == name)
    }
}

impl std::fmt::Debug for ServedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServedModel").field("name", &self.name()).field("state", &self.state()).finish_non_exhaustive()
    }
}
