//! The search for a setting: under which of its names it is set, and whether as a value or as a file. The reader calls it
//! for every field.

use std::collections::BTreeSet;

use super::{environment::Environment, explained::Origin, file, spec::SettingSpec};
use crate::error::Expected;

/// The result of a search.
pub(super) struct Found {
    /// The variable that is set, or the preferred one if none is.
    pub(super) variable: String,
    pub(super) text: Option<String>,
    pub(super) origin: Origin,
    /// Set if the value cannot be obtained at all. The reader has reported it.
    pub(super) is_at_fault: bool,
}

/// The messages that a search results in.
#[derive(Default)]
pub(super) struct Remarks {
    pub(super) fault: Option<String>,
    pub(super) warnings: Vec<String>,
}

/// The variables to search.
pub(super) struct Search<'a> {
    pub(super) environment: &'a Environment,
    /// The names of the settings themselves. A setting that is declared as `KEY_FILE` is not the file of `KEY`.
    pub(super) own: &'a BTreeSet<String>,
}

/// The value of one of a setting's names.
struct Given<'a> {
    name: &'a str,
    variable: String,
    value: Value<'a>,
}

enum Value<'a> {
    Text(&'a str),
    File(&'a str),
    /// A value that is not UTF-8.
    Garbled,
    /// Both a value and a file.
    Both,
}

impl<'a> Search<'a> {
    /// Finds a setting. `tiers` are its names, the newest first in each; a value in one tier overrides all later tiers.
    /// There is at least one name.
    pub(super) fn find(&self, deprecated: Option<&str>, tiers: &[Vec<String>]) -> (Found, Remarks) {
        let mut found =
            Found { variable: tiers[0][0].clone(), text: None, origin: Origin::Nothing, is_at_fault: false };
        let mut remarks = Remarks::default();
        for tier in tiers {
            let mut given = tier.iter().filter_map(|name| self.given(name));
            let Some(first) = given.next() else { continue };
            remarks.warn_of_names(&tier[0], &first, given);
            if let Some(why) = deprecated {
                remarks.warnings.push(format!("{} is deprecated: {why}", first.variable));
            }
            match first.read() {
                // An empty file counts as not set.
                Ok((text, _)) if text.is_empty() => continue,
                Ok((text, origin)) => {
                    (found.text, found.origin) = (Some(text), origin);
                    if first.name != tier[0] && matches!(found.origin, Origin::Variable(_)) {
                        found.origin = Origin::Alias(first.variable.clone());
                    }
                }
                Err((text, origin)) => (remarks.fault, found.origin, found.is_at_fault) = (Some(text), origin, true),
            }
            found.variable = first.variable;
            break;
        }
        (found, remarks)
    }

    /// Returns `true` if any of these names is set.
    pub(super) fn is_set(&self, tiers: &[Vec<String>]) -> bool {
        tiers.iter().flatten().any(|name| self.given(name).is_some())
    }

    fn given<'n>(&self, name: &'n str) -> Option<Given<'n>>
    where
        'a: 'n,
    {
        let file = format!("{name}{}", SettingSpec::FILE_SUFFIX);
        let of_file = if self.own.contains(&file) { None } else { self.value(&file) };
        let (variable, value) = match (self.value(name), of_file) {
            (None, None) => return None,
            (Some(_), Some(_)) => (name.to_owned(), Value::Both),
            (Some(value), None) => (name.to_owned(), value),
            (None, Some(Value::Text(path))) => (file, Value::File(path)),
            (None, Some(garbled)) => (file, garbled),
        };
        Some(Given { name, variable, value })
    }

    fn value(&self, variable: &str) -> Option<Value<'a>> {
        if self.environment.is_garbled(variable) {
            return Some(Value::Garbled);
        }
        self.environment.given(variable).map(Value::Text)
    }
}

impl Given<'_> {
    /// Returns the text and its source, or the fault and its source.
    fn read(&self) -> Result<(String, Origin), (String, Origin)> {
        let origin = Origin::Variable(self.variable.clone());
        match self.value {
            Value::Text(text) => Ok((text.to_owned(), origin)),
            Value::File(path) => {
                let origin = Origin::File { variable: self.variable.clone(), path: path.into() };
                match file::contents(path) {
                    Ok(text) => Ok((text, origin)),
                    Err(why) => Err((why, origin)),
                }
            }
            Value::Garbled => Err((Expected::new("UTF-8", "invalid bytes").into(), origin)),
            Value::Both => {
                let either = format!("either {} or {}{}", self.name, self.name, SettingSpec::FILE_SUFFIX);
                Err((Expected::new(either, "both").into(), origin))
            }
        }
    }
}

impl Remarks {
    /// Warns of former names that are set, whether the current name is set or not.
    fn warn_of_names<'a>(&mut self, current: &str, first: &Given<'a>, others: impl Iterator<Item = Given<'a>>) {
        if first.name != current {
            // The replacement of a file variable is a file variable.
            let suffix = first.variable.strip_prefix(first.name).unwrap_or_default();
            self.warnings.push(format!("{} is deprecated: use {current}{suffix} instead", first.variable));
        }
        for other in others {
            self.warnings.push(format!("{} is ignored because {} is set", other.variable, first.variable));
        }
    }
}
