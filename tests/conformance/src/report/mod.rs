//! What came of a run, and the forms in which it is written.
//!
//! | file | holds |
//! |---|---|
//! | `results` | a report: every case and what came of it |
//! | `table` | for people |
//! | `junit` | for build servers |

mod junit;
mod results;
mod table;

pub use results::{CaseReport, Fault, Outcome, Report, SectionReport};
