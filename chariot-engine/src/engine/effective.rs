//! The values that a plan uses for settings that are not set and have no fixed default, such as the number of workers.
//! `settings --explain` prints them, and the page shows them.

use super::{
    model_plan::{ModelPlan, batching, inflight_bytes},
    plan::Plan,
    run::likely_device,
    threads::Threads,
};
use crate::settings::{ByteSize, EngineSettings, Explained, Origin, SettingValue};

impl Plan {
    /// Fills in the values that are computed because a setting of the runtime is not set, where they are the same for all
    /// models.
    pub(super) fn fill_in_computed(&self, settings: &mut [Explained]) {
        for explained in settings.iter_mut().filter(|of| of.origin == Origin::Nothing) {
            let bare = explained.setting.name.strip_prefix(EngineSettings::PREFIX).unwrap_or_default();
            let mut values = self.models.iter().map(|model| self.computed(model, bare));
            if let Some(Some(value)) = values.next()
                && values.all(|other| other.as_ref() == Some(&value))
            {
                (explained.value, explained.origin) = (Some(value), Origin::Computed);
            }
        }
    }

    /// Returns the value for one model, if there is one and it can be known before a device is opened.
    fn computed(&self, model: &ModelPlan, bare: &str) -> Option<String> {
        let ModelPlan { settings, spec, .. } = model;
        let Threads { workers, threads } = model.threads(likely_device(settings.device), 1, self.cores());
        let batching = batching(settings, spec);
        Some(match bare {
            "MODEL_DIR" => model.model_dir.display().to_string(),
            "MODEL_NAME" => model.name.clone(),
            "WORKERS" => workers.to_string(),
            "THREADS" => threads.to_string(),
            "MAX_CONCURRENCY" => workers.saturating_mul(spec.concurrency).to_string(),
            "MAX_BATCH" => batching.max_cost.to_string(),
            "BATCH_DELAY" => batching.across?.show(),
            "MAX_INFLIGHT_BYTES" => ByteSize(inflight_bytes(settings)).show(),
            "PAGE" => self.settings.page?.show(),
            _ => return None,
        })
    }
}
