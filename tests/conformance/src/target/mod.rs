//! The server that is asked, and what is known of it.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | what a person says of the server |
//! | `server` | where the server is, and how it is asked |
//! | `facts` | what is known: conditions that hold, values for placeholders |
//! | `learn` | finding it out from the server's own answers |
//! | `candidates` | requests that may be valid, from metadata, an OpenAPI document or a person |
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
