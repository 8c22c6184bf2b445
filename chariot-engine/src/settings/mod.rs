//! Typed settings from environment variables. An author declares a struct once; it is read with all faults reported
//! together, and its schema is exported to the registration document and to tables.
//!
//! - [`Environment`]: the variables
//! - [`Settings`], with `#[derive(Settings)]`: a struct that is read from them by [`from_environment`] or a [`Reader`]
//! - [`SettingValue`]: a type that a field can have, such as an enum with `#[derive(SettingChoice)]` or a [`Secret`], which
//!   is never shown; [`Field`] and [`SettingSpec`]: the declaration and the description of a field
//! - [`Explained`] and [`Origin`]: the value of a setting and its source
//! - [`SettingsError`]: all faults of one reading
//! - [`EngineSettings`]: the runtime's own settings, a `Settings` struct like any author's
//! - [`scoped_schema`]: the schema of one of several models
//! - [`predictor_env_schema`], [`json_schema`], [`env_example`], [`markdown_table`]: exports of a schema; and
//!   [`explained_table`], the settings as they were read
//!
//! | file | contents |
//! |---|---|
//! | `environment`, `file` | the variables, and values from files |
//! | `kind`, `value`, `types`, `secret`, `choices`, `log_filter` | the types of settings |
//! | `spec`, `field`, `runtime_setting` | the description and the declaration of a setting, and the facts about one of the runtime's |
//! | `scope`, `find`, `reader`, `explained` | the names of a setting, the search for it, its reading, and the source of its value |
//! | `schema`, `read`, `group` | settings types, their reading, and groups of settings |
//! | `engine`, `access`, `unknown` | the runtime's settings, those of who may call, and warnings about misspelled ones |
//! | `error` | the faults of a reading |
//! | `export` | exports of a schema |

mod access;
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
mod kind;
mod log_filter;
mod read;
mod reader;
mod runtime_setting;
mod schema;
mod scope;
mod secret;
mod spec;
mod types;
mod unknown;
mod value;

pub use bytesize::ByteSize;
/// Makes an enum without fields a setting that is one of a list of names.
///
/// A variant's name is its identifier in snake case, or `#[setting(name = "...")]` on the variant. Case, `_` and `-` are
/// ignored when a value is read.
///
/// ```
/// use chariot_engine::{prelude::*, settings::{Environment, from_environment}};
///
/// #[derive(SettingChoice, Debug, PartialEq)]
/// enum Mode {
///     Fast,
///     #[setting(name = "exact")]
///     Accurate,
/// }
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// Mode
///     #[setting(default = "fast")]
///     mode: Mode,
/// }
///
/// let settings: DigitsSettings = from_environment(&Environment::from_iter([("MODE", "Exact")])).unwrap();
/// assert_eq!(settings.mode, Mode::Accurate);
/// ```
pub use chariot_engine_macros::SettingChoice;
/// Makes a struct readable from environment variables.
///
/// ```
/// use chariot_engine::{prelude::*, settings::{Environment, from_environment}};
///
/// #[derive(Settings)]
/// #[settings(prefix = "DIGITS_")]
/// struct DigitsSettings {
///     /// Number of labels to report
///     #[setting(default = 3, range = 1..=10)]
///     top_k: usize,
///     /// Languages
///     #[setting(default = "en")]
///     languages: Vec<String>,
/// }
///
/// let settings: DigitsSettings = from_environment(&Environment::from_iter([("DIGITS_LANGUAGES", "de, en")])).unwrap();
/// assert_eq!((settings.top_k, settings.languages.len()), (3, 2));
/// ```
///
/// [The trait](trait@Settings) documents all attributes.
pub use chariot_engine_macros::Settings;

#[cfg(feature = "cli")]
pub(crate) use self::export::{about, form_fault};
#[cfg(feature = "cli")]
pub(crate) use self::runtime_setting::{Needs, Offered};
pub use self::{
    choices::{DeviceChoice, LogFormat, LogLevel, OutputEncoding, OutputLayout, RequestLog},
    engine::EngineSettings,
    environment::Environment,
    error::{SettingFault, SettingsError},
    explained::{Explained, Origin},
    export::{PredictorEnv, env_example, explained_table, json_schema, markdown_table, predictor_env_schema},
    field::Field,
    kind::SettingKind,
    log_filter::LogFilter,
    read::from_environment,
    reader::Reader,
    schema::Settings,
    scope::scoped_schema,
    secret::Secret,
    spec::{SettingRange, SettingSpec},
    value::{Ranged, SettingChoice, SettingText, SettingValue},
};
pub(crate) use self::{engine::host_and_port, scope::scoped_variable};

#[doc(hidden)]
pub use self::{group::__Group, value::__choice};
