//! Reading one setting: the reader locates it, parses its value or takes a default, and records the source of the value.

use super::state::Reader;
use crate::settings::{
    explained::{Explained, Origin},
    field::Field,
    find::Search,
    scope::{scoped_variable, tiers, within},
    secret::MASK,
    spec::SettingSpec,
};

impl Reader<'_> {
    /// Reads one setting. Returns `None` if it is invalid; [`read`](Self::read) reports the fault.
    pub fn field<T>(&mut self, field: Field<T>) -> Option<T> {
        let field = self.locate(field);
        let Some(text) = field.given() else { return self.default(field) };
        let read = match field.parse(text) {
            Ok(value) => Ok((value, field.origin())),
            Err(expected) => Err(field.rejected(expected, text)),
        };
        self.end(self.entry(&field), &field, read)
    }

    /// Reads one setting like [`field`](Self::field), but ignores the environment: for a function that found no usable value
    /// there.
    pub fn default<T>(&mut self, field: Field<T>) -> Option<T> {
        let mut field = self.locate(field);
        let entry = self.entry(&field);
        if field.is_at_fault() {
            self.record(entry);
            return None;
        }
        let read = match self.layer(field.declared()) {
            Some(text) => match field.parse(text) {
                Ok(value) => Ok((value, Origin::Engine)),
                Err(expected) => Err(field.rejected_default(expected, text)),
            },
            None => field.take_default(),
        };
        self.end(entry, &field, read)
    }

    /// Uses a value that a reading function found elsewhere, and records its source.
    ///
    /// ```
    /// use chariot_engine::settings::{Environment, Field, Origin, Reader};
    ///
    /// fn workers(reader: &mut Reader<'_>, field: Field<usize>) -> Option<usize> {
    ///     match reader.given("OMP_NUM_THREADS").and_then(|text| text.parse().ok()) {
    ///         Some(number) if field.given().is_none() => {
    ///             reader.take(field, number, Origin::Variable("OMP_NUM_THREADS".into()))
    ///         }
    ///         _ => reader.field(field),
    ///     }
    /// }
    ///
    /// let environment = Environment::from_iter([("OMP_NUM_THREADS", "4")]);
    /// let mut reader = Reader::new(&environment);
    /// assert_eq!(reader.with(Field::new("WORKERS", "").default(1), workers), Some(4));
    /// assert_eq!(reader.explained()[0].origin.to_string(), "OMP_NUM_THREADS");
    /// ```
    pub fn take<T>(&mut self, field: Field<T>, value: T, origin: Origin) -> Option<T> {
        let field = self.locate(field);
        self.end(self.entry(&field), &field, Ok((value, origin)))
    }

    /// Reads one setting with a function, as `#[setting(with = function)]` does. [`explained`](Self::explained) contains the
    /// value that the function returns.
    pub fn with<T>(&mut self, field: Field<T>, read: impl FnOnce(&mut Self, Field<T>) -> Option<T>) -> Option<T> {
        let field = self.locate(field);
        let (show, mut entry) = (field.shows(), self.entry(&field));
        self.explained.retain(|known| known.setting.name != entry.setting.name);
        let value = read(self, field);
        let known = self.explained.iter().position(|known| known.setting.name == entry.setting.name);
        if let Some(known) = known {
            entry = self.explained.remove(known);
        }
        let shown = value.as_ref().map(|value| if entry.setting.secret { MASK.into() } else { show(value) });
        if known.is_none() || shown.clone().unwrap_or_default() != entry.value.clone().unwrap_or_default() {
            if shown.is_some() {
                entry.origin = Origin::Function;
            }
            entry.value = shown;
        }
        self.record(entry);
        value
    }

    /// Locates a setting: afterwards, [`Field::name`] is the variable that is read, and [`Field::given`] its value. A function
    /// that reads a field (`#[setting(with = function)]`) gets a located field.
    ///
    /// Reports problems of the variables themselves: a value that is not UTF-8, a file that cannot be read, both a value and
    /// a file, former names.
    pub fn locate<T>(&mut self, field: Field<T>) -> Field<T> {
        if field.is_located() {
            return field;
        }
        let declared = self.within_group(field.declared());
        let tiers = tiers(&self.scope, &declared);
        let search = Search { environment: self.environment, own: &self.own };
        let (mut found, remarks) = search.find(declared.deprecated.as_deref(), &tiers);
        if let Some(fault) = remarks.fault {
            self.fault(found.variable.clone(), fault);
        }
        if let Some(wrong) = field.wrong() {
            self.fault(found.variable.clone(), wrong);
            (found.text, found.is_at_fault) = (None, true);
        }
        self.warnings.extend(remarks.warnings);
        field.located(declared, found)
    }

    pub(in crate::settings) fn within_group(&self, setting: &SettingSpec) -> SettingSpec {
        setting.renamed(|name| format!("{}{name}", self.group))
    }

    /// Returns the default that the layer has for a setting.
    pub(in crate::settings) fn layer(&self, declared: &SettingSpec) -> Option<&str> {
        let default = |name: &str| self.defaults.iter().rev().find(|(of, _)| of == name).map(|(_, text)| text.trim());
        let scoped = scoped_variable(&self.scope, &declared.name, declared.runtime);
        default(&scoped).or_else(|| default(&declared.name)).filter(|text| !text.is_empty())
    }

    /// Records the result of a reading, and returns the value.
    fn end<T>(&mut self, mut entry: Explained, field: &Field<T>, read: Result<(T, Origin), String>) -> Option<T> {
        let value = match read {
            Ok((value, origin)) => {
                let shown = || if entry.setting.secret { MASK.into() } else { field.shows()(&value) };
                entry.value = (origin != Origin::Nothing).then(shown);
                entry.origin = origin;
                Some(value)
            }
            Err(text) => {
                self.fault(field.name(), text);
                None
            }
        };
        self.record(entry);
        value
    }

    /// Returns the entry of a located setting, without its value.
    fn entry<T>(&self, field: &Field<T>) -> Explained {
        let mut setting = within(&self.scope, &field.spec());
        if let Some(layer) = self.layer(field.declared()) {
            setting.required = false;
            setting.default = Some(layer.to_owned()).filter(|_| !setting.secret);
        }
        Explained { setting, value: None, origin: field.origin() }
    }

    /// Adds an entry. The last of several readings of one setting counts.
    pub(in crate::settings) fn record(&mut self, entry: Explained) {
        self.explained.retain(|known| known.setting.name != entry.setting.name);
        self.explained.push(entry);
    }
}
