//! All settings of an engine with their values and their sources, which a plan reads. `settings --explain` prints them, and
//! the page shows them.

use std::sync::mpsc;

use super::{
    builder::EngineBuilder,
    error::StartError,
    plan::Plan,
    setting_names::SettingNames,
    source::{ReadSettings, Source},
};
use crate::settings::{EngineSettings, Explained, Origin, Reader, SettingSpec};

impl Plan {
    /// Makes the plan of a builder, as [`Plan::new`] does, and returns all settings with their values in the builder's
    /// environment too: those of the models, then those of the runtime. Includes the runtime's settings under a model's
    /// prefix only if they are set.
    pub(super) fn explained(
        mut builder: EngineBuilder,
        warnings: &mut Vec<String>,
    ) -> (Result<Plan, StartError>, Vec<Explained>) {
        let (mut own, mut runtime) = (Vec::new(), Vec::new());
        if builder.sources.len() != 1 {
            let mut environment = builder.environment.clone().unwrap_or_default();
            for (name, value) in &builder.settings {
                environment.set(name, value);
            }
            let defaults = builder.defaults.iter().cloned();
            let mut reader = Reader::new(&environment).with_defaults(EngineSettings::PREFIX, defaults);
            // The plan reports the faults.
            let _ = reader.read::<EngineSettings>();
            runtime.extend_from_slice(reader.explained());
        }
        // The plan reads the settings of the models; each reader sends a copy of what it has read.
        let prefixes = SettingNames::new(&builder.sources).prefixes;
        let (keep, kept) = mpsc::channel();
        builder.sources = builder.sources.into_iter().map(|source| recording(source, keep.clone())).collect();
        let plan = Plan::new(builder, warnings);
        for (prefix, explained) in prefixes.iter().zip(kept.try_iter()) {
            for explained in explained {
                let name = &explained.setting.name;
                let is_set = match &explained.origin {
                    Origin::Variable(variable) => variable == name,
                    Origin::File { variable, .. } => variable.strip_suffix(SettingSpec::FILE_SUFFIX) == Some(name),
                    _ => false,
                };
                match explained.setting.runtime {
                    false => own.push(explained),
                    true if prefix.is_none() || is_set => runtime.push(explained),
                    true => {}
                }
            }
        }
        if let Ok(plan) = &plan {
            plan.fill_in_computed(&mut runtime);
        }
        own.append(&mut runtime);
        (plan, own)
    }
}

/// Returns the same model, whose reader sends a copy of what it has read.
fn recording(source: Source, keep: mpsc::Sender<Vec<Explained>>) -> Source {
    let read = source.read;
    let read: ReadSettings = Box::new(move |reader| {
        let settings = read(reader);
        // An error means that the receiver was dropped, and the copy is not needed.
        let _ = keep.send(reader.explained().to_vec());
        settings
    });
    Source { read, ..source }
}
