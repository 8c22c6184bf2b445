//! Holding an answer against what a case expects.
//!
//! | file | holds |
//! |---|---|
//! | `mismatch` | what was expected and what came |
//! | `answer` | an answer as a whole: status, headers, text, tensors |
//! | `header` | a header |
//! | `predicate` | a place in the JSON of a body |
//! | `close` | numbers that are almost the same |

mod answer;
mod close;
mod header;
mod mismatch;
mod predicate;

pub(crate) use answer::check;
pub(crate) use mismatch::Mismatch;
