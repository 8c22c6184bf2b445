//! A schema as a Markdown table, for the tables of settings in the documentation.

use super::about::about;
use crate::settings::SettingSpec;

/// Renders settings as a Markdown table of name, default and meaning. If only some of them are the runtime's, a column
/// states which.
///
/// ```
/// use chariot_engine::settings::{Settings, markdown_table};
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// Number of labels
///     #[setting(default = 3, range = 1..=10)]
///     top_k: usize,
/// }
///
/// assert_eq!(
///     markdown_table(&DigitsSettings::schema()),
///     "| Name | Default | Meaning |\n\
///      |---|---|---|\n\
///      | `TOP_K` | `3` | Number of labels (an integer from 1 to 10) |\n"
/// );
/// ```
pub fn markdown_table(settings: &[SettingSpec]) -> String {
    let mixed = settings.iter().any(|setting| setting.runtime) && settings.iter().any(|setting| !setting.runtime);
    let (head, line) = if mixed { (" Owner |", "---|") } else { ("", "") };
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

/// Returns a text that stays within its table cell.
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
        #[expect(dead_code, reason = "only its schema is used")]
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
            [
                r"| `TEXT` | required | Either a\|b |",
                "| `MAYBE` |  | Maybe (true or false) |",
                "| `EMPTY` |  | Empty |"
            ]
        );
    }

    #[test]
    fn former_names_deprecations_and_owners_are_shown() {
        #[derive(Settings)]
        #[expect(dead_code, reason = "only its schema is used")]
        struct Own {
            /// Number of labels
            #[setting(default = 3, alias = ["COUNT", "NUMBER"])]
            top_k: u8,
            /// Key
            #[setting(deprecated = "it has no effect")]
            key: Option<Secret>,
        }
        let table = markdown_table(&<(Own, EngineSettings)>::schema());
        assert_eq!(
            table.lines().take(5).collect::<Vec<_>>(),
            [
                "| Name | Default | Meaning | Owner |",
                "|---|---|---|---|",
                "| `TOP_K` | `3` | Number of labels (an integer from 0 to 255); formerly `COUNT`, `NUMBER` | the engine |",
                "| `KEY` |  | Key (a secret). Deprecated: it has no effect | the engine |",
                "| `CHARIOT_ENGINE_HOST` | `0.0.0.0` | Listen address. A host name or an IP address | the runtime |",
            ]
        );
    }
}
