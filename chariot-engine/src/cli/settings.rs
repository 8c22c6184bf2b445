//! `settings`: what can be set, as others read it, and what is set here.

use std::process::ExitCode;

use super::{
    arguments::{Settings, SettingsFormat},
    output::{fail, note, print},
};
use crate::{
    engine::EngineBuilder,
    settings::{
        Environment, SettingSpec, env_example, explained_table, json_schema, markdown_table, predictor_env_schema,
    },
};

pub(super) fn settings(builder: EngineBuilder, options: &Settings) -> ExitCode {
    if options.explain {
        return explain(builder);
    }
    let text = match options.format {
        SettingsFormat::Table => table(&builder.schema()),
        SettingsFormat::Env => env_example(&builder.schema()),
        SettingsFormat::Markdown => markdown_table(&builder.schema()),
        SettingsFormat::JsonSchema => format!("{:#}\n", json_schema(&builder.schema())),
        SettingsFormat::PredictorEnvSchema => {
            // Plain data with keys that are texts.
            let schema = serde_json::to_string_pretty(&predictor_env_schema(&builder.operator_schema()));
            schema.expect("a schema is JSON") + "\n"
        }
    };
    print(&text)
}

/// What is set, and what is wrong with it or looks so: that one is read on standard error.
fn explain(builder: EngineBuilder) -> ExitCode {
    let (explained, warnings, error) = builder.explain(Environment::process());
    let printed = print(&explained_table(&explained));
    for warning in warnings {
        note("warning", warning);
    }
    match error {
        Some(error) => fail(&error, error.exit_code()),
        None => printed,
    }
}

/// The settings for a terminal: two lines each.
fn table(settings: &[SettingSpec]) -> String {
    let told = predictor_env_schema(settings);
    let entries = settings.iter().zip(told).map(|(setting, told)| {
        let secret = if setting.secret { "secret " } else { "" };
        let default = match told.default_value.as_str() {
            _ if setting.required => ", required".to_string(),
            "" => String::new(),
            default => format!(", {default}"),
        };
        format!("{} ({secret}{}{default})\n    {}\n", told.name, told.kind, told.display_text)
    });
    entries.collect()
}
