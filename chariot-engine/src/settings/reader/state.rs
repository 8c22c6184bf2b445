//! The reader itself: its layers, and the faults and warnings that it collects.

use std::{collections::BTreeSet, fmt};

use crate::settings::{environment::Environment, error::SettingFault, explained::Explained};

/// Reads settings, and collects faults and warnings.
///
/// The environment comes first, then the layer of [defaults](Reader::with_defaults), then the default that a setting
/// declares. Surrounding whitespace is ignored, and an empty value counts as not set.
///
/// If `NAME_FILE` is set, for a setting `NAME` of any type, the value is the contents of that file without trailing
/// whitespace: at most 1 MiB of UTF-8. Faults never contain any of it. A setting that is itself declared as `NAME_FILE` is
/// read like any other.
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
    pub(in crate::settings) environment: &'a Environment,
    pub(in crate::settings) scope: String,
    /// The prefix of the group that is being read.
    pub(in crate::settings) group: String,
    /// The variables that are settings themselves, not the files of others.
    pub(in crate::settings) own: BTreeSet<String>,
    pub(in crate::settings) defaults: Vec<(String, String)>,
    pub(in crate::settings) faults: Vec<SettingFault>,
    pub(in crate::settings) warnings: Vec<String>,
    pub(in crate::settings) explained: Vec<Explained>,
}

impl<'a> Reader<'a> {
    /// Creates a reader of this environment.
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

    /// Returns the same reader for one of several models: with the scope `DIGITS_`, the setting `TOP_K` is read from
    /// `DIGITS_TOP_K`, and the runtime's setting `CHARIOT_ENGINE_QUEUE_SIZE` from `CHARIOT_ENGINE_DIGITS_QUEUE_SIZE` or, if
    /// that is not set, from its own name. Faults and warnings contain the variable that is read.
    ///
    /// [Defaults](Self::with_defaults) apply under the declared names; one under a name within the scope takes precedence.
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
    ///     "CHARIOT_ENGINE_DIGITS_WORKERS: expected an integer of at least 1, got '0'"
    /// );
    /// ```
    #[must_use]
    pub fn scoped(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Adds defaults, which override the declared defaults and are overridden by the environment. `prefix` is put before
    /// each name. The last of several defaults with one name counts.
    #[must_use]
    pub fn with_defaults<N: AsRef<str>, V: Into<String>>(
        mut self,
        prefix: &str,
        defaults: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let prefixed = |(name, value): (N, V)| (format!("{prefix}{}", name.as_ref()), value.into());
        self.defaults.extend(defaults.into_iter().map(prefixed));
        self
    }

    /// Returns the value of a variable without surrounding whitespace, or `None` if it is empty.
    pub fn given(&self, name: &str) -> Option<&'a str> {
        self.environment.given(name)
    }

    /// Reports that a setting is invalid: the accepted and the given value.
    pub fn fault(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.faults.push(SettingFault::new(name, text));
    }

    /// Reports something about a setting that an operator should know but that is not a fault.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// Returns the warnings, in the order of reading.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns every setting that was read, including invalid ones, with its value and source, in the order of reading.
    pub fn explained(&self) -> &[Explained] {
        &self.explained
    }
}

/// Shows the names only, as for the environment, since a default can be a secret.
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
