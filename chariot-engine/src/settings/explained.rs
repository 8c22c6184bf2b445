//! Where the values of settings came from: what a reader keeps of each reading, so that an operator can be told.

use std::{fmt, path::PathBuf};

use super::SettingSpec;

/// One setting as it was read: its value, and where that came from.
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
    /// The setting. Its name is the one within the reader's scope, its default the one that counts: the attribute's or the
    /// builder's, if there is one.
    pub setting: SettingSpec,
    /// The value as text, masked if it is a secret; `None` where nothing is set, and where what is set is at fault.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a setting's value came from.
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
    /// This variable.
    Variable(String),
    /// This variable, an old name of the setting.
    Alias(String),
    /// The file that a variable names.
    File {
        /// The variable.
        variable: String,
        /// The file.
        path: PathBuf,
    },
    /// A default that the attribute or the builder gives.
    Engine,
    /// The default that the setting declares.
    Default,
    /// The setting's own function (`#[setting(with = function)]`), which did not say from where.
    Function,
    /// Nothing is set, and there is no default.
    Nothing,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Variable(name) => f.write_str(name),
            Origin::Alias(name) => write!(f, "{name} (an old name)"),
            Origin::File { variable, path } => write!(f, "{variable} ({})", path.display()),
            Origin::Engine => f.write_str("the engine's default"),
            Origin::Default => f.write_str("the default"),
            Origin::Function => f.write_str("the engine"),
            Origin::Nothing => f.write_str("not set"),
        }
    }
}
