//! The names of settings in a process that serves several models: each model has a scope, such as `DIGITS_`. Readers use
//! them, and schemas are renamed by them.

use super::spec::SettingSpec;

/// The prefix of the runtime's variables.
pub(super) const RUNTIME_PREFIX: &str = "CHARIOT_ENGINE_";

/// Returns a schema with the names that its settings have [within a scope](super::Reader::scoped), the first ones where
/// there are several.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Settings, scoped_schema};
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// Number of labels
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

/// Returns a setting with the names that it has within a scope.
pub(super) fn within(scope: &str, setting: &SettingSpec) -> SettingSpec {
    setting.renamed(|name| scoped_variable(scope, name, setting.runtime))
}

/// Returns the variable of a setting within a scope.
pub(crate) fn scoped_variable(scope: &str, declared: &str, runtime: bool) -> String {
    match declared.strip_prefix(RUNTIME_PREFIX).filter(|_| runtime) {
        Some(bare) => format!("{RUNTIME_PREFIX}{scope}{bare}"),
        None => format!("{scope}{declared}"),
    }
}

/// Returns the names of a setting within a scope in tiers, the newest name first in each; a value in the first tier
/// overrides all of the second, the names of the runtime's settings without the scope. There is at least one name.
pub(super) fn tiers(scope: &str, setting: &SettingSpec) -> Vec<Vec<String>> {
    let names = |setting: &SettingSpec| setting.names().map(str::to_owned).collect();
    let mut tiers: Vec<Vec<String>> = vec![names(&within(scope, setting))];
    if setting.runtime && !scope.is_empty() {
        tiers.push(names(setting));
    }
    tiers
}
