//! The server under test and the facts known about it.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | the description of the server by its operator |
//! | `server` | the server, its model and the options of a run |
//! | `facts` | the facts: conditions that hold, values of placeholders |
//! | `learn` | their discovery from the server's own responses |
//! | `candidates` | requests that may be valid, from metadata, an OpenAPI document or a spec |
//! | `item` | the smallest item of each kind |

mod candidates;
mod facts;
mod item;
mod learn;
mod server;
mod spec;

pub(crate) use facts::Facts;
pub(crate) use learn::learn;
pub use server::{Target, Unusable};
pub use spec::Spec;
