//! A conformance suite for servers of the Open Inference Protocol: any server, not only those of one's own.
//!
//! The cases are data (`cases/*.toml`): a request, what must come, and the sentence of a specification that it rests on.
//! [`run`] learns what a server's model takes, asks every case whose conditions hold, and returns a [`Report`]. The
//! binary `conformance` is this at a command line.
//!
//! ```no_run
//! use conformance::{Level, Suite, Target, run};
//!
//! let target = Target::new("http://127.0.0.1:8080", "iris").unwrap().level(Level::Chariot);
//! let report = run(&target, &Suite::embedded()).unwrap();
//! println!("{}", report.table());
//! ```
//!
//! | room | what it holds |
//! |---|---|
//! | `suite/` | cases, as they are written and read |
//! | `http/` | requests of which every byte is decided, and answers |
//! | `tensor/` | values of tensors, in JSON and in binary |
//! | `target/` | the server, and what is learned of it |
//! | `request/` | a case's request, made for a server |
//! | `check/` | an answer, held against what is expected |
//! | `report/` | what came of it: a table, JUnit XML, JSON |

mod check;
mod http;
mod report;
mod request;
mod run;
mod suite;
mod target;
mod tensor;
mod text;

pub use report::{CaseReport, Fault, Outcome, Report, SectionReport};
pub use run::run;
pub use suite::{Case, Level, LoadError, Section, Suite};
pub use target::{Spec, Target, Unusable};
