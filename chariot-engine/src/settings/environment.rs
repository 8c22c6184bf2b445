//! [`Environment`], the variables that settings are read from. `run` reads those of the process; an embedder makes its own
//! map.

use std::{collections::BTreeMap, fmt};

/// A map of environment variables, from which settings are read.
///
/// Nothing in the SDK reads the variables of the process by itself: `run` takes a snapshot with
/// [`Environment::process`], and an embedder starts with an empty map and sets the variables it needs.
///
/// ```
/// use chariot_engine::settings::Environment;
///
/// let mut environment = Environment::from_iter([("TOP_K", "5")]);
/// environment.set("DEVICE", "cpu");
/// assert_eq!(environment.get("TOP_K"), Some("5"));
/// assert_eq!(environment.get("HOME"), None);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// The values by name. `None` is a value that was not UTF-8, kept so that the setting that reads it can report it.
    variables: BTreeMap<String, Option<String>>,
}

impl Environment {
    /// Returns a snapshot of the variables of this process.
    ///
    /// Values that are not UTF-8 are left out; a setting that reads such a variable reports a fault.
    pub fn process() -> Self {
        let decoded = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()))
        };
        Environment { variables: std::env::vars_os().filter_map(decoded).collect() }
    }

    /// Sets a variable, replacing its value if it has one.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.variables.insert(name.into(), Some(value.into()));
        self
    }

    /// Removes a variable.
    pub(crate) fn remove(&mut self, name: &str) {
        self.variables.remove(name);
    }

    /// Returns the value of a variable as it was set, including surrounding whitespace.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.as_deref()
    }

    /// Returns the value of a variable without surrounding whitespace, or `None` if it is empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Returns an iterator over names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))
    }

    /// Returns `true` if the variable is set to a value that is not UTF-8.
    pub(crate) fn is_garbled(&self, name: &str) -> bool {
        matches!(self.variables.get(name), Some(None))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let set = |(name, value): (N, V)| (name.into(), Some(value.into()));
        Environment { variables: variables.into_iter().map(set).collect() }
    }
}

/// Shows the names only, since a value can be a secret.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment ")?;
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
impl Environment {
    /// Sets a variable to a value that is not UTF-8.
    pub(crate) fn garble(&mut self, name: &str) {
        self.variables.insert(name.into(), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_variables_and_a_new_environment_has_none() {
        assert!(Environment::process().get("PATH").is_some());
        assert_eq!(Environment::default().iter().count(), 0);
    }

    #[test]
    fn debug_output_does_not_contain_values() {
        let mut environment = Environment::from_iter([("TOKEN", "secret")]);
        environment.garble("BROKEN");
        assert_eq!(format!("{environment:?}"), r#"Environment {"BROKEN", "TOKEN"}"#);
        assert_eq!(environment.iter().collect::<Vec<_>>(), [("TOKEN", "secret")]);
    }
}
