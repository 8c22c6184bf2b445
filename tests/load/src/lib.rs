//! Load tests of an engine: scenarios with heavy traffic, faults and restarts. The binary runs them at full length and
//! prints the results; the test of the package runs each of them briefly.
//!
//! | file | contents |
//! |---|---|
//! | `engine` | the engine under load: its process, its memory and its metrics |
//! | `client` | a client that can disconnect |
//! | `traffic` | many concurrent clients, and their observations |
//! | `outcome` | the outcome of a scenario: figures and violations |
//! | `scenarios` | the scenarios |

mod client;
mod engine;
mod outcome;
mod scenarios;
mod traffic;

pub use engine::build_engine;
pub use outcome::Outcome;
pub use scenarios::{SCENARIOS, Scale, Scenario};

/// Any error that prevents a scenario from running.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
