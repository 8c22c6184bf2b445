//! The facts about a request that its span has. The server states them, whether this build exports spans or not.

use std::net::SocketAddr;

/// The facts that are known when a request arrives.
#[derive(Debug)]
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "only the export of spans reads it"))]
pub(crate) struct SpanFacts {
    pub(crate) method: &'static str,
    /// The path of the route, with a placeholder for a name.
    pub(crate) route: &'static str,
    pub(crate) path: String,
    /// The host and the port that the caller has asked for.
    pub(crate) host: Option<(String, Option<u16>)>,
    /// The version of HTTP.
    pub(crate) version: &'static str,
    pub(crate) user_agent: Option<String>,
    /// The other end of the connection.
    pub(crate) peer: Option<SocketAddr>,
}

/// The facts about the end of a request.
#[derive(Debug)]
#[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "only the export of spans reads it"))]
pub(crate) struct SpanEnd<'a> {
    /// The model, once it is known.
    pub(crate) model: Option<&'a str>,
    /// The ID of the request.
    pub(crate) request: Option<&'a str>,
    /// The status of the response; `None` if there is no response.
    pub(crate) status: Option<u16>,
    /// The status of the error, if the response is a stream that failed after it had begun.
    pub(crate) failed: Option<u16>,
    /// The caller disconnected before the end of the response.
    pub(crate) is_gone: bool,
    /// The number of items; `None` if the request has not been decoded.
    pub(crate) items: Option<usize>,
}
