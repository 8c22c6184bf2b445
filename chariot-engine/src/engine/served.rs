//! [`ServedModel`]: one model of a running engine. Embedders get it from the engine.

use crate::{
    runtime::{Host, InFlight, Models, OneModel, State},
    settings::EngineSettings,
};

/// One model of a running engine. [`Engine::models`](super::Engine::models) returns all of them. Cheap to clone.
///
/// ```
/// use chariot_engine::{Engine, State};
///
/// fn loading(engine: &Engine) -> Vec<String> {
///     let starting = engine.models().filter(|model| model.state() == State::Starting);
///     starting.map(|model| model.name().to_string()).collect()
/// }
/// ```
#[derive(Clone)]
pub struct ServedModel(OneModel);

impl ServedModel {
    pub(super) fn new(model: OneModel) -> Self {
        ServedModel(model)
    }

    pub(super) fn host(&self) -> &Host {
        &self.0.host
    }

    /// Returns the name in its routes.
    pub fn name(&self) -> &str {
        self.0.host.name()
    }

    /// Returns the version.
    pub fn version(&self) -> &str {
        self.0.host.version()
    }

    /// Returns the state.
    pub fn state(&self) -> State {
        self.0.host.status().state
    }

    /// Returns the settings that apply to it.
    pub fn settings(&self) -> &EngineSettings {
        &self.0.settings
    }

    /// Returns the number of its requests and items that are in flight now.
    pub fn in_flight(&self) -> InFlight {
        self.0.host.in_flight()
    }
}

/// The models of an engine that starts, for a service beside it. Cheap to clone.
///
/// [`EngineBuilder::fallback_with`](crate::EngineBuilder::fallback_with) passes them, with an example.
#[derive(Clone)]
pub struct ServedModels(Models);

impl ServedModels {
    pub(super) fn new(models: Models) -> Self {
        ServedModels(models)
    }

    /// Returns the models, in the order in which they were added to the builder.
    pub fn iter(&self) -> impl Iterator<Item = ServedModel> {
        self.0.iter().cloned().map(ServedModel)
    }

    /// Returns the model of this name, which `CHARIOT_ENGINE_MODEL_NAME` may have changed.
    pub fn get(&self, name: &str) -> Option<ServedModel> {
        self.iter().find(|model| model.name() == name)
    }
}

impl std::fmt::Debug for ServedModels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ServedModels").field(&self.0.names()).finish()
    }
}

impl std::fmt::Debug for ServedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServedModel").field("name", &self.name()).field("state", &self.state()).finish_non_exhaustive()
    }
}
