//! [`Explained`] and [`Origin`]: the value of a setting and its source, which a reader keeps for operators.

use std::{fmt, path::PathBuf};

use super::spec::SettingSpec;

/// One setting as it was read: its value and its source.
///
/// ```
/// use chariot_engine::settings::{Environment, Origin, Reader, Secret, Settings};
///
/// #[derive(Settings)]
/// struct Service {
///     #[setting(default = 3)]
///     top_k: u8,
///     api_key: Secret,
/// }
///
/// let environment = Environment::from_iter([("API_KEY", "sesame")]);
/// let mut reader = Reader::new(&environment);
/// reader.read::<Service>().unwrap();
/// let [top_k, api_key] = reader.explained() else { panic!("there are two settings") };
/// assert_eq!((top_k.value.as_deref(), &top_k.origin), (Some("3"), &Origin::Default));
/// assert_eq!(api_key.value.as_deref(), Some("***"));
/// assert_eq!(api_key.origin, Origin::Variable("API_KEY".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explained {
    /// The setting. Its name is the one within the reader's scope, and its default is the effective one: that of the
    /// attribute or the builder if there is one.
    pub setting: SettingSpec,
    /// The value as text, masked if it is a secret; `None` if the setting is not set or its value is invalid.
    pub value: Option<String>,
    /// The source of the value.
    pub origin: Origin,
}

/// The source of a setting's value.
///
/// ```
/// use chariot_engine::settings::Origin;
///
/// let origin = Origin::File { variable: "API_KEY_FILE".into(), path: "/run/secrets/api-key".into() };
/// assert_eq!(origin.to_string(), "API_KEY_FILE (/run/secrets/api-key)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The variable of this name.
    Variable(String),
    /// The variable of this name, a former name of the setting.
    Alias(String),
    /// A file that a variable names.
    File {
        /// The variable.
        variable: String,
        /// The file.
        path: PathBuf,
    },
    /// A default of the attribute or the builder.
    Engine,
    /// The default that the setting declares.
    Default,
    /// The setting's own function (`#[setting(with = function)]`), if it did not state the source.
    Function,
    /// Computed from other settings, from the machine or from the engine, because the setting is not set.
    Computed,
    /// Not set, and without a default.
    Nothing,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Variable(name) => f.write_str(name),
            Origin::Alias(name) => write!(f, "{name} (deprecated name)"),
            Origin::File { variable, path } => write!(f, "{variable} ({})", path.display()),
            Origin::Engine => f.write_str("the engine's default"),
            Origin::Default => f.write_str("the default"),
            Origin::Function => f.write_str("the engine's code"),
            Origin::Computed => f.write_str("computed"),
            Origin::Nothing => f.write_str("not set"),
        }
    }
}
