//! [`Engine`]: a model in service, from its declaration to its shutdown. This room puts the others together.
//!
//! | file | holds |
//! |---|---|
//! | `options` | the options of one model |
//! | `source` | one model of a builder, without its type |
//! | `builder` | the builder: models, environment, settings |
//! | `error` | the errors that stop an engine |
//! | `diagnostics` | faults and warnings, collected while a plan is made |
//! | `threads` | the number of workers and of threads |
//! | `model_plan` | one model whose configuration has been read and checked |
//! | `path_segment` | the checks of the names and versions that callers put in paths |
//! | `setting_names` | the environment variables that the models read |
//! | `handle` | a running engine: its service, its state, its shutdown |
//! | `served` | one model of a running engine |
//! | `call` | a typed call of a running model within the process |
//! | `plan` | an engine whose configuration has been read and checked |
//! | `profile` | the Cargo profile, and what a panic does in it |
//! | `describe` | the description for registration and deployment, made from the code alone |
//! | `effective` | the values of settings whose default is computed |
//! | `explained` | all settings with their values and their sources |
//! | `inspect` | the queries of the command line to a builder and to a plan |
//! | `descriptors` | the limit of open files, and the number of connections below it |
//! | `allocator` | the options of the C library's allocator |
//! | `thread_env` | the environment variable that sets the number of threads of candle and rayon |
//! | `listen` | opening a port |
//! | `port` | the port of the process: its own, or that of a development loop |
//! | `run` | the engine as a process of its own: environment, logs, signals, exit codes |

#[allow(unsafe_code)]
mod allocator;
mod builder;
mod call;
#[cfg(feature = "cli")]
mod describe;
mod descriptors;
mod diagnostics;
#[cfg(any(feature = "cli", feature = "page"))]
mod effective;
mod error;
#[cfg(any(feature = "cli", feature = "page"))]
mod explained;
mod handle;
#[cfg(feature = "cli")]
mod inspect;
mod listen;
mod model_plan;
mod options;
mod path_segment;
mod plan;
mod port;
mod profile;
mod run;
mod served;
mod setting_names;
mod source;
#[allow(unsafe_code)]
mod thread_env;
mod threads;

pub use builder::EngineBuilder;
pub use call::{InferCall, InferEvent, InferStream};
pub use error::StartError;
pub use handle::Engine;
#[cfg(all(feature = "dev", unix))]
pub(crate) use listen::listen;
#[cfg(feature = "cli")]
pub(crate) use model_plan::ModelPlan;
pub use options::ModelOptions;
#[cfg(feature = "cli")]
pub(crate) use plan::Plan;
#[cfg(feature = "cli")]
pub(crate) use run::{Prepared, io_runtime, prepare};
pub use served::{ServedModel, ServedModels};
