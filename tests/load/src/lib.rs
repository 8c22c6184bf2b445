//! Scenarios that load an engine, interrupt it and look at what becomes of it. The binary runs them for long and prints
//! what it saw; the package's test runs each of them for a moment.
//!
//! | file | holds |
//! |---|---|
//! | `engine` | the engine under load: a process of its own, its memory and its figures |
//! | `client` | a connection that asks, and may hang up |
//! | `traffic` | many clients at once, and what they saw |
//! | `outcome` | what came of a scenario: figures, and what was not as it must be |
//! | `scenarios` | the scenarios |

mod client;
mod engine;
mod outcome;
mod scenarios;
mod traffic;

pub use engine::build_engine;
pub use outcome::Outcome;
pub use scenarios::{SCENARIOS, Scale, Scenario};

/// Whatever keeps a scenario from being run.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
