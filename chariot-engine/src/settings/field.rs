//! The declaration of one setting: what the derive writes for a field, what a [`Reader`](super::Reader) reads, and what
//! the schema says of it, all from one place.

use super::{Ranged, SettingKind, SettingText, SettingValue, error::quoted};

/// What can be set by one variable.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Settings, SettingKind};
///
/// let schema = EngineSettings::schema();
/// let port = schema.iter().find(|setting| setting.name == "CHARIOT_ENGINE_PORT").unwrap();
/// assert_eq!(port.kind, SettingKind::Int);
/// assert_eq!(port.default.as_deref(), Some("8080"));
/// assert!(!port.required);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingSpec {
    /// The variable.
    pub name: String,
    /// The platform's type of it.
    pub kind: SettingKind,
    /// What a value must be: `an integer from 1 to 10`, `one of fast, accurate`.
    pub expected: String,
    /// The default as text; `None` where there is none.
    pub default: Option<String>,
    /// Whether the engine cannot start without it.
    pub required: bool,
    /// What it does, for an operator.
    pub help: String,
    /// Whether it is the runtime's own, and no author's.
    pub runtime: bool,
}

/// The declaration of one setting: its variable, its default, its range, its text.
///
/// The derive makes one for each field. Who reads a setting by a function of its own (`#[setting(with = function)]`)
/// gets it and hands it on to [`Reader::field`](super::Reader::field) or [`Reader::default`](super::Reader::default).
///
/// ```
/// use chariot_engine::settings::{Environment, Field, Reader};
///
/// let top_k = || Field::<u8>::new("TOP_K", "How many labels to report").default(3).range(Some(1), Some(10));
/// assert_eq!(top_k().spec().expected, "an integer from 1 to 10");
/// assert_eq!(Reader::new(&Environment::default()).field(top_k()), Some(3));
/// ```
pub struct Field<T> {
    name: String,
    help: String,
    kind: SettingKind,
    expected: String,
    runtime: bool,
    found: Option<Found>,
    parse: fn(&str) -> Result<T, String>,
    show: fn(&T) -> String,
    absent: Option<T>,
    default: Option<Result<T, String>>,
    allowed: Box<dyn Fn(&T) -> bool>,
}

impl<T> Field<T> {
    /// A setting without a default: required, unless `T` is an `Option`.
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Self
    where
        T: SettingValue,
    {
        Field {
            name: name.into(),
            help: help.into(),
            kind: T::KIND,
            expected: T::expected(),
            runtime: false,
            found: None,
            parse: T::parse,
            show: T::show,
            absent: T::absent(),
            default: None,
            allowed: Box::new(|_| true),
        }
    }

    /// The value where none is set.
    #[must_use]
    pub fn default(mut self, value: T) -> Self {
        self.default = Some(Ok(value));
        self
    }

    /// The value where none is set, as text. One that cannot be read is a fault when the setting is read.
    #[must_use]
    pub fn default_text(mut self, text: &str) -> Self
    where
        T: SettingText,
    {
        self.default = Some(T::parse(text).map_err(|expected| wrong_default(&expected, text)));
        self
    }

    /// The smallest and the largest value, both included.
    #[must_use]
    pub fn range(mut self, from: Option<T::Bound>, to: Option<T::Bound>) -> Self
    where
        T: Ranged,
        T::Bound: 'static,
    {
        self.expected = T::expected_within(from.as_ref(), to.as_ref());
        self.allowed = Box::new(move |value| value.within(from.as_ref(), to.as_ref()));
        self
    }

    /// One of the runtime's own.
    #[doc(hidden)]
    #[must_use]
    pub fn runtime(mut self) -> Self {
        self.runtime = true;
        self
    }

    /// The variable: the declared one, and once a reader has [looked for it](super::Reader::locate) the one that is read.
    pub fn name(&self) -> &str {
        self.found.as_ref().map_or(&self.name, |found| &found.variable)
    }

    /// What is set, without blanks around it, once a reader has [looked for it](super::Reader::locate).
    pub fn given(&self) -> Option<&str> {
        self.found.as_ref()?.text.as_deref()
    }

    /// What the schema says of it.
    pub fn spec(&self) -> SettingSpec {
        SettingSpec {
            name: self.name.clone(),
            kind: self.kind,
            expected: self.expected.clone(),
            default: self.default.as_ref().and_then(|value| value.as_ref().ok().map(self.show)),
            required: self.default.is_none() && self.absent.is_none(),
            help: self.help.clone(),
            runtime: self.runtime,
        }
    }

    pub(super) fn declared(&self) -> &str {
        &self.name
    }

    pub(super) fn is_runtime(&self) -> bool {
        self.runtime
    }

    pub(super) fn is_located(&self) -> bool {
        self.found.is_some()
    }

    pub(super) fn located(mut self, found: Found) -> Self {
        self.found = Some(found);
        self
    }

    /// Reads a text that somebody set.
    pub(crate) fn parse(&self, text: &str) -> Result<T, String> {
        match (self.parse)(text) {
            Ok(value) if (self.allowed)(&value) => Ok(value),
            Ok(_) => Err(came(&self.expected, text)),
            // A parser's own words are the better ones, but they know nothing of the range.
            Err(_) if self.kind != SettingKind::String => Err(came(&self.expected, text)),
            Err(expected) => Err(came(&expected, text)),
        }
    }

    /// The declared default, or what the type itself says of no value.
    pub(crate) fn into_default(self) -> Result<T, String> {
        match self.default {
            Some(Ok(value)) if !(self.allowed)(&value) => Err(wrong_default(&self.expected, &(self.show)(&value))),
            Some(value) => value,
            None => self.absent.ok_or_else(|| format!("{} is expected, nothing is set", self.expected)),
        }
    }
}

/// Where a reader has found a setting.
pub(super) struct Found {
    /// The variable that is set; the one that would go first if none is.
    pub(super) variable: String,
    pub(super) text: Option<String>,
}

fn came(expected: &str, text: &str) -> String {
    format!("{expected} is expected, {} came", quoted(text))
}

fn wrong_default(expected: &str, text: &str) -> String {
    format!("{expected} is expected, the declared default is {}", quoted(text))
}
