//! The traits of a setting's type. Every field of a settings struct has such a type; `types` implements them for the types
//! that the SDK supports.

use super::{kind::SettingKind, spec::SettingRange};

/// A type that a field of a settings struct can have.
///
/// The SDK implements it for `String`, `bool`, integers, `f32` and `f64` (finite), [`Duration`] (`5s`, `1m 30s`; a plain
/// number is seconds), [`ByteSize`] (`64MiB`, `64MB`; a plain number is bytes), [`PathBuf`], [`IpAddr`], an enum with
/// `#[derive(SettingChoice)]`, a `Vec` of any of these (comma-separated), a [`Secret`] of any of these, and an `Option` of
/// any. Implement it for other types:
///
/// [`Duration`]: std::time::Duration
/// [`ByteSize`]: super::ByteSize
/// [`PathBuf`]: std::path::PathBuf
/// [`IpAddr`]: std::net::IpAddr
/// [`Secret`]: super::Secret
///
/// ```
/// use chariot_engine::settings::{SettingKind, SettingValue};
///
/// #[derive(Debug, PartialEq)]
/// struct Color([u8; 3]);
///
/// impl SettingValue for Color {
///     const KIND: SettingKind = SettingKind::String;
///
///     fn expected() -> String {
///         "a color such as ff8000".into()
///     }
///
///     fn parse(text: &str) -> Result<Self, String> {
///         let number = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 6);
///         let [_, rgb @ ..] = number.ok_or_else(Self::expected)?.to_be_bytes();
///         Ok(Color(rgb))
///     }
///
///     fn show(&self) -> String {
///         self.0.iter().map(|part| format!("{part:02x}")).collect()
///     }
/// }
///
/// assert_eq!(Color::parse("ff8000"), Ok(Color([255, 128, 0])));
/// assert_eq!(Color::parse("orange"), Err("a color such as ff8000".into()));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a setting",
    label = "not a setting type",
    note = "a setting is a `String`, `bool`, integer, `f32`, `f64`, `Duration`, `ByteSize`, `PathBuf`, `IpAddr`, a `Vec` of one, a `Secret`, or an `Option` of one",
    note = "for a group of settings, derive `Settings` on a struct and write `#[setting(group)]` on the field",
    note = "for an enum without fields, derive `SettingChoice`; for any other type, implement `SettingValue`"
)]
pub trait SettingValue: Sized {
    /// The platform's type of the setting.
    const KIND: SettingKind;

    /// Set if values must not be shown.
    const SECRET: bool = false;

    /// Set if a value is a comma-separated list. A declared list of values then applies to each element.
    const LIST: bool = false;

    /// Returns the accepted values in words, to follow `expected`: `an integer from 0 to 255`.
    fn expected() -> String {
        match Self::KIND {
            SettingKind::String => "a string",
            SettingKind::Int => "an integer",
            SettingKind::Float => "a number",
            SettingKind::Bool => "true or false",
        }
        .into()
    }

    /// Parses a value. The text is not empty and has no surrounding whitespace, except that text from a file can have
    /// leading whitespace.
    ///
    /// # Errors
    /// Returns the accepted values in words, usually [`expected`](Self::expected).
    fn parse(text: &str) -> Result<Self, String>;

    /// Returns the value as text that [`parse`](Self::parse) accepts.
    fn show(&self) -> String;

    /// Returns the accepted values if they can be listed, such as those of a choice.
    fn choices() -> Vec<String> {
        vec![]
    }

    /// Returns the smallest and the largest value of the type, where they are worth showing.
    fn limits() -> SettingRange {
        SettingRange::default()
    }

    /// Returns `true` if the value, or each of its elements, is in a declared list of values.
    fn is_listed(&self, values: &[String]) -> bool {
        values.contains(&self.show())
    }

    /// Returns the value of a setting that is not set and has no default. `None` makes the setting required.
    fn absent() -> Option<Self> {
        None
    }
}

/// A setting type whose values are written as text in declarations: `#[setting(default = "5s")]`,
/// `#[setting(values = ["de", "en"])]`.
///
/// ```
/// use chariot_engine::settings::{SettingText, SettingValue};
///
/// fn default<T: SettingText>(text: &str) -> Result<T, String> {
///     T::parse(text)
/// }
/// assert_eq!(default("5s"), Ok(std::time::Duration::from_secs(5)));
/// ```
#[diagnostic::on_unimplemented(
    message = "a setting of type `{Self}` cannot be declared as text",
    label = "expected a `{Self}`, without quotes",
    note = "text works for `String`, `Duration`, `ByteSize`, `PathBuf`, `IpAddr`, a `Vec`, and an enum that derives `SettingChoice`; a `Secret` has no default in a program"
)]
pub trait SettingText: SettingValue {}

/// An enum whose variants are the choices of a setting. Derive it with
/// [`#[derive(SettingChoice)]`](derive@super::SettingChoice), which implements [`SettingValue`] and [`SettingText`] too.
///
/// ```
/// use chariot_engine::settings::{LogFormat, SettingChoice};
///
/// assert_eq!(LogFormat::NAMES, ["human", "json"]);
/// ```
pub trait SettingChoice: SettingText {
    /// The names of the variants, in order of declaration.
    const NAMES: &'static [&'static str];
}

/// A setting type that can have a range, `#[setting(range = 1..=10)]`, or a list of values that are not text,
/// `#[setting(values = [1, 2, 4])]`.
///
/// ```
/// use chariot_engine::settings::Ranged;
///
/// assert!(5_u8.within(Some(&1), Some(&10)));
/// assert!(!Some(0.0_f32).within(Some(&0.5), None));
/// assert_eq!(u8::expected_within(Some(&1), None), "an integer from 1 to 255");
/// ```
#[diagnostic::on_unimplemented(
    message = "a setting of type `{Self}` cannot have a range or a list of values",
    label = "no range or list for a `{Self}`",
    note = "ranges and lists work for integers, `f32`, `f64`, `Duration`, `ByteSize` and an `Option` of one; lists of strings work for types that are written as text"
)]
pub trait Ranged: SettingValue {
    /// The type of the range's limits: the type itself, or the type in an `Option`.
    type Bound: SettingValue;

    /// Returns `true` if the value is within the range, both limits included. `None` is within every range.
    fn within(&self, from: Option<&Self::Bound>, to: Option<&Self::Bound>) -> bool;

    /// Returns the values within the range in words.
    fn expected_within(from: Option<&Self::Bound>, to: Option<&Self::Bound>) -> String;
}

/// Returns the index of the name that the text means, ignoring case, `_` and `-`. The derive on enums calls it.
#[doc(hidden)]
pub fn __choice(text: &str, names: &[&str]) -> Option<usize> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    names.iter().position(|name| plain(name) == plain(text))
}
