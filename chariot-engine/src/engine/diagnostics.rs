//! [`Diagnostics`]: faults and warnings, collected while a plan is made. Each is reported once, for whichever model it
//! is found.

use crate::settings::{SettingFault, SettingsError};

/// Faults and warnings, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    pub(super) faults: Vec<SettingFault>,
    pub(super) warnings: Vec<String>,
}

impl Diagnostics {
    /// Adds a fault of this setting.
    pub(super) fn fault(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.faults([SettingFault { name: name.into(), text: text.into() }]);
    }

    /// Adds faults.
    pub(super) fn faults(&mut self, faults: impl IntoIterator<Item = SettingFault>) {
        for fault in faults {
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
    }

    /// Adds warnings.
    pub(super) fn warn(&mut self, texts: impl IntoIterator<Item = String>) {
        for text in texts {
            if !self.warnings.contains(&text) {
                self.warnings.push(text);
            }
        }
    }

    /// Returns the value, or adds the faults and returns `None`.
    pub(super) fn keep<T>(&mut self, read: Result<T, SettingsError>) -> Option<T> {
        read.map_err(|error| self.faults(error.faults)).ok()
    }

    /// Renames the faults of settings that were set by a flag of the command line after the flag.
    pub(super) fn name_flags(&mut self, flags: &[(String, &'static str)]) {
        for fault in &mut self.faults {
            if let Some((_, flag)) = flags.iter().find(|(name, _)| *name == fault.name) {
                fault.name = (*flag).into();
            }
        }
    }
}
