//! [`SettingSpec`]: what is known of a setting without its type. Schemas are lists of them, and all exports are made
//! from such lists.

use super::SettingKind;

/// What can be set by one variable.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Settings, SettingKind};
///
/// let schema = EngineSettings::schema();
/// let port = schema.iter().find(|setting| setting.name == "CHARIOT_ENGINE_PORT").unwrap();
/// assert_eq!(port.kind, SettingKind::Int);
/// assert_eq!(port.default.as_deref(), Some("8080"));
/// assert_eq!(port.range.to.as_deref(), Some("65535"));
/// assert!(port.runtime && !port.required && !port.secret);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingSpec {
    /// The variable.
    pub name: String,
    /// Names that it had before: they are still read.
    pub aliases: Vec<String>,
    /// The platform's type of it.
    pub kind: SettingKind,
    /// What a value must be: `an integer from 1 to 10`, `one of fast, accurate`.
    pub expected: String,
    /// The values that there are; empty where there is no list of them.
    pub values: Vec<String>,
    /// The smallest and the largest value.
    pub range: SettingRange,
    /// The default as text; `None` where there is none, and for a secret.
    pub default: Option<String>,
    /// Whether the engine cannot start without it.
    pub required: bool,
    /// Whether its value is shown to nobody.
    pub secret: bool,
    /// Why it should not be set any more, and what to do instead.
    pub deprecated: Option<String>,
    /// What it does, for an operator.
    pub help: String,
    /// Whether it is the runtime's own, and no author's.
    pub runtime: bool,
}

impl SettingSpec {
    /// What a variable's name ends with that names a file in the place of the value: `API_KEY_FILE` is the file of
    /// `API_KEY`.
    pub const FILE_SUFFIX: &str = "_FILE";

    /// Whether the setting is read from this variable: its own, an old one, or one that names the file of either.
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

    /// Its own variable, then the old ones.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }

    /// The same under other names.
    pub(super) fn renamed(&self, rename: impl Fn(&str) -> String) -> Self {
        SettingSpec {
            name: rename(&self.name),
            aliases: self.aliases.iter().map(|alias| rename(alias)).collect(),
            ..self.clone()
        }
    }
}

/// The smallest and the largest value of a setting, both included, as text that it reads.
///
/// An integer's type has ends too: they are here where they are short enough to be said.
///
/// ```
/// use chariot_engine::settings::Field;
///
/// let range = Field::<u8>::new("TOP_K", "").range(Some(1), None).spec().range;
/// assert_eq!((range.from.as_deref(), range.to.as_deref()), (Some("1"), Some("255")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingRange {
    /// The smallest.
    pub from: Option<String>,
    /// The largest.
    pub to: Option<String>,
}
