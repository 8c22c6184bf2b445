//! A conformance suite for any server of the Open Inference Protocol.
//!
//! The cases are data (`cases/*.toml`): a request, the expected response, and the requirement of a specification.
//! [`run`] finds out which inputs the model takes, runs every case whose conditions hold, and returns a [`Report`]. The
//! binary `conformance` does this on the command line.
//!
//! ```no_run
//! use conformance::{Level, Suite, Target, run};
//!
//! let target = Target::new("http://127.0.0.1:8080", "iris").unwrap().level(Level::Chariot);
//! let report = run(&target, &Suite::embedded()).unwrap();
//! println!("{}", report.table());
//! ```
//!
//! | room | contents |
//! |---|---|
//! | `suite/` | the cases and their parser |
//! | `http/` | requests of which every byte is controlled, and responses |
//! | `tensor/` | values of tensors, in JSON and in binary |
//! | `target/` | the server and the facts known about it |
//! | `request/` | the request of a case, built for a server |
//! | `check/` | checks of a response against the expectations |
//! | `golden/` | comparison with golden files |
//! | `report/` | the results: a table, JUnit XML, JSON |

mod check;
mod golden;
mod http;
mod report;
mod request;
mod run;
mod suite;
mod target;
mod tensor;
mod text;

pub use golden::{Exchange, Exchanged, Golden, GoldenFile, compare};
pub use report::{CaseReport, Fault, Outcome, Report, SectionReport};
pub use run::run;
pub use suite::{Case, Level, LoadError, Section, Suite};
pub use target::{Spec, Target, Unusable};
