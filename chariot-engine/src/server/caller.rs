//! [`Caller`], the origin of a request, which the connection passes to the handler.

use std::net::SocketAddr;

use crate::inflight::Source;

/// The origin of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caller {
    /// The connection, with which the request takes turns.
    pub(super) source: Source,
    /// The other end of the connection; `None` for a request to an embedded service.
    pub(super) peer: Option<SocketAddr>,
}
