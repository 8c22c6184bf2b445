//! A setting in words, which several exports contain.

use crate::settings::SettingSpec;

/// Returns a setting in words: its purpose, the accepted values, and why it is deprecated.
pub(crate) fn about(setting: &SettingSpec) -> String {
    let mut notes = vec![];
    if setting.expected != "a string" {
        notes.push(setting.expected.as_str());
    }
    if setting.secret {
        notes.push("a secret");
    }
    let notes = notes.join("; ");
    let help = if setting.help.is_empty() { &*setting.label } else { setting.help.trim_end_matches('.') };
    let mut text = match (help.is_empty(), notes.is_empty()) {
        (true, _) => notes,
        (false, true) => help.to_owned(),
        (false, false) => format!("{help} ({notes})"),
    };
    if let Some(why) = &setting.deprecated {
        text.push_str(&format!(". Deprecated: {why}"));
    }
    text
}
