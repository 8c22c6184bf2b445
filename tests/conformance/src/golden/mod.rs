//! Comparison of a server with golden files: one file per task of Chariot, with requests and the responses to them. Used
//! by the binary and by tests.
//!
//! | file | holds |
//! |---|---|
//! | `file` | the format of a golden file, and its parser |
//! | `form` | comparison of the form of two values: the same members, the same kinds |
//! | `rules` | the rules of a file for the values of any model: ranges, orders, lengths |
//! | `envelope` | comparison of a whole response |
//! | `compare` | the run: one case per exchange and protocol |

mod compare;
mod envelope;
mod file;
mod form;
mod rules;

pub use compare::compare;
pub use file::{Exchange, Exchanged, Golden, GoldenFile};
