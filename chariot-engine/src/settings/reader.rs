//! Reads settings from an environment over a layer of defaults, and collects everything that is wrong. `run` uses one
//! for the runtime's settings and the author's together.

use super::{Environment, Field, SettingFault, SettingSpec, Settings, SettingsError, field::Found, scope};

/// Reads settings, and collects faults and warnings.
///
/// The environment comes first, then the layer of [defaults](Reader::with_defaults), then the default that a setting
/// declares. Blanks around a value are cut; an empty value is no value.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Environment, Reader};
///
/// let environment = Environment::from_iter([("CHARIOT_ENGINE_PORT", "tcp://10.0.0.7:8080")]);
/// let mut reader = Reader::new(&environment).with_defaults("CHARIOT_ENGINE_", [("PORT", "9000")]);
/// let (settings, ()) = reader.read::<(EngineSettings, ())>().unwrap();
/// assert_eq!(settings.port, 9000);
/// assert_eq!(reader.warnings().len(), 1);
/// ```
#[derive(Debug)]
pub struct Reader<'a> {
    environment: &'a Environment,
    scope: String,
    defaults: Vec<(String, String)>,
    faults: Vec<SettingFault>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// A reader of this environment.
    pub fn new(environment: &'a Environment) -> Self {
        Reader { environment, scope: String::new(), defaults: vec![], faults: vec![], warnings: vec![] }
    }

    /// The same reader for one of several models: with the scope `DIGITS_` the setting `TOP_K` is read from
    /// `DIGITS_TOP_K`, and a setting of the runtime, `CHARIOT_ENGINE_QUEUE_SIZE`, from `CHARIOT_ENGINE_DIGITS_QUEUE_SIZE`
    /// or, where that is not set, from its own name. Faults and warnings name the variable that is read.
    ///
    /// [Defaults](Self::with_defaults) hold under the names that are declared; one under a name within the scope goes
    /// first.
    ///
    /// ```
    /// use chariot_engine::settings::{EngineSettings, Environment, Reader};
    ///
    /// let environment = Environment::from_iter([
    ///     ("CHARIOT_ENGINE_QUEUE_SIZE", "10"),
    ///     ("CHARIOT_ENGINE_WORKERS", "2"),
    ///     ("CHARIOT_ENGINE_DIGITS_WORKERS", "0"),
    /// ]);
    /// let read = |environment| Reader::new(environment).scoped("DIGITS_").read::<EngineSettings>();
    /// assert_eq!(
    ///     read(&environment).unwrap_err().to_string(),
    ///     "CHARIOT_ENGINE_DIGITS_WORKERS: an integer of at least 1 is expected, '0' came"
    /// );
    /// ```
    #[must_use]
    pub fn scoped(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Adds defaults: above those that settings declare, below the environment. `prefix` is put before each name. Of
    /// two with one name the later counts.
    #[must_use]
    pub fn with_defaults<N: AsRef<str>, V: Into<String>>(
        mut self,
        prefix: &str,
        defaults: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let named = |(name, value): (N, V)| (format!("{prefix}{}", name.as_ref()), value.into());
        self.defaults.extend(defaults.into_iter().map(named));
        self
    }

    /// Reads settings, all of them even if one is at fault. A pair `(A, B)` reads two types together.
    ///
    /// # Errors
    /// All settings that are missing or cannot be read, and defaults for settings that there are not.
    pub fn read<S: Settings>(&mut self) -> Result<S, SettingsError> {
        let value = S::read(self);
        let schema = S::schema();
        for (name, _) in self.defaults.drain(..) {
            let is_of = |setting: &SettingSpec| {
                setting.name == name || scope::variable(&self.scope, &setting.name, setting.runtime) == name
            };
            if !schema.iter().any(is_of) {
                self.faults.push(SettingFault { name, text: "has a default, but there is no such setting".into() });
            }
        }
        let faults = std::mem::take(&mut self.faults);
        match value {
            Some(value) if faults.is_empty() => Ok(value),
            // A hand-written `Settings` may say `None` and no reason.
            _ if faults.is_empty() => {
                let (name, text) = ("settings".into(), "cannot be read, and no reason was given".into());
                Err(SettingsError { faults: vec![SettingFault { name, text }] })
            }
            _ => Err(SettingsError { faults }),
        }
    }

    /// Reads one setting. `None` says that it is at fault, and that the fault is kept for [`read`](Self::read) to
    /// report.
    pub fn field<T>(&mut self, field: Field<T>) -> Option<T> {
        let field = self.locate(field);
        if self.environment.is_garbled(field.name()) {
            self.fault(field.name().to_owned(), "text in UTF-8 is expected, something else came");
            return None;
        }
        match field.given() {
            Some(text) => field.parse(text).map_err(|text| self.fault(field.name(), text)).ok(),
            None => self.default(field),
        }
    }

    /// Looks for a setting: then [`Field::name`] is the variable that is read, and [`Field::given`] what is set. A
    /// function that reads a field (`#[setting(with = function)]`) gets it so.
    pub fn locate<T>(&self, field: Field<T>) -> Field<T> {
        if field.is_located() {
            return field;
        }
        let names = scope::variables(&self.scope, field.declared(), field.is_runtime());
        let is_set = |name: &&String| self.environment.is_garbled(name) || self.given(name).is_some();
        let variable = names.iter().find(is_set).unwrap_or(&names[0]).clone();
        let text = self.given(&variable).map(str::to_owned);
        field.located(Found { variable, text })
    }

    /// As [`field`](Self::field), without a look at the environment: for a reading function that found nothing there
    /// that it could use.
    pub fn default<T>(&mut self, field: Field<T>) -> Option<T> {
        let field = self.locate(field);
        let name = field.name().to_owned();
        let within = scope::variable(&self.scope, field.declared(), field.is_runtime());
        let of = |name: &str| self.defaults.iter().rev().find(|(of, _)| of == name).map(|(_, text)| text.trim());
        let layer = of(&within).or_else(|| of(field.declared()));
        let value = match layer {
            Some(text) if !text.is_empty() => field.parse(text).map_err(|text| format!("{text} as a default")),
            _ => field.into_default(),
        };
        value.map_err(|text| self.fault(name, text)).ok()
    }

    /// What a variable is set to, without blanks around it; an empty value is none.
    pub fn given(&self, name: &str) -> Option<&'a str> {
        self.environment.get(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Reports that a setting cannot be read: what was expected, and what came.
    pub fn fault(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.faults.push(SettingFault { name: name.into(), text: text.into() });
    }

    /// Says something about a setting that an operator should know, but that stops nothing.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// What there was to say, in the order of reading.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{EngineSettings, read};
    use std::time::Duration;

    #[derive(Debug, PartialEq, Settings)]
    #[settings(prefix = "APP_")]
    struct App {
        /// How many.
        ///
        /// Not for operators.
        #[setting(default = 3, range = 1..=10)]
        top_k: usize,
        #[setting(default = "5s")]
        patience: Duration,
        #[setting(name = "KEY")]
        secret: Option<String>,
        #[setting(default = -1, range = -2..)]
        r#type: i8,
    }

    fn app(top_k: usize) -> App {
        App { top_k, patience: Duration::from_secs(5), secret: None, r#type: -1 }
    }

    #[test]
    fn the_schema_says_what_was_declared() {
        let schema = App::schema();
        let shown = schema.iter().map(|setting| {
            (setting.name.as_str(), setting.kind.as_str(), setting.expected.as_str(), setting.default.as_deref())
        });
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                ("APP_TOP_K", "int", "an integer from 1 to 10", Some("3")),
                ("APP_PATIENCE", "string", "a duration such as 5s", Some("5s")),
                ("APP_KEY", "string", "text", None),
                ("APP_TYPE", "int", "an integer from -2 to 127", Some("-1")),
            ]
        );
        assert_eq!(schema[0].help, "How many.");
    }

    #[test]
    fn the_environment_comes_first_then_the_layer_then_the_declaration() {
        let environment = Environment::from_iter([("APP_TOP_K", " 5\n")]);
        let empty = Environment::from_iter([("APP_TOP_K", "  ")]);
        let over = |environment, defaults: &[(&str, &str)]| {
            Reader::new(environment).with_defaults("APP_", defaults.iter().copied()).read::<App>()
        };
        assert_eq!(over(&environment, &[("TOP_K", "4")]), Ok(app(5)));
        assert_eq!(over(&empty, &[("TOP_K", "4")]), Ok(app(4)));
        assert_eq!(over(&empty, &[("TOP_K", "4"), ("TOP_K", "2")]), Ok(app(2)));
        assert_eq!(over(&empty, &[]), Ok(app(3)));
    }

    #[test]
    fn a_layer_with_a_wrong_value_or_of_no_setting_is_a_fault() {
        let mut reader = Reader::new(&Environment::default())
            .with_defaults("APP_", [("TOP_K", "0"), ("TOP", "1")])
            .read::<App>()
            .unwrap_err()
            .faults
            .into_iter();
        assert_eq!(
            reader.next().map(|fault| fault.to_string()).as_deref(),
            Some("APP_TOP_K: an integer from 1 to 10 is expected, '0' came as a default")
        );
        assert_eq!(
            reader.next().map(|fault| fault.to_string()).as_deref(),
            Some("APP_TOP: has a default, but there is no such setting")
        );
    }

    #[test]
    fn all_faults_are_found_and_a_value_that_is_not_utf8_is_one() {
        let mut environment = Environment::from_iter([("APP_TOP_K", "ten"), ("APP_PATIENCE", "5 parsecs")]);
        environment.garble("APP_KEY");
        let error = read::<App>(&environment).unwrap_err();
        assert_eq!(
            error.to_string(),
            "3 settings cannot be read: \
             APP_TOP_K: an integer from 1 to 10 is expected, 'ten' came; \
             APP_PATIENCE: a duration such as 5s is expected, '5 parsecs' came; \
             APP_KEY: text in UTF-8 is expected, something else came"
        );
    }

    #[test]
    fn a_declared_default_that_cannot_be_read_is_a_fault_and_no_panic() {
        #[derive(Debug, Settings)]
        struct Wrong {
            #[setting(default = "soon")]
            #[expect(dead_code, reason = "only its faults are looked at")]
            patience: Duration,
            #[setting(default = TOO_MANY, range = ..=10)]
            #[expect(dead_code, reason = "only its faults are looked at")]
            top_k: u64,
        }
        const TOO_MANY: u64 = 11;
        assert_eq!(
            read::<Wrong>(&Environment::default()).unwrap_err().to_string(),
            "2 settings cannot be read: \
             PATIENCE: a duration such as 5s is expected, the declared default is 'soon'; \
             TOP_K: an integer from 0 to 10 is expected, the declared default is '11'"
        );
        assert_eq!(Wrong::schema()[0].default, None);
    }

    #[test]
    fn within_a_scope_an_author_s_setting_has_one_name_and_the_runtime_s_has_two() {
        let read = |variables: &[(&str, &str)]| {
            let environment = variables.iter().copied().collect();
            let mut reader = Reader::new(&environment).scoped("DIGITS_").with_defaults("APP_", [("TOP_K", "4")]);
            let read = reader.read::<(EngineSettings, App)>().map(|(engine, app)| (engine.queue_size, app.top_k));
            (read.map_err(|error| error.to_string()), reader.warnings().to_vec())
        };
        assert_eq!(read(&[("APP_TOP_K", "5")]), (Ok((100, 4)), vec![]));
        assert_eq!(read(&[("DIGITS_APP_TOP_K", "5"), ("CHARIOT_ENGINE_QUEUE_SIZE", "7")]).0, Ok((7, 5)));
        let queue = "CHARIOT_ENGINE_DIGITS_QUEUE_SIZE";
        assert_eq!(read(&[(queue, "8"), ("CHARIOT_ENGINE_QUEUE_SIZE", "7")]).0, Ok((8, 4)));
        assert_eq!(read(&[(queue, " "), ("CHARIOT_ENGINE_QUEUE_SIZE", "7")]).0, Ok((7, 4)));
        let (faults, warnings) = read(&[
            (queue, "some"),
            ("CHARIOT_ENGINE_WORKERS", "0"),
            ("CHARIOT_ENGINE_DIGITS_PORT", "tcp://10.0.0.7:80"),
            ("DIGITS_APP_TOP_K", "0"),
        ]);
        assert_eq!(
            faults.unwrap_err(),
            "3 settings cannot be read: \
             CHARIOT_ENGINE_WORKERS: an integer of at least 1 is expected, '0' came; \
             CHARIOT_ENGINE_DIGITS_QUEUE_SIZE: an integer of at least 0 is expected, 'some' came; \
             DIGITS_APP_TOP_K: an integer from 1 to 10 is expected, '0' came"
        );
        assert!(warnings[0].starts_with("CHARIOT_ENGINE_DIGITS_PORT is ignored"), "{warnings:?}");
    }

    #[test]
    fn within_a_scope_defaults_go_by_the_declared_name_or_first_by_that_of_the_scope() {
        let environment = Environment::default();
        let read = |defaults: &[(&str, &str)]| {
            let reader = Reader::new(&environment).with_defaults("", defaults.iter().copied());
            let read = reader.scoped("DIGITS_").read::<(EngineSettings, Required)>();
            read.map(|(engine, own)| (engine.queue_size, own.key)).map_err(|error| error.to_string())
        };
        let (plain, within) = ("CHARIOT_ENGINE_QUEUE_SIZE", "CHARIOT_ENGINE_DIGITS_QUEUE_SIZE");
        assert_eq!(read(&[("KEY", "a"), (within, "5"), (plain, "6")]), Ok((5, "a".into())));
        assert_eq!(read(&[("DIGITS_KEY", "b"), (plain, "6")]), Ok((6, "b".into())));
        assert_eq!(
            read(&[(plain, "x"), ("CHARIOT_ENGINE_IRIS_QUEUE_SIZE", "1")]).unwrap_err(),
            "3 settings cannot be read: \
             CHARIOT_ENGINE_DIGITS_QUEUE_SIZE: an integer of at least 0 is expected, 'x' came as a default; \
             DIGITS_KEY: text is expected, nothing is set; \
             CHARIOT_ENGINE_IRIS_QUEUE_SIZE: has a default, but there is no such setting"
        );
    }

    #[derive(Debug, Settings)]
    struct Required {
        key: String,
    }

    #[test]
    fn a_settings_type_that_gives_no_reason_is_an_error_still() {
        #[derive(Debug)]
        struct Silent;
        impl Settings for Silent {
            fn schema() -> Vec<crate::settings::SettingSpec> {
                vec![]
            }
            fn read(_: &mut Reader<'_>) -> Option<Self> {
                None
            }
        }
        assert_eq!(read::<Silent>(&Environment::default()).unwrap_err().faults.len(), 1);
    }
}
