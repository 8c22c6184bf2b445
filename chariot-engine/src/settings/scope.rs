//! The names of settings where one process serves several models: each model has a scope, such as `DIGITS_`. The reader
//! reads by them, and schemas are renamed by them.

use super::{EngineSettings, SettingSpec};

/// A schema with the names that its settings have [within a scope](super::Reader::scoped): those that go first.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Settings, scoped_schema};
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// How many labels to report
///     #[setting(default = 3)]
///     top_k: usize,
/// }
///
/// let schema = scoped_schema(&<(DigitsSettings, EngineSettings)>::schema(), "DIGITS_");
/// assert_eq!(schema[0].name, "DIGITS_TOP_K");
/// assert_eq!(schema[1].name, "CHARIOT_ENGINE_DIGITS_HOST");
/// ```
pub fn scoped_schema(schema: &[SettingSpec], scope: &str) -> Vec<SettingSpec> {
    let within = |setting: &SettingSpec| SettingSpec {
        name: variable(scope, &setting.name, setting.runtime),
        ..setting.clone()
    };
    schema.iter().map(within).collect()
}

/// The variable of a setting within a scope.
pub(crate) fn variable(scope: &str, declared: &str, runtime: bool) -> String {
    match declared.strip_prefix(EngineSettings::PREFIX).filter(|_| runtime) {
        Some(bare) => format!("{}{scope}{bare}", EngineSettings::PREFIX),
        None => format!("{scope}{declared}"),
    }
}

/// The variables that a setting is read from within a scope, of which the first that is set counts. There is at least
/// one.
pub(super) fn variables(scope: &str, declared: &str, runtime: bool) -> Vec<String> {
    let mut names = vec![variable(scope, declared, runtime)];
    if runtime && !scope.is_empty() {
        names.push(declared.to_owned());
    }
    names
}
