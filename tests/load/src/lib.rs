//! Load tests of an engine: scenarios with heavy traffic, faults and restarts. The binary runs them at full length and
//! prints the results; the test of the package runs each of them briefly.
//!
//! | file | contents |
//! |---|---|
//! | `engine` | the engine under load: its process, its memory and its metrics |
//! | `client` | a client that can disconnect |
//! | `http2` | HTTP/2 frame by frame |
//! | `traffic` | many concurrent clients, and their observations |
//! | `outcome` | the outcome of a scenario: figures and violations |
//! | `scenarios` | the scenarios |
//!
//! The binary `besieged` is the engine of the siege.

mod client;
mod engine;
mod http2;
mod outcome;
mod scenarios;
mod traffic;

pub use engine::build_engine;
pub use outcome::Outcome;
pub use scenarios::{Scale, Scenario, Target, scenarios};

/// Any error that prevents a scenario from running.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
