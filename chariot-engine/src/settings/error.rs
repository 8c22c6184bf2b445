//! What is wrong with settings: all faults of one reading, together. `run` ends with it, before anything has started.

use std::fmt;

/// One setting that could not be read.
///
/// ```
/// use chariot_engine::settings::{Environment, EngineSettings, read};
///
/// let error = read::<EngineSettings>(&Environment::from_iter([("CHARIOT_ENGINE_WORKERS", "0")])).unwrap_err();
/// assert_eq!(error.faults[0].name, "CHARIOT_ENGINE_WORKERS");
/// assert_eq!(error.faults[0].text, "an integer of at least 1 is expected, '0' came");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    /// The variable.
    pub name: String,
    /// What was expected, and what came.
    pub text: String,
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.text)
    }
}

/// Every setting that could not be read, at once: an operator mends them in one go.
///
/// ```
/// use chariot_engine::settings::{Environment, EngineSettings, read};
///
/// let environment = Environment::from_iter([("CHARIOT_ENGINE_PORT", "http"), ("CHARIOT_ENGINE_GRACE", "soon")]);
/// let error = read::<EngineSettings>(&environment).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "2 settings cannot be read: \
///      CHARIOT_ENGINE_PORT: an integer from 0 to 65535 is expected, 'http' came; \
///      CHARIOT_ENGINE_GRACE: a duration such as 5s is expected, 'soon' came"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// The faults, in the order of the settings' declaration. There is at least one.
    pub faults: Vec<SettingFault>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.faults.len() != 1 {
            write!(f, "{} settings cannot be read: ", self.faults.len())?;
        }
        for (i, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsError {}
