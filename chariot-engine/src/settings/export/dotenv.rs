//! A schema as a file `.env.example`, to be copied and filled in.

use super::about::about;
use crate::settings::SettingSpec;

/// Renders settings as a file `.env.example`. Settings with a default are commented out; required ones are left to be filled
/// in. The runtime's settings come last, under a heading.
///
/// ```
/// use chariot_engine::settings::{Secret, Settings, env_example};
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// Number of labels
///     #[setting(default = 3, range = 1..=10)]
///     top_k: usize,
///     /// Key of the label service
///     api_key: Secret,
/// }
///
/// let expected = "\
/// ## Number of labels (an integer from 1 to 10)
/// ##TOP_K=3
///
/// ## Key of the label service (a secret), required; or API_KEY_FILE, a file that contains it
/// API_KEY=
/// ";
/// # let expected = expected.replace("##", "#");
/// assert_eq!(env_example(&DigitsSettings::schema()), expected);
/// ```
pub fn env_example(settings: &[SettingSpec]) -> String {
    let (runtime, own): (Vec<_>, Vec<_>) = settings.iter().partition(|setting| setting.runtime);
    let mut parts: Vec<String> = own.into_iter().map(entry).collect();
    if !runtime.is_empty() && !parts.is_empty() {
        parts.push("# Settings of the runtime\n".into());
    }
    parts.extend(runtime.into_iter().map(entry));
    parts.join("\n")
}

fn entry(setting: &SettingSpec) -> String {
    let mut text = format!("# {}", one_line(&about(setting)));
    if setting.required {
        text.push_str(", required");
    }
    if setting.secret {
        text.push_str(&format!("; or {}{}, a file that contains it", setting.name, SettingSpec::FILE_SUFFIX));
    }
    let comment = if setting.required { "" } else { "#" };
    let value = setting.default.as_deref().map(value).unwrap_or_default();
    format!("{text}\n{comment}{}={value}\n", setting.name)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns a value as shells and readers of such files accept it: quoted if necessary.
fn value(text: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_.,:/+@%={}".contains(letter);
    if text.chars().all(plain) {
        return text.into();
    }
    if !text.contains('\'') {
        return format!("'{}'", text.replace('\n', " "));
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' | '$' | '`' => quoted.extend(['\\', letter]),
            '\n' => quoted.push(' '),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{EngineSettings, Settings};

    #[test]
    fn values_are_quoted_if_necessary() {
        for (text, expected) in [
            ("smooth", "smooth"),
            ("/{model_id}/a-b_c:1.5", "/{model_id}/a-b_c:1.5"),
            ("1m 30s", "'1m 30s'"),
            ("$HOME \"#\"", "'$HOME \"#\"'"),
            ("it's $5 `a\\", "\"it's \\$5 \\`a\\\\\""),
            ("a\nb", "'a b'"),
            ("", ""),
        ] {
            assert_eq!(value(text), expected);
        }
    }

    #[test]
    fn the_runtime_s_settings_come_last_under_a_heading() {
        #[derive(Settings)]
        #[expect(dead_code, reason = "only its schema is used")]
        struct Own {
            /// Ending of
            /// a text
            #[setting(default = "! ")]
            ending: String,
            /// Audience
            reader: Option<String>,
        }
        let example = env_example(&<(EngineSettings, Own)>::schema());
        let begin =
            "# Ending of a text\n#ENDING='! '\n\n# Audience\n#READER=\n\n# Settings of the runtime\n\n# Listen address";
        assert!(example.starts_with(begin), "{example}");
        assert!(example.contains("\n#CHARIOT_ENGINE_PORT=8080\n"), "{example}");
        assert!(!env_example(&EngineSettings::schema()).contains("# Settings of the runtime"));
    }
}
