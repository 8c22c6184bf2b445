//! [`HalfClose`], what tells a client that has finished sending from one that is gone. The stream of a connection uses it.
//!
//! Both look alike: the system reports the end of what the client sends. A client that has only finished sending
//! (`shutdown(SHUT_WR)`) waits for its response, and the work for one that is gone must be cancelled. Sending a byte tells
//! them apart, because the system of a client that is gone answers it with a reset. That byte is the next one of the
//! response, sent ahead of time, so a client that waits sees nothing unusual:
//!
//! - before the response: the `H` of its status line, which is the first byte of every response of HTTP/1;
//! - between the chunks of a streamed response: a zero ahead of the size of the next chunk, which is a hexadecimal number
//!   and may begin with zeros.

use std::{
    future::Future,
    io,
    os::fd::AsFd,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

use super::connection::ConnectionState;

/// The byte before a response.
const STATUS_LINE: u8 = b'H';

/// The byte between two chunks.
const CHUNK_SIZE: u8 = b'0';

/// The direction from the client to the server.
#[derive(Default)]
pub(super) enum HalfClose {
    /// The client can send.
    #[default]
    Open,
    /// The client has finished sending.
    Closed {
        /// Completes once the client is known to be gone.
        gone: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
        /// The byte has been sent.
        is_probed: bool,
        /// The byte is the first one of the response, and hyper has not written that one yet.
        is_ahead: bool,
    },
}

impl HalfClose {
    /// Returns `true` if the first byte of the response has been sent already, for the writer of the response to skip it.
    pub(super) fn is_ahead(&self) -> bool {
        matches!(self, HalfClose::Closed { is_ahead: true, .. })
    }

    /// Records that the writer of the response has skipped its first byte.
    pub(super) fn skipped(&mut self) {
        if let HalfClose::Closed { is_ahead, .. } = self {
            *is_ahead = false;
        }
    }

    /// Watches the client of a request that has been received as a whole. Everything that hyper wrote must have been sent.
    ///
    /// # Errors
    /// Fails if the client is gone.
    pub(super) fn watch(
        &mut self,
        cx: &mut Context<'_>,
        state: &ConnectionState,
        stream: &mut TcpStream,
    ) -> io::Result<()> {
        if let HalfClose::Open = self {
            let mut byte = [0];
            match stream.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
                Poll::Ready(Ok(0)) => {}
                // Another request. Its client is not watched, because the end comes after what has not been read.
                Poll::Ready(Ok(_)) | Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(error),
            }
            // Without a file descriptor it is not watched.
            let Ok(gone) = gone(stream) else { return Ok(()) };
            *self = HalfClose::Closed { gone, is_probed: false, is_ahead: false };
        }
        match self.poll_gone(cx, state, stream) {
            Poll::Ready(Ok(())) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(()),
        }
    }

    fn poll_gone(
        &mut self,
        cx: &mut Context<'_>,
        state: &ConnectionState,
        stream: &mut TcpStream,
    ) -> Poll<io::Result<()>> {
        let HalfClose::Closed { gone, is_probed, is_ahead } = self else { return Poll::Pending };
        let probe = match (state.is_responding(), state.is_chunked()) {
            (false, _) => Some(STATUS_LINE),
            (true, true) => Some(CHUNK_SIZE),
            // The next byte of the response is not known.
            (true, false) => None,
        };
        if !*is_probed && let Some(probe) = probe {
            ready!(Pin::new(stream).poll_write(cx, &[probe]))?;
            *is_probed = true;
            *is_ahead = probe == STATUS_LINE;
            state.set_responding();
        }
        gone.as_mut().poll(cx).map(Ok)
    }
}

/// Returns a future that completes once the client has reset the connection.
///
/// The stream itself cannot tell: it is ready for reading since the client has finished sending, and stays so. A second
/// handle of the same connection has a readiness of its own.
fn gone(stream: &TcpStream) -> io::Result<Pin<Box<dyn Future<Output = ()> + Send + Sync>>> {
    let handle = TcpStream::from_std(stream.as_fd().try_clone_to_owned()?.into())?;
    Ok(Box::pin(async move {
        let _ = handle.ready(Interest::ERROR).await;
    }))
}
