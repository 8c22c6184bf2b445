//! [`Secret`], a value that is never shown. A field of that type makes its setting a secret in every export.
//!
//! The type is our own, not that of `secrecy`: what `secrecy` adds is to wipe the value from memory, and every value here
//! was in the process's environment or in a file before.

use std::fmt;

use super::{kind::SettingKind, value::SettingValue};

/// The text that is shown in place of a secret.
pub(super) const MASK: &str = "***";

/// A setting that is never shown: not by `Debug`, not in a fault, not as a default, not where settings are explained.
///
/// Give it as a file where possible: `API_KEY_FILE=/run/secrets/api-key`.
///
/// ```
/// use chariot_engine::settings::{Environment, Secret, Settings, from_environment};
///
/// #[derive(Debug, Settings)]
/// struct Service {
///     /// Key of the label service
///     api_key: Secret,
///     /// PIN of the label service
///     pin: Option<Secret<u16>>,
/// }
///
/// let service: Service = from_environment(&Environment::from_iter([("API_KEY", "sesame"), ("PIN", "4711")])).unwrap();
/// assert_eq!(service.api_key.expose(), "sesame");
/// assert_eq!(format!("{service:?}"), "Service { api_key: Secret(***), pin: Some(Secret(***)) }");
///
/// let environment = Environment::from_iter([("API_KEY", "sesame"), ("PIN", "66666")]);
/// let error = from_environment::<Service>(&environment).unwrap_err();
/// assert_eq!(error.to_string(), "PIN: expected an integer from 0 to 65535, got another value");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T = String>(T);

impl<T> Secret<T> {
    /// Hides a value.
    pub fn new(value: T) -> Self {
        Secret(value)
    }

    /// Returns the value. Take care not to log it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({MASK})")
    }
}

/// Does not implement [`SettingText`](super::SettingText): a secret must not have a default in a program.
impl<T: SettingValue> SettingValue for Secret<T> {
    const KIND: SettingKind = T::KIND;
    const SECRET: bool = true;

    fn expected() -> String {
        T::expected()
    }

    fn parse(text: &str) -> Result<Self, String> {
        // The parser's own message can contain the text.
        T::parse(text).map(Secret).map_err(|_| Self::expected())
    }

    /// Returns the mask, not the value.
    fn show(&self) -> String {
        MASK.into()
    }
}
