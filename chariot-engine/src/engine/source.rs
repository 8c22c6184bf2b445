//! [`Source`]: one model of a builder, without its type. The builder collects them, and the plan reads them.

use super::options::ModelOptions;
use crate::{
    device::{Device, Inventory},
    model::Spec,
    runtime::Loader,
    settings::{EngineSettings, Reader, SettingsError},
};

/// A function that reads the settings of the engine and of one model, and returns the model's loader.
pub(super) type ReadSettings =
    Box<dyn FnOnce(&mut Reader<'_>) -> Result<(EngineSettings, Loader), SettingsError> + Send>;

/// The devices that an engine can open.
pub(super) type Devices = Box<dyn Inventory<Device = Device> + Send>;

/// One model that an engine serves, without its type.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) options: ModelOptions,
    pub(super) spec: Spec,
    pub(super) read: ReadSettings,
}
