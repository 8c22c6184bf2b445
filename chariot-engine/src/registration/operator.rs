//! Which of the runtime's settings an operator is asked for when a model is deployed, beside the engine's own: those that
//! depend on the model, its traffic or its machine.

use crate::{
    model::Spec,
    settings::{EngineSettings, SettingSpec, Settings},
};

/// Whether a model has use for a setting.
type Fits = fn(&Spec) -> bool;

/// The runtime's settings that an operator has use for, by their names without the prefix, and whether a model has use for
/// them.
///
/// Left out is what the registration itself decides (address, port, base URL, name, directory), what must agree with the
/// platform (drain delay and grace, the form of logs, metrics), and the limits of clients that misbehave.
const OF_THE_RUNTIME: [(&str, Fits); 14] = [
    // How the model answers.
    ("SCORE_THRESHOLD", |spec| spec.element.is_some()),
    ("OUTPUT_LAYOUT", |spec| !spec.layouts.is_empty()),
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

/// The runtime's settings that an operator of these models is asked for, in the order of a form.
pub(crate) fn operator_settings(models: &[&Spec]) -> Vec<SettingSpec> {
    let runtime = EngineSettings::schema();
    let chosen = OF_THE_RUNTIME.iter().filter(|(_, fits)| models.iter().any(|spec| fits(spec)));
    let find = |(name, _): &(&str, Fits)| {
        let bare = |setting: &&SettingSpec| setting.name.strip_prefix(EngineSettings::PREFIX) == Some(*name);
        runtime.iter().find(bare).cloned()
    };
    chosen.filter_map(find).collect()
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
