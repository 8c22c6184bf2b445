//! Clients that cost little, because they share the cores with the servers.
//!
//! | file | holds |
//! |---|---|
//! | `request` | a request, prepared once and sent many times |
//! | `http1` | a connection of HTTP/1.1 on a socket |
//! | `chunked` | the transfer coding of bodies without a length |
//! | `http2` | streams of one connection of HTTP/2 |
//! | `connection` | either of them |

mod chunked;
mod connection;
mod http1;
mod http2;
mod request;

pub(crate) use connection::{Connection, connect};
pub(crate) use request::{Protocol, Request};
