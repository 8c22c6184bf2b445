//! Fuzz targets for everything that decodes what a caller or an operator sends. Each is a plain function that panics when
//! what it checks does not hold. The tests of this package run them over the corpus and its mutations, `cargo run` for as
//! long as one likes, and `coverage/` guided by coverage.
//!
//! | module | what it holds |
//! |---|---|
//! | `targets` | the targets, a file each |
//! | `check` | what holds of every refusal, and of what it costs |
//! | `mutate`, `tokens`, `rng` | one input made from another, the same for the same seed |
//! | `corpus` | the seeds of a target |
//! | `session` | running a target over and over, keeping what is new, and reporting what is wrong |
//! | `watch` | telling which input does not come to an end |
//! | `memory` | an allocator that counts |

mod check;
mod corpus;
pub mod memory;
mod mutate;
mod rng;
mod session;
mod targets;
mod tokens;
mod watch;

pub use check::{CANARY, refusal};
pub use corpus::{directory, seeds};
pub use mutate::Mutator;
pub use rng::Rng;
pub use session::{Finding, Options, Report, one, run};
pub use targets::{Outcome, TARGETS, Target, named};
pub use watch::Watch;
