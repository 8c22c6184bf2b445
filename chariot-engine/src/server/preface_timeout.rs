//! [`PrefaceTimeout`], a time limit for the first bytes of a connection. The listener wraps its streams in it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

/// The first bytes of an HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that fails if its HTTP version is not known within a time limit.
///
/// hyper reads until it knows the version and enforces its timeouts only from then on, so a silent connection would stay
/// open forever.
pub(super) struct PrefaceTimeout<S> {
    stream: S,
    /// `None` once the version is known.
    wait: Option<Wait>,
}

struct Wait {
    limit: Pin<Box<Sleep>>,
    /// The number of received bytes of the preface.
    received: usize,
}

impl<S> PrefaceTimeout<S> {
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        PrefaceTimeout { stream, wait: Some(Wait { limit: Box::pin(tokio::time::sleep(limit)), received: 0 }) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PrefaceTimeout<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let Some(wait) = &mut self.wait else {
            return read;
        };
        if read.is_pending() {
            ready!(wait.limit.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let (received, expected) = (&buffer.filled()[before..], &PREFACE[wait.received..]);
        if received.is_empty() || received.len() >= expected.len() || !expected.starts_with(received) {
            self.wait = None;
        } else {
            wait.received += received.len();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for PrefaceTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }
}
