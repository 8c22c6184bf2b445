//! Reads settings from an environment over a layer of defaults, and collects everything that is wrong. `run` uses one
//! for the runtime's settings and the author's together.

use std::{collections::BTreeSet, fmt};

use super::{Environment, Explained, SettingFault, SettingSpec, Settings, SettingsError, scope};

mod field;

/// Reads settings, and collects faults and warnings.
///
/// The environment comes first, then the layer of [defaults](Reader::with_defaults), then the default that a setting
/// declares. Blanks around a value are cut; an empty value is no value.
///
/// Where `NAME_FILE` is set, for a setting `NAME` of whatever kind, the value is what that file holds, without blanks at
/// its end: at most 1 MiB of UTF-8. Nothing of it stands in a fault. A setting that is itself declared as `NAME_FILE` is
/// read as what it is.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Environment, Reader};
///
/// let environment = Environment::from_iter([("CHARIOT_ENGINE_PORT", "tcp://10.0.0.7:8080")]);
/// let mut reader = Reader::new(&environment).with_defaults("CHARIOT_ENGINE_", [("PORT", "9000")]);
/// let (settings, ()) = reader.read::<(EngineSettings, ())>().unwrap();
/// assert_eq!(settings.port, 9000);
/// assert_eq!(reader.warnings().len(), 1);
/// ```
pub struct Reader<'a> {
    environment: &'a Environment,
    scope: String,
    /// What stands before the names of the group that is being read.
    group: String,
    /// The variables that settings are read from themselves, and not as the files of others.
    own: BTreeSet<String>,
    defaults: Vec<(String, String)>,
    faults: Vec<SettingFault>,
    warnings: Vec<String>,
    explained: Vec<Explained>,
}

impl<'a> Reader<'a> {
    /// A reader of this environment.
    pub fn new(environment: &'a Environment) -> Self {
        Reader {
            environment,
            scope: String::new(),
            group: String::new(),
            own: BTreeSet::new(),
            defaults: vec![],
            faults: vec![],
            warnings: vec![],
            explained: vec![],
        }
    }

    /// The same reader for one of several models: with the scope `DIGITS_` the setting `TOP_K` is read from
    /// `DIGITS_TOP_K`, and a setting of the runtime, `CHARIOT_ENGINE_QUEUE_SIZE`, from `CHARIOT_ENGINE_DIGITS_QUEUE_SIZE`
    /// or, where that is not set, from its own name. Faults and warnings name the variable that is read.
    ///
    /// [Defaults](Self::with_defaults) hold under the names that are declared; one under a name within the scope goes
    /// first.
    ///
    /// ```
    /// use chariot_engine::settings::{EngineSettings, Environment, Reader};
    ///
    /// let environment = Environment::from_iter([
    ///     ("CHARIOT_ENGINE_QUEUE_SIZE", "10"),
    ///     ("CHARIOT_ENGINE_WORKERS", "2"),
    ///     ("CHARIOT_ENGINE_DIGITS_WORKERS", "0"),
    /// ]);
    /// let read = |environment| Reader::new(environment).scoped("DIGITS_").read::<EngineSettings>();
    /// assert_eq!(
    ///     read(&environment).unwrap_err().to_string(),
    ///     "CHARIOT_ENGINE_DIGITS_WORKERS: an integer of at least 1 is expected, '0' came"
    /// );
    /// ```
    #[must_use]
    pub fn scoped(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Adds defaults: above those that settings declare, below the environment. `prefix` is put before each name. Of
    /// two with one name the later counts.
    #[must_use]
    pub fn with_defaults<N: AsRef<str>, V: Into<String>>(
        mut self,
        prefix: &str,
        defaults: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let named = |(name, value): (N, V)| (format!("{prefix}{}", name.as_ref()), value.into());
        self.defaults.extend(defaults.into_iter().map(named));
        self
    }

    /// Reads settings, all of them even if one is at fault. A pair `(A, B)` reads two types together.
    ///
    /// # Errors
    /// All settings that are missing or cannot be read, and defaults for settings that there are not.
    pub fn read<S: Settings>(&mut self) -> Result<S, SettingsError> {
        let schema = S::schema();
        for tier in schema.iter().flat_map(|setting| scope::tiers(&self.scope, setting)) {
            self.own.extend(tier);
        }
        let value = S::read(self);
        for (name, _) in std::mem::take(&mut self.defaults) {
            let is_of = |setting: &SettingSpec| {
                setting.name == name || scope::variable(&self.scope, &setting.name, setting.runtime) == name
            };
            if !schema.iter().any(is_of) {
                self.faults.push(SettingFault { name, text: "has a default, but there is no such setting".into() });
            }
        }
        let faults = std::mem::take(&mut self.faults);
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            // A hand-written `Settings` may say `None` and no reason.
            _ if faults.is_empty() => {
                let (name, text) = ("settings".into(), "cannot be read, and no reason was given".into());
                Err(SettingsError { faults: vec![SettingFault { name, text }] })
            }
            _ => Err(SettingsError { faults }),
        }
    }

    /// Reads a group of settings, whose names all begin with this prefix: what `#[setting(group)]` does. `None` says that
    /// one of them is at fault.
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
        let value = S::read(self);
        self.group.truncate(outer);
        value
    }

    /// What a variable is set to, without blanks around it; an empty value is none.
    pub fn given(&self, name: &str) -> Option<&'a str> {
        self.environment.given(name)
    }

    /// Reports that a setting cannot be read: what was expected, and what came.
    pub fn fault(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.faults.push(SettingFault { name: name.into(), text: text.into() });
    }

    /// Says something about a setting that an operator should know, but that stops nothing.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// What there was to say, in the order of reading.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Every setting that was read, in the order of reading, with its value and where that came from; those at fault
    /// too.
    pub fn explained(&self) -> &[Explained] {
        &self.explained
    }
}

/// Names alone, as of the environment: a default may be a secret.
impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("environment", self.environment)
            .field("scope", &self.scope)
            .field("defaults", &self.defaults.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("faults", &self.faults)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
