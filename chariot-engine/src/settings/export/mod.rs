//! What others are told of settings, as functions of a schema: the platform's form, JSON Schema, an example of an
//! environment, a table for a page. And how settings were read, as text. The command line prints them, the registration
//! document and the README hold them.

mod dotenv;
mod explained;
mod json_schema;
mod markdown;
mod predictor_env;

pub use self::{
    dotenv::env_example,
    explained::explained_table,
    json_schema::json_schema,
    markdown::markdown_table,
    predictor_env::{PredictorEnv, predictor_env_schema},
};

use super::SettingSpec;

/// A setting in words: what it does, what a value must be, and why it should not be set any more.
fn about(setting: &SettingSpec) -> String {
    let mut notes = vec![];
    if setting.help.is_empty() || setting.expected != "text" {
        notes.push(setting.expected.as_str());
    }
    if setting.secret {
        notes.push("a secret");
    }
    let notes = notes.join("; ");
    let mut text = match (setting.help.is_empty(), notes.is_empty()) {
        (true, _) => notes,
        (false, true) => setting.help.clone(),
        (false, false) => format!("{} ({notes})", setting.help),
    };
    if let Some(why) = &setting.deprecated {
        text.push_str(&format!(". Deprecated: {why}"));
    }
    text
}

/// One of the runtime's settings says so where it stands among others.
fn about_marked(setting: &SettingSpec) -> String {
    let of = if setting.runtime { "Of the runtime: " } else { "" };
    format!("{of}{}", about(setting))
}
