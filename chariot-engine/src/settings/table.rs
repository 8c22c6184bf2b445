//! A schema as a Markdown table: the README's tables of settings are made by it.

use super::SettingSpec;

/// Renders settings as a Markdown table of name, default and meaning.
///
/// ```
/// use chariot_engine::settings::{Settings, markdown_table};
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// How many labels to report
///     #[setting(default = 3, range = 1..=10)]
///     top_k: usize,
/// }
///
/// assert_eq!(
///     markdown_table(&DigitsSettings::schema()),
///     "| Name | Default | Meaning |\n\
///      |---|---|---|\n\
///      | `TOP_K` | `3` | How many labels to report (an integer from 1 to 10) |\n"
/// );
/// ```
pub fn markdown_table(settings: &[SettingSpec]) -> String {
    let mut table = String::from("| Name | Default | Meaning |\n|---|---|---|\n");
    for setting in settings {
        let default = match &setting.default {
            Some(default) if !default.is_empty() => format!("`{}`", cell(default)),
            _ if setting.required => "required".into(),
            _ => String::new(),
        };
        let meaning = match (setting.help.is_empty(), setting.expected.as_str()) {
            (false, "text") => cell(&setting.help),
            (false, expected) => cell(&format!("{} ({expected})", setting.help)),
            (true, expected) => cell(expected),
        };
        table.push_str(&format!("| `{}` | {default} | {meaning} |\n", setting.name));
    }
    table
}

/// A text that stays within its cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    #[test]
    fn every_kind_of_row() {
        #[derive(Settings)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        struct Rows {
            /// Either a|b
            text: String,
            /// Maybe
            maybe: Option<bool>,
            #[setting(default = "")]
            empty: String,
        }
        assert_eq!(
            markdown_table(&Rows::schema()).lines().skip(2).collect::<Vec<_>>(),
            [r"| `TEXT` | required | Either a\|b |", "| `MAYBE` |  | Maybe (true or false) |", "| `EMPTY` |  | text |"]
        );
    }
}
