//! The cases: their format, their files and their parser.
//!
//! | file | holds |
//! |---|---|
//! | `case` | the format of a case |
//! | `embedded` | the built-in files of cases |
//! | `load` | the parser, from files to a [`Suite`] |
//! | `needs` | the conditions of cases |
//! | `placeholder` | the placeholders `{{...}}` |

mod case;
mod embedded;
mod load;
mod needs;
mod placeholder;

pub(crate) use case::{
    Base, Binary, Expect, HeaderPredicate, HeaderValue, Operation, Predicate, Step, TensorPredicate, TextPredicate,
};
pub use case::{Case, Level};
pub use load::{LoadError, Section, Suite};
pub(crate) use needs::{means, same_name};
pub(crate) use placeholder::{Names, Writing, is_one_name};
