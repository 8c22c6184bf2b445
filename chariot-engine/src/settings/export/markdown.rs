//! A schema as a Markdown table: the README's tables of settings are made by it.

use super::about;
use crate::settings::SettingSpec;

/// Renders settings as a Markdown table of name, default and meaning. Where some are the runtime's and some are not, a
/// column says which.
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
    // A column that says the same of all would be one too many.
    let mixed = settings.iter().any(|setting| setting.runtime) && settings.iter().any(|setting| !setting.runtime);
    let (head, line) = if mixed { (" Of |", "---|") } else { ("", "") };
    let mut table = format!("| Name | Default | Meaning |{head}\n|---|---|---|{line}\n");
    for setting in settings {
        let default = match &setting.default {
            Some(default) if !default.is_empty() => format!("`{}`", cell(default)),
            _ if setting.required => "required".into(),
            _ => String::new(),
        };
        let old: Vec<String> = setting.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let old = if old.is_empty() { String::new() } else { format!("; formerly {}", old.join(", ")) };
        let of = match mixed {
            true if setting.runtime => " the runtime |",
            true => " the engine |",
            false => "",
        };
        table.push_str(&format!("| `{}` | {default} | {}{old} |{of}\n", setting.name, cell(&about(setting))));
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
    use crate::settings::{EngineSettings, Secret, Settings};

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

    #[test]
    fn what_is_more_to_be_said_is_said_and_where_it_is_mixed_whose_it_is() {
        #[derive(Settings)]
        #[expect(dead_code, reason = "only its schema is looked at")]
        struct Own {
            /// How many
            #[setting(default = 3, alias = ["COUNT", "NUMBER"])]
            top_k: u8,
            /// The key
            #[setting(deprecated = "nobody asks for it")]
            key: Option<Secret>,
        }
        let table = markdown_table(&<(Own, EngineSettings)>::schema());
        assert_eq!(
            table.lines().take(5).collect::<Vec<_>>(),
            [
                "| Name | Default | Meaning | Of |",
                "|---|---|---|---|",
                "| `TOP_K` | `3` | How many (an integer from 0 to 255); formerly `COUNT`, `NUMBER` | the engine |",
                "| `KEY` |  | The key (a secret). Deprecated: nobody asks for it | the engine |",
                "| `CHARIOT_ENGINE_HOST` | `0.0.0.0` | The address to listen on (an IP address such as 0.0.0.0) | the runtime |",
            ]
        );
    }
}
