//! `settings`: prints the settings in several formats, or their values.

use std::process::ExitCode;

use super::{
    arguments::{Settings, SettingsFormat},
    output::{fail, note, print},
};
use crate::{
    engine::EngineBuilder,
    settings::{
        Environment, SettingSpec, about, env_example, explained_table, json_schema, markdown_table,
        predictor_env_schema,
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
            // Plain data with strings for keys.
            let schema = serde_json::to_string_pretty(&predictor_env_schema(&builder.operator_schema(false)));
            schema.expect("a schema can be written as JSON") + "\n"
        }
    };
    print(&text)
}

/// Prints the values of the settings, with warnings and faults on standard error.
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

/// Returns the settings for a terminal, two lines each.
fn table(settings: &[SettingSpec]) -> String {
    let lines = settings.iter().map(|setting| {
        let secret = if setting.secret { "secret " } else { "" };
        let default = match setting.default.as_deref().unwrap_or_default() {
            _ if setting.required => ", required".to_string(),
            "" => String::new(),
            default => format!(", {default}"),
        };
        format!("{} ({secret}{}{default})\n    {}\n", setting.name, setting.kind.as_str(), about(setting))
    });
    lines.collect()
}
