//! A schema as the platform's `predictor_env_schema`, from which the platform makes a form. The registration document
//! contains it.

use serde::Serialize;

use crate::settings::SettingSpec;

/// One entry of the platform's `predictor_env_schema`.
///
/// ```
/// use chariot_engine::settings::{Settings, predictor_env_schema};
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// Exact results. Slower, but without approximations.
///     #[setting(default = false)]
///     exact: bool,
/// }
///
/// let entry = &predictor_env_schema(&DigitsSettings::schema())[0];
/// assert_eq!((entry.name.as_str(), entry.kind, entry.default_value.as_str()), ("EXACT", "bool", "false"));
/// assert_eq!(entry.display_text, "Exact results");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PredictorEnv {
    /// The variable.
    pub name: String,
    /// The type: `string`, `int`, `float` or `bool`. It is serialized as `type`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The default as text, or an empty string if there is none or the setting is a secret.
    pub default_value: String,
    /// The label of the form's field.
    pub display_text: String,
}

/// Renders settings as the platform's `predictor_env_schema`.
///
/// ```
/// use chariot_engine::settings::{Settings, predictor_env_schema};
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// Number of labels
///     #[setting(default = 3, range = 1..=10)]
///     top_k: usize,
/// }
///
/// let written = serde_json::to_value(predictor_env_schema(&DigitsSettings::schema())).unwrap();
/// let expected = serde_json::json!([{
///     "name": "TOP_K",
///     "type": "int",
///     "default_value": "3",
///     "display_text": "Number of labels",
/// }]);
/// assert_eq!(written, expected);
/// ```
pub fn predictor_env_schema(settings: &[SettingSpec]) -> Vec<PredictorEnv> {
    let entry = |setting: &SettingSpec| PredictorEnv {
        name: setting.name.clone(),
        kind: setting.kind.as_str(),
        default_value: setting.default.clone().unwrap_or_default(),
        display_text: match setting.deprecated {
            Some(_) => format!("{} (deprecated)", setting.label),
            None => setting.label.clone(),
        },
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
        #[expect(dead_code, reason = "only its schema is used")]
        struct Own {
            /// Key of the service
            #[setting(default = Secret::new("sesame".into()))]
            key: Secret,
            maybe: Option<bool>,
            #[setting(default = 0.5, deprecated = "it has no effect")]
            share: f32,
        }
        let entries = predictor_env_schema(&Own::schema());
        let shown: Vec<_> = entries
            .iter()
            .map(|entry| (entry.kind, entry.default_value.as_str(), entry.display_text.as_str()))
            .collect();
        assert_eq!(
            shown,
            [("string", "", "Key of the service"), ("bool", "", "Maybe"), ("float", "0.5", "Share (deprecated)")]
        );
    }

    #[test]
    fn the_runtime_s_settings_have_short_labels() {
        let entries = predictor_env_schema(&EngineSettings::schema());
        let labels: Vec<_> = entries.iter().map(|entry| format!("{} → {}", entry.name, entry.display_text)).collect();
        insta::assert_snapshot!("labels", labels.join("\n"));
        assert!(entries.iter().all(|entry| entry.display_text.len() <= 32));
        let metrics = entries.iter().find(|entry| entry.name == "CHARIOT_ENGINE_METRICS").unwrap();
        assert_eq!((metrics.kind, metrics.default_value.as_str()), ("bool", "true"));
    }
}
