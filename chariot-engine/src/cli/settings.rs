//! `settings`: what can be set, and what is.
use std::process::ExitCode;
use super::{arguments::{Settings, SettingsFormat}, output::print};
use crate::{engine::EngineBuilder, settings::markdown_table};
pub(super) fn settings(builder: EngineBuilder, options: &Settings) -> ExitCode {
    let _ = (options.explain, matches!(options.format, SettingsFormat::Env));
    print(&markdown_table(builder.own_settings()))
}
