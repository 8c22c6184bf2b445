//! [`SettingSpec`], the description of a setting without its type. A schema is a list of them, and every export is made
//! from such a list.

use super::{kind::SettingKind, runtime_setting::RuntimeSetting};

/// The description of a setting.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, SettingKind, Settings};
///
/// let schema = EngineSettings::schema();
/// let port = schema.iter().find(|setting| setting.name == "CHARIOT_ENGINE_PORT").unwrap();
/// assert_eq!(port.kind, SettingKind::Int);
/// assert_eq!(port.label, "Listen port");
/// assert_eq!(port.default.as_deref(), Some("8080"));
/// assert_eq!(port.range.to.as_deref(), Some("65535"));
/// assert!(port.runtime && !port.required && !port.secret);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingSpec {
    /// The environment variable.
    pub name: String,
    /// The former names of the variable, which are still read.
    pub aliases: Vec<String>,
    /// The platform's type of the setting.
    pub kind: SettingKind,
    /// The accepted values, in words: `an integer from 1 to 10`, `one of fast, accurate`.
    pub expected: String,
    /// The accepted values, or an empty list if they cannot be listed.
    pub values: Vec<String>,
    /// The smallest and the largest value.
    pub range: SettingRange,
    /// The default as text, or `None` if there is none or the setting is a secret.
    pub default: Option<String>,
    /// Set if the engine cannot start without a value.
    pub required: bool,
    /// Set if the value must not be shown.
    pub secret: bool,
    /// The reason why the setting should no longer be used, and what to do instead.
    pub deprecated: Option<String>,
    /// A short label for a form: the first sentence of [`help`](Self::help), or the name in words.
    pub label: String,
    /// The purpose of the setting, for an operator: the first paragraph of the field's doc comment.
    pub help: String,
    /// Set if the setting is the runtime's own, not an author's.
    pub runtime: bool,
    /// The facts about one of the runtime's settings.
    pub(crate) row: Option<RuntimeSetting>,
}

impl SettingSpec {
    /// The suffix of a variable that names a file with the value: `API_KEY_FILE` belongs to `API_KEY`.
    pub const FILE_SUFFIX: &str = "_FILE";

    /// Returns `true` if the setting is read from this variable: its own, a former name, or the file variable of either.
    ///
    /// ```
    /// use chariot_engine::settings::Field;
    ///
    /// let setting = Field::<u8>::new("TOP_K", "").alias("COUNT").spec();
    /// assert!(["TOP_K", "TOP_K_FILE", "COUNT", "COUNT_FILE"].iter().all(|variable| setting.is_read_from(variable)));
    /// assert!(!setting.is_read_from("TOP"));
    /// ```
    pub fn is_read_from(&self, variable: &str) -> bool {
        let bare = variable.strip_suffix(Self::FILE_SUFFIX);
        self.names().any(|name| name == variable || Some(name) == bare)
    }

    /// Returns the facts about the setting if it is one of the runtime's.
    pub(crate) fn runtime_setting(&self) -> Option<RuntimeSetting> {
        self.row
    }

    /// Returns the variable, then its former names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }

    /// Returns the same setting under other names.
    pub(super) fn renamed(&self, rename: impl Fn(&str) -> String) -> Self {
        SettingSpec {
            name: rename(&self.name),
            aliases: self.aliases.iter().map(|alias| rename(alias)).collect(),
            ..self.clone()
        }
    }
}

/// Returns the label of a setting: the first sentence of its help text, or its name in words if there is none.
pub(super) fn label(name: &str, help: &str) -> String {
    let sentence = help.split_once(". ").map_or(help, |(first, _)| first).trim_end_matches('.');
    if !sentence.is_empty() {
        return sentence.to_owned();
    }
    let mut words = name.replace('_', " ").to_lowercase();
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// The smallest and the largest value of a setting, both included, as text that the setting reads.
///
/// The limits of an integer type are included where they are short enough to be readable.
///
/// ```
/// use chariot_engine::settings::Field;
///
/// let range = Field::<u8>::new("TOP_K", "").range(Some(1), None).spec().range;
/// assert_eq!((range.from.as_deref(), range.to.as_deref()), (Some("1"), Some("255")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingRange {
    /// The smallest value.
    pub from: Option<String>,
    /// The largest value.
    pub to: Option<String>,
}

impl SettingRange {
    /// Creates a range with these limits, both included.
    pub fn new(from: Option<String>, to: Option<String>) -> Self {
        SettingRange { from, to }
    }
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn a_label_is_the_first_sentence_or_the_name_in_words() {
        for (help, expected) in [
            ("Log level. Falls back to `LOG_LEVEL`.", "Log level"),
            ("Score threshold.", "Score threshold"),
            ("How many labels to report", "How many labels to report"),
            ("Version 1.5 of the model", "Version 1.5 of the model"),
            ("", "Top k"),
        ] {
            assert_eq!(label("TOP_K", help), expected);
        }
        assert_eq!(label("", ""), "");
    }
}
