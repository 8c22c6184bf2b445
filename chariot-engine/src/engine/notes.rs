//! What is found while a plan is made: faults, and what only looks wrong. Each is told once, whichever model it is found
//! for.

use crate::settings::{SettingFault, SettingsError};

/// Faults and warnings, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) faults: Vec<SettingFault>,
    pub(super) warnings: Vec<String>,
}

impl Notes {
    pub(super) fn fault(&mut self, name: impl Into<String>, text: String) {
        self.all([SettingFault { name: name.into(), text }]);
    }

    pub(super) fn all(&mut self, faults: impl IntoIterator<Item = SettingFault>) {
        for fault in faults {
            if !self.faults.contains(&fault) {
                self.faults.push(fault);
            }
        }
    }

    pub(super) fn warn(&mut self, texts: impl IntoIterator<Item = String>) {
        for text in texts {
            if !self.warnings.contains(&text) {
                self.warnings.push(text);
            }
        }
    }

    /// The value, or `None` and the faults are kept.
    pub(super) fn keep<T>(&mut self, read: Result<T, SettingsError>) -> Option<T> {
        read.map_err(|error| self.all(error.faults)).ok()
    }
}
