//! Reading whole settings types: [`from_environment`], [`Reader::read`], and groups.

use super::{
    environment::Environment,
    error::{SettingFault, SettingsError},
    explained::{Explained, Origin},
    find::Search,
    reader::Reader,
    schema::Settings,
    scope::{scoped_variable, tiers, within},
    spec::SettingSpec,
};

/// Reads settings from an environment. Use a [`Reader`] to get warnings too, or to add a layer of defaults.
///
/// # Errors
/// Returns all settings that are missing or invalid.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Environment, from_environment};
///
/// let environment = Environment::from_iter([("CHARIOT_ENGINE_PORT", "9000")]);
/// let settings: EngineSettings = from_environment(&environment).unwrap();
/// assert_eq!(settings.port, 9000);
/// ```
pub fn from_environment<S: Settings>(environment: &Environment) -> Result<S, SettingsError> {
    Reader::new(environment).read()
}

impl Reader<'_> {
    /// Reads settings, all of them even if one is invalid. A pair `(A, B)` reads two types together.
    ///
    /// # Errors
    /// Returns all settings that are missing or invalid, and all defaults for settings that do not exist.
    pub fn read<S: Settings>(&mut self) -> Result<S, SettingsError> {
        let schema = S::schema();
        for tier in schema.iter().flat_map(|setting| tiers(&self.scope, setting)) {
            self.own.extend(tier);
        }
        let value = S::from_reader(self);
        for (name, _) in std::mem::take(&mut self.defaults) {
            let is_for = |setting: &SettingSpec| {
                setting.name == name || scoped_variable(&self.scope, &setting.name, setting.runtime) == name
            };
            if !schema.iter().any(is_for) {
                self.faults.push(SettingFault::new(name, "the engine has a default for this unknown setting"));
            }
        }
        let faults = std::mem::take(&mut self.faults);
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            // A hand-written `Settings` can return `None` without reporting a fault.
            _ if faults.is_empty() => {
                Err(SettingsError::new(vec![SettingFault::new("settings", "invalid, and no reason was given")]))
            }
            _ => Err(SettingsError::new(faults)),
        }
    }

    /// Reads a group of settings whose names all start with this prefix, as `#[setting(group)]` does. Returns `None` if one
    /// of them is invalid.
    ///
    /// ```
    /// use chariot_engine::settings::{Environment, Reader, Settings};
    ///
    /// #[derive(Debug, PartialEq, Settings)]
    /// struct Cache {
    ///     #[setting(default = 10)]
    ///     size: usize,
    /// }
    ///
    /// let environment = Environment::from_iter([("CACHE_SIZE", "20")]);
    /// assert_eq!(Reader::new(&environment).group("CACHE_"), Some(Cache { size: 20 }));
    /// ```
    pub fn group<S: Settings>(&mut self, prefix: &str) -> Option<S> {
        let outer = self.group.len();
        self.group.push_str(prefix);
        let value = S::from_reader(self);
        self.group.truncate(outer);
        value
    }

    /// Returns `true` if any setting of a group is set in the environment or in the layer of defaults.
    pub(super) fn has_any(&self, schema: &[SettingSpec]) -> bool {
        let search = Search { environment: self.environment, own: &self.own };
        schema
            .iter()
            .map(|setting| self.within_group(setting))
            .any(|setting| search.is_set(&tiers(&self.scope, &setting)) || self.layer(&setting).is_some())
    }

    /// Records that a group is not set.
    pub(super) fn without<S: Settings>(&mut self) {
        for setting in Option::<S>::schema() {
            let setting = within(&self.scope, &self.within_group(&setting));
            self.record(Explained { setting, value: None, origin: Origin::Nothing });
        }
    }
}
