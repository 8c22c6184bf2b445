//! Typed settings from an environment: what an author declares once becomes the reading, with all faults reported at
//! once, and the schema that the registration document and the README's table are made from.
//!
//! - [`Environment`]: the variables
//! - [`Settings`], by `#[derive(Settings)]`: a struct that is read from them; [`read`] and [`Reader`] read it
//! - [`SettingValue`]: what a field can be, [`Secret`] one that is not shown; [`Field`] and [`SettingSpec`]: one field's
//!   declaration
//! - [`Explained`] and [`Origin`]: a value, and where it came from
//! - [`SettingsError`]: everything that was wrong
//! - [`EngineSettings`]: the runtime's own settings, a `Settings` struct like any author's
//! - [`scoped_schema`]: a schema as one of several models has it
//! - [`predictor_env_schema`], [`json_schema`], [`env_example`], [`markdown_table`]: a schema for others; and
//!   [`explained_table`], how settings were read

mod choices;
mod engine;
mod environment;
mod error;
mod explained;
mod export;
mod field;
mod file;
mod find;
mod group;
mod reader;
mod scope;
mod secret;
mod spec;
mod types;
mod value;

pub use bytesize::ByteSize;
/// Makes a struct readable from settings, or an enum without fields a choice of words.
///
/// ```
/// use chariot_engine::{prelude::*, settings::{Environment, read}};
///
/// #[derive(Settings)]
/// #[settings(prefix = "DIGITS_")]
/// struct DigitsSettings {
///     /// How many labels to report
///     #[setting(default = 3, range = 1..=10)]
///     top_k: usize,
///     /// Whether to be quick or right
///     #[setting(default = "fast")]
///     mode: Mode,
/// }
///
/// #[derive(Settings, Debug, PartialEq)]
/// enum Mode {
///     Fast,
///     Accurate,
/// }
///
/// let settings: DigitsSettings = read(&Environment::from_iter([("DIGITS_MODE", "Accurate")])).unwrap();
/// assert_eq!((settings.top_k, settings.mode), (3, Mode::Accurate));
/// ```
///
/// [The trait](trait@Settings) has an example with every kind of fault.
pub use chariot_engine_macros::Settings;

pub(crate) use self::scope::variable as scoped_variable;
pub use self::{
    choices::{DeviceChoice, LogFormat, LogLevel, OutputEncoding, OutputLayout},
    engine::EngineSettings,
    environment::Environment,
    error::{SettingFault, SettingsError},
    explained::{Explained, Origin},
    export::{PredictorEnv, env_example, explained_table, json_schema, markdown_table, predictor_env_schema},
    field::Field,
    reader::Reader,
    scope::scoped_schema,
    secret::Secret,
    spec::{SettingRange, SettingSpec},
    value::{Ranged, SettingKind, SettingText, SettingValue},
};

#[doc(hidden)]
pub use self::{group::__Group, value::__choice};

#[doc = include_str!("../docs/settings.md")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a settings type",
    label = "not a settings type",
    note = "write `#[derive(Settings)]` on it, or `type Settings = ();` for none"
)]
pub trait Settings: Sized + Send + Sync + 'static {
    /// What can be set, in the order of declaration.
    fn schema() -> Vec<SettingSpec>;

    /// Reads every setting. Faults go to the reader, and reading goes on after one, so that all are found; `None` says
    /// that there was one. Most callers want [`read`] or [`Reader::read`].
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
}

/// No settings.
impl Settings for () {
    fn schema() -> Vec<SettingSpec> {
        vec![]
    }

    fn read(_: &mut Reader<'_>) -> Option<Self> {
        Some(())
    }
}

/// Two settings types, read together: the faults of both are reported at once.
impl<A: Settings, B: Settings> Settings for (A, B) {
    fn schema() -> Vec<SettingSpec> {
        let mut schema = A::schema();
        schema.extend(B::schema());
        schema
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (first, second) = (A::read(reader), B::read(reader));
        Some((first?, second?))
    }
}

/// Reads settings from an environment. To have warnings too, or a layer of defaults, use a [`Reader`].
///
/// # Errors
/// All settings that are missing or cannot be read, each with what was expected and what came.
///
/// ```
/// use chariot_engine::settings::{EngineSettings, Environment, read};
///
/// let settings: EngineSettings = read(&Environment::from_iter([("CHARIOT_ENGINE_PORT", "9000")])).unwrap();
/// assert_eq!(settings.port, 9000);
/// ```
pub fn read<S: Settings>(environment: &Environment) -> Result<S, SettingsError> {
    Reader::new(environment).read()
}
