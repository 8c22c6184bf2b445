//! A schema as the platform's `predictor_env_schema`, from which the platform makes a form. The registration document
//! contains it.

use serde::Serialize;

use crate::{
    error::{Expected, quoted},
    settings::{SettingKind, SettingSpec},
};

/// The length of a label that fits into a form, in characters.
const LABEL_LENGTH: usize = 64;

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
    /// The type: `string`, `int`, `float` or `bool`. It is serialized as `type`. A number or a boolean whose default is
    /// not one, or that has none, is a `string`: the form can hold no empty number.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The default as text, or an empty string if there is none or the setting is a secret.
    pub default_value: String,
    /// The label of the form's field, at most 64 characters.
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
        kind: if form_fault(setting).is_some() { SettingKind::String } else { setting.kind }.as_str(),
        default_value: setting.default.clone().unwrap_or_default(),
        display_text: match setting.deprecated {
            Some(_) => format!("{} (deprecated)", label(setting, LABEL_LENGTH - " (deprecated)".len())),
            None => label(setting, LABEL_LENGTH),
        },
    };
    settings.iter().map(entry).collect()
}

/// Returns the label of a setting on one line of at most `most` characters, cut between words, without Markdown.
fn label(setting: &SettingSpec, most: usize) -> String {
    let plain = setting.label.replace('`', "");
    let mut label = String::new();
    for word in plain.split_whitespace() {
        // One more for the space, and one for the sign that the label is cut.
        if label.chars().count() + word.chars().count() + 2 > most {
            let cut: String = if label.is_empty() { word.chars().take(most - 1).collect() } else { label };
            return cut + "…";
        }
        if !label.is_empty() {
            label.push(' ');
        }
        label.push_str(word);
    }
    label
}

/// Returns why the form cannot hold the default of a setting under its type; `None` if it can.
pub(crate) fn form_fault(setting: &SettingSpec) -> Option<String> {
    let (fits, expected): (fn(&str) -> bool, _) = match setting.kind {
        SettingKind::String => return None,
        SettingKind::Int => (|text| text.parse::<i64>().is_ok(), "an integer of 64 bits with a sign"),
        SettingKind::Float => (|text| text.parse().is_ok_and(f64::is_finite), "a finite number"),
        SettingKind::Bool => (|text| matches!(text, "true" | "false"), "true or false"),
    };
    match setting.default.as_deref() {
        Some(default) if fits(default) => None,
        Some(default) => Some(Expected::new(expected, quoted(default)).into()),
        None => Some("no default".into()),
    }
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
            [("string", "", "Key of the service"), ("string", "", "Maybe"), ("float", "0.5", "Share (deprecated)")]
        );
    }

    /// The platform reads every default by the type beside it.
    #[test]
    fn a_default_that_the_form_cannot_hold_makes_the_setting_a_string() {
        #[derive(Settings)]
        #[expect(dead_code, reason = "only its schema is used")]
        struct Own {
            #[setting(default = u64::MAX)]
            most: u64,
            #[setting(default = f32::INFINITY)]
            limit: f32,
            #[setting(default = 1e-7)]
            least: f64,
            #[setting(default = i64::MIN)]
            lowest: i64,
            #[setting(default = true)]
            exact: bool,
            count: Option<u8>,
            needed: bool,
        }
        let schema = Own::schema();
        let entries = predictor_env_schema(&schema);
        let kinds: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.kind)).collect();
        assert_eq!(
            kinds,
            [
                ("MOST", "string"),
                ("LIMIT", "string"),
                ("LEAST", "float"),
                ("LOWEST", "int"),
                ("EXACT", "bool"),
                ("COUNT", "string"),
                ("NEEDED", "string"),
            ]
        );
        let faults: Vec<_> =
            schema.iter().filter_map(|setting| Some(format!("{}: {}", setting.name, form_fault(setting)?))).collect();
        insta::assert_snapshot!("form_faults", faults.join("\n"));
    }

    #[test]
    fn a_label_is_short_and_plain() {
        #[derive(Settings)]
        #[expect(dead_code, reason = "only its schema is used")]
        struct Own {
            /// The number of labels, in the layout `objects` and in no other, which a caller gets when the model is sure
            top_k: u8,
            /// Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
            long: u8,
        }
        let [top_k, long] = &predictor_env_schema(&Own::schema())[..] else { panic!("expected two entries") };
        assert_eq!(top_k.display_text, "The number of labels, in the layout objects and in no other,…");
        assert_eq!(long.display_text.chars().count(), 64);
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
