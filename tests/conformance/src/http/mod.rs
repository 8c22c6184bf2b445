//! HTTP/1.1 of which a case controls every byte: malformed requests, which a client library would repair, are sent
//! unchanged.
//!
//! | file | holds |
//! |---|---|
//! | `url` | the address of a server |
//! | `client` | a request on a new connection, with a deadline |
//! | `answer` | the response |

mod answer;
mod client;
mod url;

pub(crate) use answer::Answer;
pub(crate) use client::{Request, send};
pub(crate) use url::Url;
