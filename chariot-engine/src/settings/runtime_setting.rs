//! [`RuntimeSetting`], the facts about one of the runtime's settings beside its value. They are declared on the fields of
//! `EngineSettings`, and everything that treats settings differently asks for them.

/// The facts about one of the runtime's settings: its scope, and when an operator is offered it.
///
/// Any of the runtime's settings can have a default in `#[chariot_engine(...)]`; a test holds the macro's list equal to
/// the fields of `EngineSettings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuntimeSetting {
    pub(crate) scope: Scope,
    pub(crate) offered: Offered,
    pub(crate) needs: Needs,
}

/// The part of an engine that a setting configures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The whole process.
    Process,
    /// One model. An engine of several models has one such setting for each of them.
    Model,
}

/// The circumstances in which `describe` offers a setting to operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// Never: the registration itself determines it, it must agree with the platform, or it is a limit against
    /// misbehaving clients.
    Never,
    /// With `--all-settings`.
    OnRequest,
    /// Always.
    ByDefault,
}

/// The property of a model without which a setting does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The setting applies to every model.
    Nothing,
    /// The model takes items, not named tensors.
    Items,
    /// The model's task has several layouts.
    Layouts,
    /// The model takes images.
    Images,
    /// The model takes texts.
    Texts,
    /// The model leaves out results below a score threshold.
    ScoreThreshold,
}

/// A setting of the process that is not offered to operators.
pub(super) const PROCESS: RuntimeSetting =
    RuntimeSetting { scope: Scope::Process, offered: Offered::Never, needs: Needs::Nothing };

/// A setting of a model that is not offered to operators.
pub(super) const MODEL: RuntimeSetting = RuntimeSetting { scope: Scope::Model, ..PROCESS };

impl RuntimeSetting {
    pub(super) const fn offered(self, offered: Offered) -> Self {
        RuntimeSetting { offered, ..self }
    }

    pub(super) const fn needs(self, needs: Needs) -> Self {
        RuntimeSetting { needs, ..self }
    }
}
