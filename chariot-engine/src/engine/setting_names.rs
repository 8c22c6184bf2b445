//! [`SettingNames`]: the environment variables that an engine reads. With several models, each has a prefix. The plan
//! uses it.

use std::collections::HashSet;

use super::{diagnostics::Diagnostics, model_plan::ModelPlan, source::Source};
use crate::{
    error::{Expected, quoted},
    settings::{EngineSettings, Environment, SettingFault, SettingSpec, Settings, scoped_schema, scoped_variable},
};

/// Variables that the platform and cargo set, and those that are read besides the settings.
const OTHERS: [&str; 5] =
    ["CHARIOT_MODEL_ID", "CHARIOT_TASK_TYPE", "CHARIOT_INFERENCE_PROTOCOL", "CARGO_MANIFEST_DIR", "LOG_LEVEL"];

/// The environment variables that the models of an engine read.
pub(super) struct SettingNames {
    /// The prefix of each model's variables; `None` for the only model.
    pub(super) prefixes: Vec<Option<String>>,
    /// The settings besides the runtime's own: those of the models, and the runtime's under the models' prefixes.
    pub(super) beside: Vec<SettingSpec>,
}

impl SettingNames {
    pub(super) fn new(sources: &[Source]) -> Self {
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
        SettingNames { prefixes, beside }
    }

    /// Checks that no two models share a name, and no two settings a variable.
    pub(super) fn check(&self, models: &[ModelPlan], diagnostics: &mut Diagnostics) {
        for (index, model) in models.iter().enumerate() {
            if models[..index].iter().any(|earlier| earlier.name == model.name) {
                let got = format!("{} for two models", quoted(&model.name));
                diagnostics.fault("model name", Expected::new("a different name for each model", got));
            }
        }
        if self.prefixes.iter().all(Option::is_none) {
            return;
        }
        let mut known: HashSet<String> = EngineSettings::schema().into_iter().map(|setting| setting.name).collect();
        for setting in &self.beside {
            if !known.insert(setting.name.clone()) {
                let got = format!("'{}' for two; set a prefix with ModelOptions::settings_prefix", setting.name);
                let fault = Expected::new("a different variable for each setting", got);
                return diagnostics.fault("settings prefix", fault);
            }
        }
    }

    /// Returns the defaults of the attribute or the builder that a reader can use: those of all models, and with a
    /// prefix those of its model. Names that no reader knows are left to the reader of all models, which reports them.
    pub(super) fn defaults<'a>(
        &self,
        given: &'a [(String, String)],
        prefix: Option<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let schema = EngineSettings::schema();
        let is_known = |bare: &str| schema.iter().any(|setting| setting.name[EngineSettings::PREFIX.len()..] == *bare);
        let has_prefix = |prefix: &str, name: &str| name.strip_prefix(prefix).is_some_and(is_known);
        let is_used = |name: &str| match prefix {
            Some(prefix) => is_known(name) || has_prefix(prefix, name),
            None => is_known(name) || !self.prefixes.iter().flatten().any(|prefix| has_prefix(prefix, name)),
        };
        let used: Vec<_> = given.iter().filter(|(name, _)| is_used(name)).collect();
        used.into_iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets the builder's values in the environment, and removes whatever sets the same setting in another way: by a
    /// file, by an old name, or for one model.
    pub(super) fn set(&self, given: &[(String, String)], environment: &mut Environment) {
        let is_given = |name: &str| given.iter().any(|(given, _)| given == name);
        for (name, value) in given {
            let mut same = vec![name.clone()];
            same.extend(self.prefixes.iter().flatten().map(|prefix| scoped_variable(prefix, name, true)));
            let all = EngineSettings::schema().into_iter().chain(self.beside.iter().cloned());
            for setting in all.filter(|setting| same.contains(&setting.name)) {
                let names = || [&setting.name].into_iter().chain(&setting.aliases);
                for name in names().filter(|name| !is_given(name)) {
                    environment.remove(name);
                }
                for name in names() {
                    environment.remove(&format!("{name}{}", SettingSpec::FILE_SUFFIX));
                }
            }
            environment.set(name, value);
        }
    }

    /// Reports variables that the embedder sets and that no setting reads: they would have no effect.
    pub(super) fn check_given(&self, given: &[(String, String)], diagnostics: &mut Diagnostics) {
        let known: Vec<SettingSpec> = EngineSettings::schema().into_iter().chain(self.beside.iter().cloned()).collect();
        let unknown = |name: &&str| !known.iter().any(|setting| setting.is_read_from(name)) && !OTHERS.contains(name);
        let names = given.iter().map(|(name, _)| name.as_str());
        diagnostics.faults(names.filter(unknown).map(|name| {
            let similarity = |setting: &SettingSpec| {
                strsim::jaro_winkler(name, setting.name.strip_prefix(EngineSettings::PREFIX).unwrap_or(&setting.name))
            };
            let nearest = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
            let hint = nearest.map(|nearest| format!("; did you mean {}?", nearest.name)).unwrap_or_default();
            SettingFault { name: name.into(), text: format!("unknown setting{hint}") }
        }));
    }
}
