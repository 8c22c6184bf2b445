//! Fuzz targets for every decoder of input from a caller or an operator. Each is a plain function that panics if a check
//! fails. The tests of this package run them over the corpus and its mutations, `cargo run` runs one for any length of time,
//! and `coverage/` runs one guided by coverage.
//!
//! | module | contents |
//! |---|---|
//! | `targets` | the targets, one file each |
//! | `live`, `models` | engines behind ports for the targets of whole connections, and the models that they serve |
//! | `check` | the checks of every error message, and of memory |
//! | `mutate`, `tokens`, `rng` | mutations of inputs, reproducible from a seed |
//! | `corpus` | the seeds of a target |
//! | `session` | repeated runs of a target, which keep inputs with new outcomes and report failures |
//! | `watch` | the detection of an input that does not finish |
//! | `memory` | a counting allocator |
//! | `tiff` | the heads of TIFF files |

mod check;
mod corpus;
mod live;
pub mod memory;
mod models;
mod mutate;
mod rng;
mod session;
mod targets;
pub mod tiff;
mod tokens;
mod watch;

pub use check::{CANARY, message};
pub use corpus::{directory, seeds};
pub use mutate::Mutator;
pub use rng::Rng;
pub use session::{Finding, Options, Report, run, run_one};
pub use targets::{Outcome, TARGETS, Target, target};
pub use watch::Watch;
