//! [`Secret`]: a value that nobody is shown. A field of that type makes its setting a secret one in every export.
//!
//! A type of our own and not that of `secrecy`: what that adds is to wipe the value from memory, and every value here has
//! stood in the process's environment or in a file before.

use std::fmt;

use super::{SettingKind, SettingValue};

/// What stands where a secret would.
pub(super) const MASK: &str = "***";

/// A setting that is shown to nobody: not by `Debug`, not in a fault, not as a default, not where settings are
/// explained.
///
/// It is best given as a file: `API_KEY_FILE=/run/secrets/api-key`.
///
/// ```
/// use chariot_engine::settings::{Environment, Secret, Settings, read};
///
/// #[derive(Debug, Settings)]
/// struct Service {
///     /// The key of the label service
///     api_key: Secret,
///     /// The number that opens it
///     pin: Option<Secret<u16>>,
/// }
///
/// let service: Service = read(&Environment::from_iter([("API_KEY", "sesame"), ("PIN", "4711")])).unwrap();
/// assert_eq!(service.api_key.expose(), "sesame");
/// assert_eq!(format!("{service:?}"), "Service { api_key: Secret(***), pin: Some(Secret(***)) }");
///
/// let error = read::<Service>(&Environment::from_iter([("API_KEY", "sesame"), ("PIN", "66666")])).unwrap_err();
/// assert_eq!(error.to_string(), "PIN: an integer from 0 to 65535 is expected, something else came");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T = String>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Secret(value)
    }

    /// The value: take care where it goes.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({MASK})")
    }
}

/// No [`SettingText`](super::SettingText): a secret has no default that stands in a program.
impl<T: SettingValue> SettingValue for Secret<T> {
    const KIND: SettingKind = T::KIND;
    const SECRET: bool = true;

    fn expected() -> String {
        T::expected()
    }

    fn parse(text: &str) -> Result<Self, String> {
        // A parser's own words may repeat the text.
        T::parse(text).map(Secret).map_err(|_| Self::expected())
    }

    /// Not the value: a secret is not shown.
    fn show(&self) -> String {
        MASK.into()
    }
}
