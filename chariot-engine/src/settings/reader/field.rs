//! How a [`Reader`] reads one setting: it looks for it, parses what is set or takes a default, and keeps where the value
//! came from.

use super::Reader;
use crate::settings::{Explained, Field, Origin, SettingSpec, Settings, find::Search, scope, secret::MASK};

impl Reader<'_> {
    /// Reads one setting. `None` says that it is at fault, and that the fault is kept for [`read`](Self::read) to
    /// report.
    pub fn field<T>(&mut self, field: Field<T>) -> Option<T> {
        let field = self.locate(field);
        let Some(text) = field.given() else { return self.default(field) };
        let read = match field.parse(text) {
            Ok(value) => Ok((value, field.origin())),
            Err(expected) => Err(format!("{expected} is expected, {}", field.came(text))),
        };
        self.end(self.entry(&field), &field, read)
    }

    /// As [`field`](Self::field), without a look at the environment: for a reading function that found nothing there
    /// that it could use.
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
                Err(expected) => Err(format!("{expected} is expected, {} as a default", field.came_as_default(text))),
            },
            None => field.take_default(),
        };
        self.end(entry, &field, read)
    }

    /// Accepts a value that a reading function found elsewhere, and keeps where.
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

    /// Reads one setting by a function: what `#[setting(with = function)]` does. What the function makes of the setting is
    /// what [`explained`](Self::explained) says.
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

    /// Looks for a setting: then [`Field::name`] is the variable that is read, and [`Field::given`] what is set. A
    /// function that reads a field (`#[setting(with = function)]`) gets it so.
    ///
    /// What is wrong with the variables themselves is said here: a value that is not UTF-8, a file that cannot be read, a
    /// value and a file, old names.
    pub fn locate<T>(&mut self, field: Field<T>) -> Field<T> {
        if field.is_located() {
            return field;
        }
        let declared = self.within_group(field.declared());
        let tiers = scope::tiers(&self.scope, &declared);
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

    /// Whether a group has a value in the environment or in the layer of defaults.
    pub(in crate::settings) fn has_any(&self, schema: &[SettingSpec]) -> bool {
        let search = Search { environment: self.environment, own: &self.own };
        schema
            .iter()
            .map(|setting| self.within_group(setting))
            .any(|setting| search.is_set(&scope::tiers(&self.scope, &setting)) || self.layer(&setting).is_some())
    }

    /// Keeps that a group is not there.
    pub(in crate::settings) fn without<S: Settings>(&mut self) {
        for setting in Option::<S>::schema() {
            let setting = scope::within(&self.scope, &self.within_group(&setting));
            self.record(Explained { setting, value: None, origin: Origin::Nothing });
        }
    }

    fn within_group(&self, setting: &SettingSpec) -> SettingSpec {
        setting.renamed(|name| format!("{}{name}", self.group))
    }

    /// The default that the layer has for a setting.
    fn layer(&self, declared: &SettingSpec) -> Option<&str> {
        let of = |name: &str| self.defaults.iter().rev().find(|(of, _)| of == name).map(|(_, text)| text.trim());
        let within = scope::variable(&self.scope, &declared.name, declared.runtime);
        of(&within).or_else(|| of(&declared.name)).filter(|text| !text.is_empty())
    }

    /// Keeps how a reading ended, and hands on the value.
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

    /// What is known of a setting that was looked for, but for its value.
    fn entry<T>(&self, field: &Field<T>) -> Explained {
        let mut setting = scope::within(&self.scope, &field.spec());
        if let Some(layer) = self.layer(field.declared()) {
            setting.required = false;
            setting.default = Some(layer.to_owned()).filter(|_| !setting.secret);
        }
        Explained { setting, value: None, origin: field.origin() }
    }

    /// Of two readings of one setting the later counts.
    fn record(&mut self, entry: Explained) {
        self.explained.retain(|known| known.setting.name != entry.setting.name);
        self.explained.push(entry);
    }
}
