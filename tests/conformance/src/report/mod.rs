//! The results of a run, and their formats.
//!
//! | file | holds |
//! |---|---|
//! | `results` | a report: the outcome of every case |
//! | `table` | a table for people |
//! | `junit` | JUnit XML for CI servers |

mod junit;
mod results;
mod table;

pub use results::{CaseReport, Fault, Outcome, Report, SectionReport};
