//! [`SettingsError`], all faults of one reading together. `run` returns it before anything has started.

use std::fmt;

/// A setting that could not be read.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Environment, from_environment};
///
/// let environment = Environment::from_iter([("CHARIOT_ENGINE_WORKERS", "0")]);
/// let error = from_environment::<EngineSettings>(&environment).unwrap_err();
/// assert_eq!(error.faults[0].name, "CHARIOT_ENGINE_WORKERS");
/// assert_eq!(error.faults[0].text, "expected an integer of at least 1, got '0'");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingFault {
    /// The variable.
    pub name: String,
    /// The expected and the given value.
    pub text: String,
}

impl SettingFault {
    /// Creates a fault of this variable.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        SettingFault { name: name.into(), text: text.into() }
    }
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.text)
    }
}

/// All settings that could not be read, so that an operator can fix them in one go.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Environment, from_environment};
///
/// let environment = Environment::from_iter([("CHARIOT_ENGINE_PORT", "http"), ("CHARIOT_ENGINE_GRACE", "soon")]);
/// let error = from_environment::<EngineSettings>(&environment).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "2 invalid settings: \
///      CHARIOT_ENGINE_PORT: expected an integer from 0 to 65535, got 'http'; \
///      CHARIOT_ENGINE_GRACE: expected a duration such as 5s, got 'soon'"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingsError {
    /// The faults, in the order of the settings' declaration. There is at least one.
    pub faults: Vec<SettingFault>,
}

impl SettingsError {
    /// Creates an error of these faults, of which there should be at least one.
    pub fn new(faults: Vec<SettingFault>) -> Self {
        SettingsError { faults }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.faults.len() != 1 {
            write!(f, "{} invalid settings: ", self.faults.len())?;
        }
        for (i, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}
