//! [`Engine`]: a model in service, from its declaration to its end. It puts the other rooms together.
//!
//! | file | holds |
//! |---|---|
//! | `builder` | what an engine is made of |
//! | `plan` | an engine that is read and checked: environment, the attribute's defaults, the builder's own values |
//! | `handle` | an engine that runs: its service, its state, its end |
//! | `run` | a process of its own: environment, logs, signals, exit codes |
//! | `threads` | how many workers and threads; `variables` tells the libraries below |
//! | `error` | why an engine does not start |

mod builder;
mod error;
mod handle;
mod plan;
mod run;
mod threads;
#[allow(unsafe_code)]
mod variables;

pub use builder::EngineBuilder;
pub use error::StartError;
pub use handle::Engine;
