//! Checks of a response against the expectations of a case.
//!
//! | file | holds |
//! |---|---|
//! | `mismatch` | the difference between an expectation and a response |
//! | `answer` | a whole response: status, headers, text, tensors |
//! | `header` | a header |
//! | `predicate` | a location in the JSON of a body |
//! | `close` | comparison of numbers with a tolerance |

mod answer;
mod close;
mod header;
mod mismatch;
mod predicate;

pub(crate) use answer::check;
pub(crate) use close::is_close;
pub(crate) use mismatch::Mismatch;
