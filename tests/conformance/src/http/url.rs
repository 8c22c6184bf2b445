//! The address of a server: `http://host:port`, with a path prefix if it is mounted under one.

use std::net::{SocketAddr, ToSocketAddrs};

/// The address of a server.
#[derive(Clone, Debug)]
pub(crate) struct Url {
    /// The host and port as given, for the `Host` header
    pub(crate) authority: String,
    pub(crate) prefix: String,
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Url {
    /// Parses a URL and resolves its host.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("http://").ok_or_else(|| format!("expected 'http://host:port', got '{text}'"))?;
        let (authority, prefix) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let port_is_given = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let with_port = if port_is_given { authority.to_string() } else { format!("{authority}:80") };
        let addresses: Vec<_> =
            with_port.to_socket_addrs().map_err(|error| format!("resolving the host of '{text}': {error}"))?.collect();
        if addresses.is_empty() {
            return Err(format!("the host of '{text}' has no address"));
        }
        Ok(Url { authority: authority.to_string(), prefix: prefix.trim_end_matches('/').to_string(), addresses })
    }
}
