//! What a type must do to be a setting. A field of a settings struct is of such a type; `types` has those of the SDK.

use super::SettingRange;

/// The type of a setting as the platform knows it.
///
/// ```
/// use chariot_engine::settings::SettingKind;
///
/// assert_eq!(SettingKind::Int.as_str(), "int");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SettingKind {
    /// Text, and everything that is written as text: durations, sizes, paths, choices.
    String,
    /// An integer.
    Int,
    /// A number.
    Float,
    /// Yes or no.
    Bool,
}

impl SettingKind {
    /// The platform's name of it: `string`, `int`, `float` or `bool`.
    pub fn as_str(self) -> &'static str {
        match self {
            SettingKind::String => "string",
            SettingKind::Int => "int",
            SettingKind::Float => "float",
            SettingKind::Bool => "bool",
        }
    }
}

/// What a field of a settings struct can be.
///
/// The SDK reads `String`, `bool`, integers, `f32` and `f64` (finite), [`Duration`] (`5s`, `1m 30s`; a plain number is
/// seconds), [`ByteSize`] (`64MiB`, `64MB`; a plain number is bytes), [`PathBuf`], [`IpAddr`], an enum with
/// `#[derive(Settings)]`, a [`Secret`] of any of these, and an `Option` of any. For another type, implement it:
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
/// struct Colour([u8; 3]);
///
/// impl SettingValue for Colour {
///     const KIND: SettingKind = SettingKind::String;
///
///     fn expected() -> String {
///         "a colour such as ff8000".into()
///     }
///
///     fn parse(text: &str) -> Result<Self, String> {
///         let number = u32::from_str_radix(text, 16).ok().filter(|_| text.len() == 6);
///         let [_, rgb @ ..] = number.ok_or_else(Self::expected)?.to_be_bytes();
///         Ok(Colour(rgb))
///     }
///
///     fn show(&self) -> String {
///         self.0.iter().map(|part| format!("{part:02x}")).collect()
///     }
/// }
///
/// assert_eq!(Colour::parse("ff8000"), Ok(Colour([255, 128, 0])));
/// assert_eq!(Colour::parse("orange"), Err("a colour such as ff8000".into()));
/// ```
#[diagnostic::on_unimplemented(
    message = "a setting cannot be a `{Self}`",
    label = "not read from settings",
    note = "a setting is a `String`, `bool`, integer, `f32`, `f64`, `Duration`, `ByteSize`, `PathBuf`, `IpAddr`, a `Secret`, or an `Option` of one",
    note = "a struct with `#[derive(Settings)]` is a group of settings: write `#[setting(group)]` on the field",
    note = "an enum without fields becomes one by `#[derive(Settings)]`, any other type by `impl SettingValue`"
)]
pub trait SettingValue: Sized {
    /// The platform's type of it.
    const KIND: SettingKind;

    /// Whether a value is shown to nobody.
    const SECRET: bool = false;

    /// What a value must be, so that `... is expected` can follow: `an integer from 0 to 255`.
    fn expected() -> String {
        match Self::KIND {
            SettingKind::String => "text",
            SettingKind::Int => "an integer",
            SettingKind::Float => "a number",
            SettingKind::Bool => "true or false",
        }
        .into()
    }

    /// Reads a value. The text is not empty and has no blanks around it; what comes from a file may begin with some.
    ///
    /// # Errors
    /// What was expected, mostly [`expected`](Self::expected).
    fn parse(text: &str) -> Result<Self, String>;

    /// The value as text that [`parse`](Self::parse) reads.
    fn show(&self) -> String;

    /// The values that there are, where they can be listed: those of a choice.
    fn choices() -> Vec<String> {
        vec![]
    }

    /// The smallest and the largest value of the type, where they are worth saying.
    fn limits() -> SettingRange {
        SettingRange::default()
    }

    /// The value where none is set and there is no default. `None` makes the setting a required one.
    fn absent() -> Option<Self> {
        None
    }
}

/// A value that may be written as text where a setting is declared: `#[setting(default = "5s")]`,
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
    message = "a setting that is a `{Self}` is not declared by text",
    label = "write it as a `{Self}`, without quotes",
    note = "text stands for a `String`, `Duration`, `ByteSize`, `PathBuf`, `IpAddr` or an enum with `#[derive(Settings)]`; a `Secret` has none in a program"
)]
pub trait SettingText: SettingValue {}

/// A value that can have a range, `#[setting(range = 1..=10)]`, or a list of values that are not text,
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
    message = "a setting that is a `{Self}` has no range, and no list of values",
    label = "no range or list for a `{Self}`",
    note = "integers, `f32`, `f64`, `Duration`, `ByteSize` and an `Option` of one can; a list of texts is for what is written as text"
)]
pub trait Ranged: SettingValue {
    /// What the ends of the range are: the type itself, and what is within an `Option`.
    type Bound: SettingValue;

    /// Whether the value is within the range, both ends included. No value is within every range.
    fn within(&self, from: Option<&Self::Bound>, to: Option<&Self::Bound>) -> bool;

    /// What a value in this range must be.
    fn expected_within(from: Option<&Self::Bound>, to: Option<&Self::Bound>) -> String;
}

/// The number of the name that is meant, ignoring case, `_` and `-`. The derive on enums calls it.
#[doc(hidden)]
pub fn __choice(text: &str, names: &[&str]) -> Option<usize> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    names.iter().position(|name| plain(name) == plain(text))
}
