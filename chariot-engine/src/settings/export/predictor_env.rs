//! A schema as the platform wants it, so that an operator sets values in a form: the registration document holds it.

use serde::Serialize;

use super::about_marked;
use crate::settings::SettingSpec;

/// One entry of the platform's `predictor_env_schema`.
///
/// ```
/// use chariot_engine::settings::{Settings, predictor_env_schema};
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// Whether to be exact
///     #[setting(default = false)]
///     exact: bool,
/// }
///
/// let entry = &predictor_env_schema(&DigitsSettings::schema())[0];
/// assert_eq!((entry.name.as_str(), entry.kind, entry.default_value.as_str()), ("EXACT", "bool", "false"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PredictorEnv {
    /// The variable.
    pub name: String,
    /// `string`, `int`, `float` or `bool`; `type` where it is written.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The default as text; empty where there is none, and for a secret.
    pub default_value: String,
    /// What an operator reads beside it. One of the runtime's settings begins with `Of the runtime`.
    pub display_text: String,
}

/// Settings as the platform's `predictor_env_schema`.
///
/// ```
/// use chariot_engine::settings::{Settings, predictor_env_schema};
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// How many labels to report
///     #[setting(default = 3, range = 1..=10)]
///     top_k: usize,
/// }
///
/// let written = serde_json::to_value(predictor_env_schema(&DigitsSettings::schema())).unwrap();
/// let expected = serde_json::json!([{
///     "name": "TOP_K",
///     "type": "int",
///     "default_value": "3",
///     "display_text": "How many labels to report (an integer from 1 to 10)",
/// }]);
/// assert_eq!(written, expected);
/// ```
pub fn predictor_env_schema(settings: &[SettingSpec]) -> Vec<PredictorEnv> {
    let entry = |setting: &SettingSpec| PredictorEnv {
        name: setting.name.clone(),
        kind: setting.kind.as_str(),
        default_value: setting.default.clone().unwrap_or_default(),
        display_text: about_marked(setting),
    };
    settings.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{EngineSettings, Secret, Settings};

    #[test]
    fn every_default_is_text_and_a_secret_has_none() {
        #[derive(Settings)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        struct Own {
            #[setting(default = Secret::new("sesame".into()))]
            key: Secret,
            maybe: Option<bool>,
            #[setting(default = 0.5, deprecated = "nobody reads it")]
            share: f32,
        }
        let entries = predictor_env_schema(&Own::schema());
        let shown: Vec<_> = entries
            .iter()
            .map(|entry| (entry.kind, entry.default_value.as_str(), entry.display_text.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("string", "", "text; a secret"),
                ("bool", "", "true or false"),
                ("float", "0.5", "a number. Deprecated: nobody reads it"),
            ]
        );
    }

    #[test]
    fn the_runtime_s_settings_say_so() {
        let entries = predictor_env_schema(&EngineSettings::schema());
        assert!(entries.iter().all(|entry| entry.display_text.starts_with("Of the runtime: ")));
        let metrics = entries.iter().find(|entry| entry.name == "CHARIOT_ENGINE_METRICS").unwrap();
        assert_eq!((metrics.kind, metrics.default_value.as_str()), ("bool", "true"));
    }
}
