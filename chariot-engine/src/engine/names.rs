//! The names of the settings that an engine has: of several models each has a prefix. The plan asks.

use super::{builder::Source, notes::Notes, part::Part};
use crate::settings::{EngineSettings, SettingFault, SettingSpec, Settings, scoped_schema};

/// What the platform and cargo set themselves, and what is read beside the settings.
const OTHERS: [&str; 5] =
    ["CHARIOT_MODEL_ID", "CHARIOT_TASK_TYPE", "CHARIOT_INFERENCE_PROTOCOL", "CARGO_MANIFEST_DIR", "LOG_LEVEL"];

/// Which variables the models of an engine read.
pub(super) struct Names {
    /// What stands before a model's variables, model by model; the only one has nothing there.
    pub(super) prefixes: Vec<Option<String>>,
    /// The settings that the engine has beside the runtime's own: those of its models, and the runtime's under the
    /// models' prefixes.
    pub(super) beside: Vec<SettingSpec>,
}

impl Names {
    pub(super) fn of(sources: &[Source]) -> Self {
        let prefix = |source: &Source| (sources.len() > 1).then(|| source.options.prefix(&source.name));
        let prefixes: Vec<_> = sources.iter().map(prefix).collect();
        let mut beside = Vec::new();
        for (source, prefix) in sources.iter().zip(&prefixes) {
            let own = source.spec.settings();
            match prefix {
                None => beside.extend_from_slice(own),
                Some(prefix) => {
                    let of_model: Vec<_> =
                        EngineSettings::schema().into_iter().filter(EngineSettings::is_of_a_model).collect();
                    beside.extend(scoped_schema(own, prefix));
                    beside.extend(scoped_schema(&of_model, prefix));
                }
            }
        }
        Names { prefixes, beside }
    }

    /// The models must be told apart, by their names and by their variables.
    pub(super) fn check(&self, parts: &[Part], notes: &mut Notes) {
        for (index, part) in parts.iter().enumerate() {
            if parts[..index].iter().any(|earlier| earlier.name == part.name) {
                let text = format!("a name of its own is expected for every model, '{}' is that of two", part.name);
                notes.fault("the model's name", text);
            }
        }
        for (index, prefix) in self.prefixes.iter().flatten().enumerate() {
            if self.prefixes[..index].iter().flatten().any(|earlier| earlier == prefix) {
                let text = format!("a prefix of its own is expected for every model, '{prefix}' is that of two");
                notes.fault("the prefix of settings", text);
            }
        }
    }

    /// A variable that the embedder sets and the engine does not have would do nothing, silently.
    pub(super) fn check_given(&self, given: &[(String, String)], notes: &mut Notes) {
        let known: Vec<SettingSpec> = EngineSettings::schema().into_iter().chain(self.beside.iter().cloned()).collect();
        let unknown = |name: &&str| !known.iter().any(|setting| setting.is_read_from(name)) && !OTHERS.contains(name);
        let names = given.iter().map(|(name, _)| name.as_str());
        notes.all(names.filter(unknown).map(|name| {
            let alike = |of: &SettingSpec| {
                strsim::jaro_winkler(name, of.name.strip_prefix(EngineSettings::PREFIX).unwrap_or(&of.name))
            };
            let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
            let nearest = nearest.map(|nearest| format!("; {} is the nearest", nearest.name)).unwrap_or_default();
            SettingFault { name: name.into(), text: format!("there is no such setting{nearest}") }
        }));
    }
}
