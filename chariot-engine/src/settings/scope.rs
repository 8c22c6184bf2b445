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
    schema.iter().map(|setting| within(scope, setting)).collect()
}

/// A setting with the names that it has within a scope.
pub(super) fn within(scope: &str, setting: &SettingSpec) -> SettingSpec {
    setting.renamed(|name| variable(scope, name, setting.runtime))
}

/// The variable of a setting within a scope.
pub(crate) fn variable(scope: &str, declared: &str, runtime: bool) -> String {
    match declared.strip_prefix(EngineSettings::PREFIX).filter(|_| runtime) {
        Some(bare) => format!("{}{scope}{bare}", EngineSettings::PREFIX),
        None => format!("{scope}{declared}"),
    }
}

/// The names of a setting within a scope, the newest first in each tier; what is set in the first tier goes over all of the
/// second, the runtime's settings without the scope. There is at least one name.
pub(super) fn tiers(scope: &str, setting: &SettingSpec) -> Vec<Vec<String>> {
    let names = |setting: &SettingSpec| setting.names().map(str::to_owned).collect();
    let mut tiers: Vec<Vec<String>> = vec![names(&within(scope, setting))];
    if setting.runtime && !scope.is_empty() {
        tiers.push(names(setting));
    }
    tiers
}
