//! Opening the port of an engine. `run` and the command `dev` call it; embedders open their own.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket, lookup_host};

/// The number of connections that the system establishes before they are accepted. More than it allows is no error.
const BACKLOG: u32 = 4096;

/// Listens on the first address of a host and port that can be opened.
///
/// # Errors
/// Fails if the host is unknown, or with the error of the last address.
pub(crate) async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut error = io::Error::new(io::ErrorKind::InvalidInput, "the host has no address");
    for address in lookup_host(address).await? {
        match open(address) {
            Ok(listener) => return Ok(listener),
            Err(reason) => error = reason,
        }
    }
    Err(error)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port whose last connections have just closed can be opened again; on Windows the option means another thing.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
