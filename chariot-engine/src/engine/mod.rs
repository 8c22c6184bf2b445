//! [`Engine`]: a model in service, from its declaration to its end. It puts the other rooms together.
//!
//! | file | holds |
//! |---|---|
//! | `builder` | what an engine is made of |
//! | `options` | what is said of one model among several |
//! | `plan` | an engine that is read and checked: environment, the attribute's defaults, the builder's own values |
//! | `part` | the same of one of its models |
//! | `names` | which variables the models read |
//! | `notes` | faults and warnings, as they are found |
//! | `describe` | what an engine's code says of it before it runs |
//! | `inspect` | what the command line asks of a builder and of a plan |
//! | `handle` | an engine that runs: its service, its state, its end |
//! | `served` | one of its models |
//! | `run` | a process of its own: environment, logs, signals, exit codes |
//! | `threads` | how many workers and threads; `variables` tells the libraries below |
//! | `error` | why an engine does not start |

mod builder;
#[cfg(feature = "cli")]
mod describe;
#[cfg(feature = "cli")]
mod effective;
mod error;
mod handle;
#[cfg(feature = "cli")]
mod inspect;
mod names;
mod notes;
mod options;
mod part;
mod plan;
mod run;
mod served;
mod threads;
#[allow(unsafe_code)]
mod variables;

pub use builder::EngineBuilder;
pub use error::StartError;
pub use handle::Engine;
pub use options::ModelOptions;
#[cfg(feature = "cli")]
pub(crate) use part::Part;
#[cfg(feature = "cli")]
pub(crate) use plan::Plan;
#[cfg(feature = "cli")]
pub(crate) use run::{Prepared, io_runtime, prepare};
pub use served::ServedModel;
