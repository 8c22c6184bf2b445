//! HTTP/1.1 of which a case decides every byte: what a client library would mend is sent as it is.
//!
//! | file | holds |
//! |---|---|
//! | `url` | where a server is |
//! | `client` | a request on a connection of its own, within a deadline |
//! | `answer` | what came |

mod answer;
mod client;
mod url;

pub(crate) use answer::Answer;
pub(crate) use client::{Request, send};
pub(crate) use url::Url;
