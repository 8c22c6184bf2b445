//! The cases: what they are, where they are, and whether they can be read.
//!
//! | file | holds |
//! |---|---|
//! | `case` | a case as it is written |
//! | `embedded` | the list of the files of cases, which are built in |
//! | `load` | files of cases to a [`Suite`], with every fault of theirs at once |
//! | `needs` | the conditions that cases may make |
//! | `placeholder` | `{{...}}` in the texts of cases |

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
pub(crate) use needs::means;
pub(crate) use placeholder::{Names, Writing, is_one_name};
