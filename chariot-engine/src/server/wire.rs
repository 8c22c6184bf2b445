//! [`Wire`], the stream of a connection beneath hyper. It does what hyper leaves open: finds the version of HTTP, notes when
//! a head begins, answers a head that hyper cannot read, notices that a client is gone, and closes a connection without
//! cutting off a client that is still sending. The task of a connection creates it.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    connection::{ConnectionState, InFlight},
    delivery::WritePace,
    half_close::HalfClose,
    lingering::Lingering,
    pace::Transfer,
    received::{NoMemory, Received},
    refused_head::{HeadLimits, RefusedHead},
};

/// The first bytes of an HTTP/2 connection.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The bytes that hyper sends ahead of a response, to a client that waits before it sends the body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The end of a head that makes hyper refuse all of it.
const MALFORMED_END: &[u8] = b"\0\r\n\r\n";

/// The bytes that are discarded at once from a client that is still sending.
const DISCARDED: usize = 16 << 10;

/// The bytes of a response that the system holds before it sends them.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 16 << 10;

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpVersion {
    One,
    Two,
}

/// The stream of a connection.
pub(super) struct Wire {
    stream: TcpStream,
    pace: Arc<WritePace>,
    /// The bytes that hyper has written and the system has not taken, and the number of those that it has taken.
    transfer: Transfer,
    sent: u64,
    state: Arc<ConnectionState>,
    limits: HeadLimits,
    is_http1: bool,
    /// The bytes that were read to find the version.
    first: [u8; PREFACE.len()],
    /// The number of these bytes, and how many of them hyper has read.
    first_read: usize,
    first_taken: usize,
    received: Received,
    half_close: HalfClose,
    /// There was no memory for the head that hyper refuses.
    has_no_memory: bool,
    refused: Option<RefusedHead>,
    lingering: Option<(Lingering, InFlight)>,
}

impl Wire {
    /// Wraps a stream. A client that reads its responses more slowly than `pace` allows is disconnected.
    pub(super) fn new(
        stream: TcpStream,
        state: Arc<ConnectionState>,
        received: Received,
        limits: HeadLimits,
        pace: Arc<WritePace>,
    ) -> Self {
        limit_unsent(&stream);
        Wire {
            stream,
            pace,
            transfer: Transfer::default(),
            sent: 0,
            state,
            limits,
            is_http1: false,
            first: [0; PREFACE.len()],
            first_read: 0,
            first_taken: 0,
            received,
            half_close: HalfClose::default(),
            has_no_memory: false,
            refused: None,
            lingering: None,
        }
    }

    /// Reads until the version of HTTP is known. `None` is a connection that ends without a byte.
    ///
    /// # Errors
    /// Fails if the connection is lost.
    ///
    /// # Cancel safety
    /// Call it again after it was dropped.
    pub(super) async fn version(&mut self) -> io::Result<Option<HttpVersion>> {
        loop {
            let mut buffer = ReadBuf::new(&mut self.first[self.first_read..]);
            poll_fn(|cx| Pin::new(&mut self.stream).poll_read(cx, &mut buffer)).await?;
            let read = buffer.filled().len();
            self.first_read += read;
            let first = &self.first[..self.first_read];
            if first.is_empty() {
                return Ok(None);
            }
            if is_head(first) {
                self.state.begin_head();
            }
            if first == PREFACE {
                self.state.end_head();
                self.received.set_http2();
                return Ok(Some(HttpVersion::Two));
            }
            if read == 0 || !PREFACE.starts_with(first) {
                self.is_http1 = true;
                return Ok(Some(HttpVersion::One));
            }
        }
    }

    /// Returns `true` if the connection begins with a POST, after [`version`](Self::version).
    pub(super) fn begins_with_post(&self) -> bool {
        self.first[..self.first_read].starts_with(b"POST ")
    }

    /// Moves the stream to the runtime whose context this is.
    ///
    /// # Errors
    /// Fails if the system refuses.
    pub(super) fn moved(self) -> io::Result<Wire> {
        let stream = TcpStream::from_std(self.stream.into_std()?)?;
        Ok(Wire { stream, ..self })
    }

    /// Replaces hyper's response to a head that it cannot read.
    fn replace(&mut self, response: &[u8]) -> bool {
        if self.is_http1 && self.state.is_in_head() && self.refused.is_none() {
            self.refused = if self.has_no_memory {
                RefusedHead::for_no_memory(response)
            } else {
                RefusedHead::new(response, self.limits)
            };
            if self.refused.is_some() {
                self.state.set_unread();
                return true;
            }
        }
        false
    }

    /// Refuses the head that is being received, for which there is no memory: hyper gets the end of a malformed one, and the
    /// response to it is replaced.
    fn refuse(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        if !self.is_http1 || self.has_no_memory || buffer.remaining() < MALFORMED_END.len() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.has_no_memory = true;
        buffer.put_slice(MALFORMED_END);
        Ok(())
    }

    /// Writes the response that replaces hyper's.
    fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(refused) = &mut self.refused
            && !refused.rest().is_empty()
        {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, refused.rest()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => refused.sent(sent),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes to the stream, unless the client is too slow.
    fn poll_sent(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match write(Pin::new(&mut self.stream), cx) {
            Poll::Ready(Ok(sent)) => {
                self.sent += sent as u64;
                Poll::Ready(Ok(sent))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let pace = &self.pace;
                let over = self.transfer.poll_over(cx, pace.limit, self.sent, || pace.engine.refusals());
                over.map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Receives and discards what the client is still sending, for a while.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((lingering, _)) = &mut self.lingering else { return Poll::Ready(()) };
        loop {
            let mut discarded = [std::mem::MaybeUninit::uninit(); DISCARDED];
            let mut buffer = ReadBuf::uninit(&mut discarded);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => lingering.received(buffer.filled().len()),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return lingering.poll_over(cx),
            }
        }
    }
}

/// Limits the bytes of a response that the system holds and has not sent. It would take megabytes and, from a slow client,
/// then nothing for minutes, so the rate of the client could not be seen.
fn limit_unsent(stream: &TcpStream) {
    // Without the option, a slow client is cut off sooner.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream;
}

/// Returns `true` if bytes before a head have one in them. Some clients send an empty line after a body.
fn is_head(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first_taken < self.first_read {
            let first = &self.first[self.first_taken..self.first_read];
            let taken = first.len().min(buffer.remaining());
            buffer.put_slice(&first[..taken]);
            self.first_taken += taken;
            return Poll::Ready(Ok(()));
        }
        let limit = match self.received.limit(buffer.remaining()) {
            Ok(limit) => limit,
            Err(NoMemory) => return Poll::Ready(self.refuse(buffer)),
        };
        let before = buffer.filled().len();
        let this = &mut *self;
        ready!(Pin::new(&mut (&mut this.stream).take(limit as u64)).poll_read(cx, buffer))?;
        let read = &buffer.filled()[before..];
        if this.is_http1 && this.state.is_idle() && is_head(read) {
            this.state.begin_head();
        }
        this.received.add(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.replace(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let this = &mut *self;
        if this.half_close.is_ahead()
            && let [_, rest @ ..] = bytes
        {
            let sent =
                if rest.is_empty() { 0 } else { ready!(this.poll_sent(cx, |stream, cx| stream.poll_write(cx, rest)))? };
            this.half_close.skipped();
            return Poll::Ready(Ok(sent + 1));
        }
        let sent = ready!(this.poll_sent(cx, |stream, cx| stream.poll_write(cx, bytes)))?;
        if sent != CONTINUE.len() || bytes != CONTINUE {
            this.state.set_responding();
        }
        Poll::Ready(Ok(sent))
    }

    /// Also watches the client: hyper flushes whenever it has polled the service, and not before everything is written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_refused(cx))?;
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        this.transfer.end();
        let pace = &this.pace;
        if this.state.unsent().is_over(pace.limit, || pace.engine.refusals()) {
            // A response in HTTP/2 waits behind a closed window, and its stream cannot be reset.
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if this.is_http1 && this.state.is_awaiting_response() {
            this.half_close.watch(cx, &this.state, &mut this.stream)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(this.poll_refused(cx))?;
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if this.is_http1 && this.state.has_unread() {
                this.lingering = Lingering::start().map(|lingering| (lingering, this.state.hold()));
                this.state.set_receiving(true);
            }
        }
        this.poll_linger(cx).map(Ok)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if parts.len() == 1 || self.half_close.is_ahead() {
            let first = parts.iter().find(|part| !part.is_empty()).map_or(&[][..], |part| part);
            return self.poll_write(cx, first);
        }
        let sent = ready!(self.poll_sent(cx, |stream, cx| stream.poll_write_vectored(cx, parts)))?;
        self.state.set_responding();
        Poll::Ready(Ok(sent))
    }
}
