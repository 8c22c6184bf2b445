//! Which settings an operator is asked for when a model is deployed: the engine's own, and of the runtime's those that
//! depend on the model, its traffic or its machine.

use super::OperatorSetting;
use crate::{
    model::Spec,
    settings::{EngineSettings, SettingSpec, Settings},
};

/// The runtime's settings that an operator has use for, by their names without the prefix, and whether an engine has use
/// for them.
///
/// Left out is what the registration itself decides (address, port, base URL, name, directory), what must agree with the
/// platform (drain delay and grace, logs as JSON, metrics), and the limits of clients that misbehave.
const OF_THE_RUNTIME: [(&str, fn(&Spec) -> bool); 14] = [
    // How the model answers.
    ("SCORE_THRESHOLD", |spec| spec.element.is_some()),
    ("OUTPUT_LAYOUT", |spec| spec.layouts.len() > 1),
    ("OUTPUT_ENCODING", |spec| spec.element.is_some()),
    // What machine it has.
    ("DEVICE", |_| true),
    ("WORKERS", |_| true),
    ("THREADS", |_| true),
    // What is asked of it.
    ("TIMEOUT", |_| true),
    ("QUEUE_SIZE", |_| true),
    ("MAX_BATCH", |_| true),
    ("BATCH_DELAY", |_| true),
    ("MAX_BODY", |_| true),
    ("MAX_INFLIGHT_BYTES", |_| true),
    ("MAX_PIXELS", |spec| spec.element == Some("image")),
    // What it tells.
    ("LOG_LEVEL", |_| true),
];

/// The settings that an operator is asked for, in the order of a form. `defaults` go over those of the runtime's
/// settings, `fixed` are variables that the code sets itself.
pub(crate) fn operator_settings(
    spec: &Spec,
    defaults: &[(String, String)],
    fixed: &[(String, String)],
) -> Vec<OperatorSetting> {
    let runtime = EngineSettings::schema();
    let chosen = OF_THE_RUNTIME.iter().filter(|(_, fits)| fits(spec)).filter_map(|(name, _)| {
        let whole = format!("{}{name}", EngineSettings::PREFIX);
        let mut setting = runtime.iter().find(|setting| setting.name == whole)?.clone();
        if let Some((_, value)) = defaults.iter().rev().find(|(of, _)| of == name) {
            setting.default = Some(value.clone());
        }
        Some(setting)
    });
    let own = spec.settings().iter().cloned();
    let open = |setting: &SettingSpec| !fixed.iter().any(|(name, _)| *name == setting.name);
    own.chain(chosen).filter(open).map(asked).collect()
}

fn asked(setting: SettingSpec) -> OperatorSetting {
    let display_text = match (setting.help.as_str(), setting.expected.as_str()) {
        (help, "" | "text") => help.to_string(),
        ("", expected) => expected.to_string(),
        (help, expected) => format!("{help} ({expected})"),
    };
    OperatorSetting {
        name: setting.name,
        kind: setting.kind.as_str().into(),
        default_value: setting.default.unwrap_or_default(),
        display_text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_the_list_is_one_of_the_runtimes() {
        let schema = EngineSettings::schema();
        for (name, _) in OF_THE_RUNTIME {
            let whole = format!("{}{name}", EngineSettings::PREFIX);
            assert!(schema.iter().any(|setting| setting.name == whole), "{whole}");
        }
    }
}
