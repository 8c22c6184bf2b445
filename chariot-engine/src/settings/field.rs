//! [`Field`], the declaration of one setting. The derive generates it, a [`Reader`](super::Reader) reads it, and the schema
//! is made from it.

use super::{
    explained::Origin,
    file,
    find::Found,
    kind::SettingKind,
    runtime_setting::RuntimeSetting,
    secret::MASK,
    spec::{SettingRange, SettingSpec, label},
    value::{Ranged, SettingText, SettingValue},
};
use crate::error::{Expected, quoted};

/// The declaration of one setting: its variable, its default, its range, its help text.
///
/// The derive generates one for each field. A function that reads a setting (`#[setting(with = function)]`) gets it and
/// passes it to [`Reader::field`](super::Reader::field) or [`Reader::default`](super::Reader::default).
///
/// ```
/// use chariot_engine::settings::{Environment, Field, Reader};
///
/// let top_k = || Field::<u8>::new("TOP_K", "How many labels to report").default(3).range(Some(1), Some(10));
/// assert_eq!(top_k().spec().expected, "an integer from 1 to 10");
/// assert_eq!(Reader::new(&Environment::default()).field(top_k()), Some(3));
/// ```
pub struct Field<T> {
    /// The description, except for the default and whether the setting is required, which are kept below.
    declared: SettingSpec,
    found: Option<Found>,
    parse: fn(&str) -> Result<T, String>,
    show: fn(&T) -> String,
    is_list: bool,
    absent: Option<T>,
    default: Option<Result<T, String>>,
    allowed: Box<dyn Fn(&T) -> bool>,
    /// The fault of the declaration itself.
    wrong: Option<String>,
}

impl<T> Field<T> {
    /// Creates a setting without a default, which is required unless `T` is an `Option`. The first sentence of `help` is
    /// the setting's label.
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Self
    where
        T: SettingValue,
    {
        let (name, help) = (name.into(), help.into());
        Field {
            declared: SettingSpec {
                label: label(&name, &help),
                name,
                aliases: vec![],
                kind: T::KIND,
                expected: T::expected(),
                values: T::choices(),
                range: T::limits(),
                default: None,
                required: true,
                secret: T::SECRET,
                deprecated: None,
                help,
                runtime: false,
                row: None,
            },
            found: None,
            parse: T::parse,
            show: T::show,
            is_list: T::LIST,
            absent: T::absent(),
            default: None,
            allowed: Box::new(|_| true),
            wrong: None,
        }
    }

    /// Sets the default.
    #[must_use]
    pub fn default(mut self, value: T) -> Self {
        self.default = Some(Ok(value));
        self
    }

    /// Sets the default as text. A default that cannot be parsed is a fault when the setting is read.
    #[must_use]
    pub fn default_text(mut self, text: &str) -> Self
    where
        T: SettingText,
    {
        self.default = Some(T::parse(text).map_err(|expected| wrong_default(&expected, text)));
        self
    }

    /// Sets the smallest and the largest value, both included.
    #[must_use]
    pub fn range(mut self, from: Option<T::Bound>, to: Option<T::Bound>) -> Self
    where
        T: Ranged,
        T::Bound: 'static,
    {
        let SettingRange { from: least, to: most } = T::limits();
        self.declared.range = SettingRange {
            from: from.as_ref().map(SettingValue::show).or(least),
            to: to.as_ref().map(SettingValue::show).or(most),
        };
        self.declared.expected = T::expected_within(from.as_ref(), to.as_ref());
        self.allowed = Box::new(move |value| value.within(from.as_ref(), to.as_ref()));
        self
    }

    /// Sets the accepted values, in place of a range.
    ///
    /// ```
    /// use chariot_engine::settings::{Environment, Field, Reader};
    ///
    /// let size = Field::<u16>::new("SIZE", "Side of an image").values([224, 384]);
    /// assert_eq!(size.spec().expected, "one of 224, 384");
    /// assert_eq!(Reader::new(&Environment::from_iter([("SIZE", "225")])).field(size), None);
    /// ```
    #[must_use]
    pub fn values(mut self, values: impl IntoIterator<Item = T::Bound>) -> Self
    where
        T: Ranged,
        T::Bound: 'static,
    {
        let values: Vec<T::Bound> = values.into_iter().collect();
        self.list(values.iter().map(SettingValue::show).collect());
        self.allowed = Box::new(move |value| values.iter().any(|one| value.within(Some(one), Some(one))));
        self
    }

    /// Sets the accepted values as text. A value that cannot be parsed is a fault when the setting is read. For a list, these
    /// are the accepted elements.
    ///
    /// ```
    /// use chariot_engine::settings::{Environment, Field, Reader};
    ///
    /// let language = Field::<Option<String>>::new("LANGUAGE", "").values_text(&["de", "en"]);
    /// assert_eq!(Reader::new(&Environment::from_iter([("LANGUAGE", "en")])).field(language), Some(Some("en".into())));
    ///
    /// let languages = Field::<Vec<String>>::new("LANGUAGES", "").values_text(&["de", "en"]);
    /// assert_eq!(Reader::new(&Environment::from_iter([("LANGUAGES", "en,fr")])).field(languages), None);
    /// ```
    #[must_use]
    pub fn values_text(mut self, values: &[&str]) -> Self
    where
        T: SettingText,
    {
        let mut shown = vec![];
        for text in values {
            match T::parse(text) {
                Ok(value) => shown.push(value.show()),
                Err(expected) => {
                    let got = format_args!("{} as a declared value", quoted(text));
                    self.wrong = Some(Expected::new(expected, got).into());
                }
            }
        }
        self.list(shown.clone());
        self.allowed = Box::new(move |value| value.is_listed(&shown));
        self
    }

    fn list(&mut self, values: Vec<String>) {
        let listed = values.join(", ");
        self.declared.range = SettingRange::default();
        if self.is_list {
            self.declared.expected = format!("a comma-separated list of {listed}");
        } else {
            self.declared.expected = format!("one of {listed}");
            self.declared.values = values;
        }
    }

    /// Adds a former name of the setting, which is still read, with a warning that states the current name.
    ///
    /// ```
    /// use chariot_engine::settings::{Environment, Field, Reader};
    ///
    /// let environment = Environment::from_iter([("COUNT", "3")]);
    /// let mut reader = Reader::new(&environment);
    /// assert_eq!(reader.field(Field::<u8>::new("TOP_K", "").alias("COUNT")), Some(3));
    /// assert_eq!(reader.warnings(), ["COUNT is deprecated: use TOP_K instead"]);
    /// ```
    #[must_use]
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.declared.aliases.push(name.into());
        self
    }

    /// Deprecates the setting, with the reason and what to do instead. A warning is issued where it is set.
    ///
    /// ```
    /// use chariot_engine::settings::{Environment, Field, Reader};
    ///
    /// let environment = Environment::from_iter([("FAST", "yes")]);
    /// let mut reader = Reader::new(&environment);
    /// reader.field(Field::<bool>::new("FAST", "").default(false).deprecated("it is always fast"));
    /// assert_eq!(reader.warnings(), ["FAST is deprecated: it is always fast"]);
    /// ```
    #[must_use]
    pub fn deprecated(mut self, why: impl Into<String>) -> Self {
        self.declared.deprecated = Some(why.into());
        self
    }

    /// Makes the setting one of the runtime's own. The derive calls it for `#[settings(runtime)]`.
    #[must_use]
    pub(crate) fn runtime(mut self, row: RuntimeSetting) -> Self {
        self.declared.runtime = true;
        self.declared.row = Some(row);
        self
    }

    /// Returns the variable: the declared one, or the one that is read once a reader has
    /// [located](super::Reader::locate) the setting.
    pub fn name(&self) -> &str {
        self.found.as_ref().map_or(&self.declared.name, |found| &found.variable)
    }

    /// Returns the value that is set by a variable or a file, once a reader has [located](super::Reader::locate) the setting.
    /// It has no surrounding whitespace, except that a value from a file can have leading whitespace.
    pub fn given(&self) -> Option<&str> {
        self.found.as_ref()?.text.as_deref()
    }

    /// Returns the description of the setting.
    pub fn spec(&self) -> SettingSpec {
        let shown = self.default.as_ref().and_then(|value| value.as_ref().ok().map(self.show));
        SettingSpec {
            default: shown.filter(|_| !self.declared.secret),
            required: self.default.is_none() && self.absent.is_none(),
            ..self.declared.clone()
        }
    }

    pub(super) fn declared(&self) -> &SettingSpec {
        &self.declared
    }

    pub(super) fn is_located(&self) -> bool {
        self.found.is_some()
    }

    /// Returns the field with the names that it has within its group and the result of the search.
    pub(super) fn located(self, declared: SettingSpec, found: Found) -> Self {
        Field { declared, found: Some(found), ..self }
    }

    pub(super) fn origin(&self) -> Origin {
        self.found.as_ref().map_or(Origin::Nothing, |found| found.origin.clone())
    }

    /// Returns `true` if the value cannot be obtained at all, which has been reported.
    pub(super) fn is_at_fault(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.is_at_fault)
    }

    /// Returns the fault of the declaration itself.
    pub(super) fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    /// Returns the function that shows a value.
    pub(super) fn shows(&self) -> fn(&T) -> String {
        self.show
    }

    /// Parses a text, or returns the accepted values in words.
    pub(super) fn parse(&self, text: &str) -> Result<T, String> {
        let SettingSpec { kind, secret, expected, values, .. } = &self.declared;
        match (self.parse)(text) {
            Ok(value) if (self.allowed)(&value) => Ok(value),
            Ok(_) => Err(expected.clone()),
            // The parser's own message is more precise, but it does not know the range and the list of values, and it can
            // contain the text.
            Err(_) if *kind != SettingKind::String || *secret || !values.is_empty() => Err(expected.clone()),
            Err(expected) => Err(expected),
        }
    }

    /// Returns the fault of a text that is not accepted. The text is not shown if it is a secret or comes from a file.
    pub(super) fn rejected(&self, expected: String, text: &str) -> String {
        match self.found.as_ref().map(|found| &found.origin) {
            Some(Origin::File { path, .. }) => {
                let path = file::shown(&path.to_string_lossy());
                Expected::new(expected, format_args!("another value in {path}")).into()
            }
            _ => Expected::new(expected, self.shown_text(text)).into(),
        }
    }

    /// Returns the fault of a default that the attribute or the builder gives.
    pub(super) fn rejected_default(&self, expected: String, text: &str) -> String {
        Expected::new(expected, format_args!("{} as the engine's default", self.shown_text(text))).into()
    }

    fn shown_text(&self, text: &str) -> String {
        if self.declared.secret { "another value".into() } else { quoted(text) }
    }

    /// Returns the declared default, or else the type's value for a setting that is not set.
    pub(super) fn take_default(&mut self) -> Result<(T, Origin), String> {
        let SettingSpec { secret, expected, .. } = &self.declared;
        match self.default.take() {
            Some(Ok(value)) if !(self.allowed)(&value) => {
                let shown = (self.show)(&value);
                Err(wrong_default(expected, if *secret { MASK } else { &shown }))
            }
            Some(value) => value.map(|value| (value, Origin::Default)),
            None => {
                let absent = self.absent.take().ok_or_else(|| Expected::new(expected, "no value").to_string());
                absent.map(|value| (value, Origin::Nothing))
            }
        }
    }
}

fn wrong_default(expected: &str, text: &str) -> String {
    Expected::new(expected, format_args!("{} as the declared default", quoted(text))).into()
}
