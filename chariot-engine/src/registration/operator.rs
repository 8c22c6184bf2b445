//! The runtime's settings that operators are offered when they deploy a model, beside the author's. `EngineSettings` states
//! for each of its fields when it is offered.

use crate::{
    model::Spec,
    settings::{EngineSettings, Needs, Offered, SettingSpec, Settings},
};

/// Returns the runtime's settings that operators of these models are offered: those that are commonly changed, or, with
/// `all`, all that an operator can change.
pub(crate) fn operator_settings(models: &[&Spec], all: bool) -> Vec<SettingSpec> {
    let is_offered = |setting: &SettingSpec| {
        setting.runtime_setting().is_some_and(|row| {
            let offered = match row.offered {
                Offered::Never => false,
                Offered::OnRequest => all,
                Offered::ByDefault => true,
            };
            offered && models.iter().any(|spec| applies(row.needs, spec))
        })
    };
    EngineSettings::schema().into_iter().filter(is_offered).collect()
}

/// Returns `true` if the model has the property.
fn applies(needs: Needs, spec: &Spec) -> bool {
    match needs {
        Needs::Nothing => true,
        Needs::Items => spec.element.is_some(),
        Needs::Layouts => !spec.layouts.is_empty(),
        Needs::Images => spec.element == Some("image"),
        Needs::Texts => spec.element == Some("text"),
        Needs::ScoreThreshold => spec.score_threshold,
    }
}
