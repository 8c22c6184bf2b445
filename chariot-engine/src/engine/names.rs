//! The names of the settings that an engine has: of several models each has a prefix. The plan asks.

use std::collections::HashSet;

use super::{builder::Source, notes::Notes, part::Part};
use crate::settings::{
    EngineSettings, Environment, SettingFault, SettingSpec, Settings, scoped_schema, scoped_variable,
};

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
        if self.prefixes.iter().all(Option::is_none) {
            return;
        }
        let mut known: HashSet<String> = EngineSettings::schema().into_iter().map(|setting| setting.name).collect();
        for setting in &self.beside {
            if !known.insert(setting.name.clone()) {
                let name = &setting.name;
                let text = format!(
                    "a variable of its own is expected for every setting, '{name}' is that of two; \
                     ModelOptions::settings_prefix gives a model another prefix"
                );
                return notes.fault("the prefix of settings", text);
            }
        }
    }

    /// The defaults of this attribute or builder that a reader has use for: those of all models, and with a prefix those of
    /// its model. What no reader knows is left to the one of all, which says so.
    pub(super) fn defaults<'a>(
        &self,
        given: &'a [(String, String)],
        prefix: Option<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let schema = EngineSettings::schema();
        let is_known = |bare: &str| schema.iter().any(|setting| setting.name[EngineSettings::PREFIX.len()..] == *bare);
        let is_of = |prefix: &str, name: &str| name.strip_prefix(prefix).is_some_and(is_known);
        let has_use = |name: &str| match prefix {
            Some(prefix) => is_known(name) || is_of(prefix, name),
            None => is_known(name) || !self.prefixes.iter().flatten().any(|prefix| is_of(prefix, name)),
        };
        let fitting: Vec<_> = given.iter().filter(|(name, _)| has_use(name)).collect();
        fitting.into_iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets what the builder gives, over whatever says the same in another way: by a file, by an old name, for one model.
    pub(super) fn set(&self, given: &[(String, String)], environment: &mut Environment) {
        let is_given = |name: &str| given.iter().any(|(of, _)| of == name);
        for (name, value) in given {
            let mut same = vec![name.clone()];
            same.extend(self.prefixes.iter().flatten().map(|prefix| scoped_variable(prefix, name, true)));
            let all = EngineSettings::schema().into_iter().chain(self.beside.iter().cloned());
            for setting in all.filter(|setting| same.contains(&setting.name)) {
                for of in [&setting.name].into_iter().chain(&setting.aliases).filter(|of| !is_given(of)) {
                    environment.remove(of);
                }
                for of in [&setting.name].into_iter().chain(&setting.aliases) {
                    environment.remove(&format!("{of}{}", SettingSpec::FILE_SUFFIX));
                }
            }
            environment.set(name, value);
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
