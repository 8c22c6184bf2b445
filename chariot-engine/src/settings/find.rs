//! Where a setting is set: by which of its names, as a value or as a file, and what is to be said of it. The reader calls
//! it for every field.

use std::collections::BTreeSet;

use super::{Environment, Origin, SettingSpec, file};

/// Where a reader has found a setting.
pub(super) struct Found {
    /// The variable that is set; the one that would go first if none is.
    pub(super) variable: String,
    pub(super) text: Option<String>,
    pub(super) origin: Origin,
    /// What is set and cannot be read at all. The reader has reported it.
    pub(super) is_at_fault: bool,
}

/// What is to be said of it.
#[derive(Default)]
pub(super) struct Remarks {
    pub(super) fault: Option<String>,
    pub(super) warnings: Vec<String>,
}

/// The variables among which settings are found.
pub(super) struct Search<'a> {
    pub(super) environment: &'a Environment,
    /// The names of the settings themselves: one that is named `KEY_FILE` is no file of `KEY`.
    pub(super) own: &'a BTreeSet<String>,
}

/// What is set under one of a setting's names.
struct Given<'a> {
    name: &'a str,
    variable: String,
    value: Value<'a>,
}

enum Value<'a> {
    Text(&'a str),
    File(&'a str),
    /// Not UTF-8.
    Garbled,
    /// A value and a file.
    Both,
}

impl<'a> Search<'a> {
    /// Looks for a setting. `tiers` are its names, the newest first in each; what is set in one tier goes over all of the
    /// next. There is at least one name.
    pub(super) fn find(&self, deprecated: Option<&str>, tiers: &[Vec<String>]) -> (Found, Remarks) {
        let mut found =
            Found { variable: tiers[0][0].clone(), text: None, origin: Origin::Nothing, is_at_fault: false };
        let mut remarks = Remarks::default();
        for tier in tiers {
            let mut given = tier.iter().filter_map(|name| self.given(name));
            let Some(first) = given.next() else { continue };
            remarks.say_names(&tier[0], &first, given);
            if let Some(why) = deprecated {
                remarks.warnings.push(format!("{} is deprecated: {why}", first.variable));
            }
            match first.read() {
                // A file may be empty, and that is no value.
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

    /// Whether anything is set under one of these names.
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
    /// The text that is set, and by what; or what is wrong with it.
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
            Value::Garbled => Err(("text in UTF-8 is expected, something else came".into(), origin)),
            Value::Both => {
                let suffix = SettingSpec::FILE_SUFFIX;
                Err((format!("either this or {}{suffix} is expected, both are set", self.name), origin))
            }
        }
    }
}

impl Remarks {
    /// Old names that are set, beside the new one or in its place.
    fn say_names<'a>(&mut self, new: &str, first: &Given<'a>, others: impl Iterator<Item = Given<'a>>) {
        if first.name != new {
            // Of a file the new name is that of a file too.
            let ending = first.variable.strip_prefix(first.name).unwrap_or_default();
            self.warnings.push(format!("{} has a new name: set {new}{ending} instead", first.variable));
        }
        for other in others {
            let goes_first = if first.name == new { "its new name" } else { "a newer name of it" };
            self.warnings.push(format!("{} is ignored: {}, {goes_first}, is set", other.variable, first.variable));
        }
    }
}
