//! [`open`] and [`serve`], the life of one connection, from its first byte to its end. The listener spawns it.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;

use super::{
    connection::{ConnectionState, Order},
    delivery::{StreamExecutor, WritePace},
    refused_head::HeadLimits,
    requests::ConnectionService,
    wire::{HttpVersion, Wire},
};

/// The interval of pings on an HTTP/2 connection, and the timeout of a ping. A client that reads slowly answers a ping once it
/// has read what the systems hold of its responses, which is megabytes.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(300);

/// The time that a connection without a request has to send one after the port has closed, and to end once it is told to
/// close; and the least time that the rest of a refused request is received after that.
const LAST_CALL: Duration = Duration::from_secs(1);

/// The number of header fields in HTTP/1. It is hyper's default: with any other number, hyper allocates and fills room for
/// all of them at each request, which costs more instructions than the rest of its work.
const FIELDS: usize = 100;

/// The multiple of the limit from which hyper refuses a head in HTTP/2. Our own service refuses smaller ones, with an error
/// envelope and without harm to the other requests of the connection.
const REFUSED_BY_HYPER: u64 = 4;

/// The largest buffer of hyper for what it reads from a connection in HTTP/1, and for what it writes before it waits for the
/// client. A connection keeps it until it ends, so it is no larger than a head by default.
const BUFFER: usize = 64 << 10;

/// The requests in flight of a connection of HTTP/2. A client is told of it before its first request; proxies open another
/// connection.
const STREAMS: u32 = 128;

/// The bytes of a response beyond the windows of the client that h2 asks for, in HTTP/2.
const SEND_BUFFER: usize = 64 << 10;

/// The options of hyper for each version of HTTP.
#[derive(Clone)]
pub(super) struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<StreamExecutor>,
    pub(super) limits: HeadLimits,
}

impl Protocols {
    /// Creates the protocols. A head has at most `max_head` bytes, and a response is sent at `pace`.
    pub(super) fn new(max_head: u64, pace: Arc<WritePace>) -> Self {
        let bytes = usize::try_from(max_head).unwrap_or(usize::MAX);
        let mut http1 = http1::Builder::new();
        http1
            .max_header_size(bytes)
            .max_buf_size(BUFFER.max(bytes))
            // Our stream tells a client that has finished sending from one that is gone.
            .half_close(true)
            // Our own clock limits the time, because hyper's includes the wait for the first byte.
            .header_read_timeout(None);
        let mut http2 = http2::Builder::new(StreamExecutor { pace });
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_concurrent_streams(STREAMS)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(u32::try_from(max_head * REFUSED_BY_HYPER).unwrap_or(u32::MAX));
        Protocols { http1, http2, limits: HeadLimits { bytes: max_head, fields: FIELDS } }
    }

    /// Returns the most memory that the decoded fields of a head take in HTTP/2. The shortest fields take the most: 2 bytes of
    /// memory for one that h2 counts, of which the client sends a thirtieth.
    pub(super) fn decoded_head(&self) -> u64 {
        self.limits.bytes.saturating_mul(2 * REFUSED_BY_HYPER)
    }

    fn connection(&self, version: HttpVersion, wire: Wire, service: ConnectionService) -> Connection {
        let io = TokioIo::new(wire);
        match version {
            HttpVersion::One => Connection::One(Box::pin(self.http1.serve_connection(io, service))),
            HttpVersion::Two => Connection::Two(Box::pin(self.http2.serve_connection(io, service))),
        }
    }
}

/// A connection of either version.
enum Connection {
    One(Pin<Box<http1::Connection<TokioIo<Wire>, ConnectionService>>>),
    Two(Pin<Box<http2::Connection<TokioIo<Wire>, ConnectionService, StreamExecutor>>>),
}

impl Connection {
    fn graceful_shutdown(&mut self) {
        match self {
            Connection::One(connection) => connection.as_mut().graceful_shutdown(),
            Connection::Two(connection) => connection.as_mut().graceful_shutdown(),
        }
    }
}

impl Future for Connection {
    type Output = hyper::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        match &mut *self {
            Connection::One(connection) => connection.as_mut().poll(cx),
            Connection::Two(connection) => connection.as_mut().poll(cx),
        }
    }
}

/// Finds the version of HTTP of a connection. `None` if the connection ends before, or is told to close.
pub(super) async fn open(wire: &mut Wire, state: &ConnectionState) -> Option<HttpVersion> {
    match obeyed(state, wire.version()).await {
        Ok(version) => version.ok()?,
        Err(Order::Drain) => timeout(LAST_CALL, wire.version()).await.ok()?.ok()?,
        Err(_) => None,
    }
}

/// Serves a connection until it ends, or until it is told to close and no request is in flight.
pub(super) async fn serve(wire: Wire, version: HttpVersion, service: ConnectionService, protocols: Protocols) {
    let state = service.state.clone();
    let mut connection = protocols.connection(version, wire, service);
    let order = loop {
        match obeyed(&state, &mut connection).await {
            Ok(result) => return log(result),
            Err(Order::Close | Order::MakeRoom) if !state.is_idle() => state.withdraw_close(),
            Err(order) => break order,
        }
    };
    // Only HTTP/2 can tell its client.
    let is_silent = matches!(connection, Connection::One(_));
    if order == Order::Cut || (order != Order::Drain && is_silent) {
        return;
    }
    // hyper closes a connection without a request at once, although the request may have arrived already.
    if order == Order::Drain && !state.has_served() {
        match timeout(LAST_CALL, until_request(&state, &mut connection)).await {
            Ok(Some(result)) => return log(result),
            Ok(None) => {}
            Err(_) if is_silent => return,
            Err(_) => {}
        }
    }
    connection.graceful_shutdown();
    // A connection that makes room tells its client, and does not wait for an answer.
    let mut limit = if order == Order::MakeRoom { Duration::ZERO } else { LAST_CALL };
    let mut was_discarding = false;
    loop {
        match timeout(limit, &mut connection).await {
            Ok(result) => return log(result),
            // Half a head, or a client of HTTP/2 that does not answer.
            Err(_) if state.is_idle() || state.is_cut() => return,
            Err(_) if was_discarding && state.is_discarding() => return,
            Err(_) => (limit, was_discarding) = (LAST_CALL, state.is_discarding()),
        }
    }
}

fn log(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!("connection failed: {error}");
    }
}

/// Runs a future until it completes or the connection gets an order.
async fn obeyed<F: Future>(state: &ConnectionState, future: F) -> Result<F::Output, Order> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        match state.poll_order(cx) {
            Order::Serve => Poll::Pending,
            order => Poll::Ready(Err(order)),
        }
    })
    .await
}

/// Serves a connection until it has received a request. Returns the result of one that ends before.
async fn until_request(state: &ConnectionState, connection: &mut Connection) -> Option<hyper::Result<()>> {
    std::future::poll_fn(|cx| match Pin::new(&mut *connection).poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending if state.has_served() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}
