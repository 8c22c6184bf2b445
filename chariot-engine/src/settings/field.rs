//! The declaration of one setting: what the derive writes for a field, what a [`Reader`](super::Reader) reads, and what
//! the schema says of it, all from one place.

use crate::error::{quoted, quoted_up_to};

use super::{
    Origin, Ranged, SettingKind, SettingRange, SettingSpec, SettingText, SettingValue, find::Found, secret::MASK,
};

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
    /// All but the default, and whether one is required, which stand below.
    declared: SettingSpec,
    found: Option<Found>,
    parse: fn(&str) -> Result<T, String>,
    show: fn(&T) -> String,
    absent: Option<T>,
    default: Option<Result<T, String>>,
    allowed: Box<dyn Fn(&T) -> bool>,
    /// What is wrong with the declaration itself.
    wrong: Option<String>,
}

impl<T> Field<T> {
    /// A setting without a default: required, unless `T` is an `Option`.
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Self
    where
        T: SettingValue,
    {
        Field {
            declared: SettingSpec {
                name: name.into(),
                aliases: vec![],
                kind: T::KIND,
                expected: T::expected(),
                values: T::choices(),
                range: T::limits(),
                default: None,
                required: true,
                secret: T::SECRET,
                deprecated: None,
                help: help.into(),
                runtime: false,
            },
            found: None,
            parse: T::parse,
            show: T::show,
            absent: T::absent(),
            default: None,
            allowed: Box::new(|_| true),
            wrong: None,
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
        let SettingRange { from: least, to: most } = T::limits();
        self.declared.range = SettingRange {
            from: from.as_ref().map(SettingValue::show).or(least),
            to: to.as_ref().map(SettingValue::show).or(most),
        };
        self.declared.expected = T::expected_within(from.as_ref(), to.as_ref());
        self.allowed = Box::new(move |value| value.within(from.as_ref(), to.as_ref()));
        self
    }

    /// The values that there are, in the place of a range.
    ///
    /// ```
    /// use chariot_engine::settings::{Environment, Field, Reader};
    ///
    /// let size = Field::<u16>::new("SIZE", "The side of a picture").values([224, 384]);
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

    /// The values that there are, as text. One that cannot be read is a fault when the setting is read.
    ///
    /// ```
    /// use chariot_engine::settings::{Environment, Field, Reader};
    ///
    /// let language = Field::<Option<String>>::new("LANGUAGE", "").values_text(&["de", "en"]);
    /// assert_eq!(Reader::new(&Environment::from_iter([("LANGUAGE", "en")])).field(language), Some(Some("en".into())));
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
                    self.wrong = Some(format!("{expected} is expected, a declared value is {}", quoted(text)));
                }
            }
        }
        self.list(shown.clone());
        self.allowed = Box::new(move |value| shown.contains(&value.show()));
        self
    }

    fn list(&mut self, values: Vec<String>) {
        self.declared.expected = format!("one of {}", values.join(", "));
        self.declared.range = SettingRange::default();
        self.declared.values = values;
    }

    /// A name that the setting had before: it is still read, with a warning that says the new one.
    ///
    /// ```
    /// use chariot_engine::settings::{Environment, Field, Reader};
    ///
    /// let environment = Environment::from_iter([("COUNT", "3")]);
    /// let mut reader = Reader::new(&environment);
    /// assert_eq!(reader.field(Field::<u8>::new("TOP_K", "").alias("COUNT")), Some(3));
    /// assert_eq!(reader.warnings(), ["COUNT has a new name: set TOP_K instead"]);
    /// ```
    #[must_use]
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.declared.aliases.push(name.into());
        self
    }

    /// Says why the setting should not be set any more, and what to do instead: a warning where it is set.
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

    /// One of the runtime's own.
    #[doc(hidden)]
    #[must_use]
    pub fn runtime(mut self) -> Self {
        self.declared.runtime = true;
        self
    }

    /// The variable: the declared one, and once a reader has [looked for it](super::Reader::locate) the one that is read.
    pub fn name(&self) -> &str {
        self.found.as_ref().map_or(&self.declared.name, |found| &found.variable)
    }

    /// What is set, by a variable or by its file, once a reader has [looked for it](super::Reader::locate). There are no
    /// blanks around it; what comes from a file may begin with some.
    pub fn given(&self) -> Option<&str> {
        self.found.as_ref()?.text.as_deref()
    }

    /// What the schema says of it.
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

    /// The field, with the names that it has within its group, and where it was found.
    pub(super) fn located(self, declared: SettingSpec, found: Found) -> Self {
        Field { declared, found: Some(found), ..self }
    }

    pub(super) fn origin(&self) -> Origin {
        self.found.as_ref().map_or(Origin::Nothing, |found| found.origin.clone())
    }

    /// Whether what is set cannot be read at all, which has been reported.
    pub(super) fn is_at_fault(&self) -> bool {
        self.found.as_ref().is_some_and(|found| found.is_at_fault)
    }

    /// What is wrong with the declaration itself.
    pub(super) fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    /// How a value is shown.
    pub(super) fn shows(&self) -> fn(&T) -> String {
        self.show
    }

    /// Reads a text that somebody set, or says what was expected.
    pub(super) fn parse(&self, text: &str) -> Result<T, String> {
        let SettingSpec { kind, secret, expected, values, .. } = &self.declared;
        match (self.parse)(text) {
            Ok(value) if (self.allowed)(&value) => Ok(value),
            Ok(_) => Err(expected.clone()),
            // A parser's own words are the better ones, but they know nothing of the range and of the list, and may repeat
            // the text.
            Err(_) if *kind != SettingKind::String || *secret || !values.is_empty() => Err(expected.clone()),
            Err(expected) => Err(expected),
        }
    }

    /// What came, in words: nothing of a secret, and nothing of what a file holds.
    pub(super) fn came(&self, text: &str) -> String {
        match self.found.as_ref().map(|found| &found.origin) {
            Some(Origin::File { path, .. }) => {
                format!("{} holds something else", quoted_up_to(&path.to_string_lossy(), super::file::LONGEST_PATH))
            }
            _ => self.came_as_default(text),
        }
    }

    /// As [`came`](Self::came), of a text that stands in the program.
    pub(super) fn came_as_default(&self, text: &str) -> String {
        if self.declared.secret { "something else came".into() } else { format!("{} came", quoted(text)) }
    }

    /// The declared default, or what the type itself says of no value.
    pub(super) fn take_default(&mut self) -> Result<(T, Origin), String> {
        let SettingSpec { secret, expected, .. } = &self.declared;
        match self.default.take() {
            Some(Ok(value)) if !(self.allowed)(&value) => {
                let shown = (self.show)(&value);
                Err(wrong_default(expected, if *secret { MASK } else { &shown }))
            }
            Some(value) => value.map(|value| (value, Origin::Default)),
            None => {
                let absent = self.absent.take().ok_or_else(|| format!("{expected} is expected, nothing is set"));
                absent.map(|value| (value, Origin::Nothing))
            }
        }
    }
}

fn wrong_default(expected: &str, text: &str) -> String {
    format!("{expected} is expected, the declared default is {}", quoted(text))
}
