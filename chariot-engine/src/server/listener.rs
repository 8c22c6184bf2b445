//! Accepting connections, up to their number. Used by engines that listen on a port of their own.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, MissedTickBehavior},
};

use super::{
    connections::Connections,
    delivery::WritePace,
    requests::ConnectionService,
    serve::{Protocols, serve},
    service::EngineService,
    wire::Wire,
};
use crate::inflight::PaceLimit;

/// The pause after a failure to accept a connection, usually for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time after which another connection is closed for one that still waits, because the first has received a request in
/// the meantime; and the time after which an idle one is looked for again if there was none.
const CLOSE_ANOTHER: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The options for connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenerOptions {
    /// The largest head of a request in bytes.
    pub(crate) max_head: u64,
    /// The time limit for the head of a request, from its first byte.
    pub(crate) header_timeout: Duration,
    /// The time after which a connection without a request is closed. A new connection is one: proxies open some ahead of
    /// their first request, and a connection that is closed under a request is an error of the proxy's.
    pub(crate) idle_timeout: Duration,
    /// The time that a client has to read its response, and the rate at which it may take longer.
    pub(crate) write_pace: PaceLimit,
    /// The number of concurrent connections.
    pub(crate) max_connections: usize,
}

/// Accepts HTTP/1.1 and cleartext HTTP/2 connections until `stop` completes; then accepts those that the system has already
/// established, and closes the port.
pub(crate) async fn accept(
    listener: TcpListener,
    service: EngineService,
    options: ListenerOptions,
    stop: impl Future<Output = ()>,
) -> Connections {
    let pace = Arc::new(WritePace { limit: options.write_pace, engine: service.clone() });
    let mut accepting = Accepting {
        connections: Connections::new(options.header_timeout, options.idle_timeout),
        protocols: Protocols::new(options.max_head, pace.clone()),
        service,
        pace,
    };
    let permits = Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS)));
    let mut ticks = tokio::time::interval(accepting.connections.tick_length());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(stop);
    // A connection that is not served yet, and when another one is closed for it.
    let mut waiting: Option<(TcpStream, Instant)> = None;
    loop {
        if let Some((stream, mut close_at)) = waiting.take() {
            match permits.clone().try_acquire_owned() {
                Ok(permit) => accepting.serve(stream, Some(permit)),
                Err(_) => {
                    let now = Instant::now();
                    if now >= close_at {
                        let is_closed = accepting.connections.close_longest_idle();
                        close_at = now + if is_closed { CLOSE_ANOTHER } else { LOOK_AGAIN };
                    }
                    waiting = Some((stream, close_at));
                }
            }
        }
        let close_at = waiting.as_ref().map(|(_, at)| *at);
        tokio::select! {
            biased;
            () = &mut stop => break,
            _ = ticks.tick() => accepting.connections.tick(),
            accepted = listener.accept(), if waiting.is_none() => match accepted {
                Ok((stream, _)) => waiting = Some((stream, Instant::now())),
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    tracing::warn!("failed to accept a connection: {error}");
                    accepting.connections.close_longest_idle();
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = room(&permits, close_at), if waiting.is_some() => {}
        }
    }
    // Closing the port resets connections that the system has established and nobody has accepted. This asks the system
    // itself: tokio learns of a connection only when its driver runs, and yields after several in a row.
    if let Some((stream, _)) = waiting {
        accepting.serve(stream, None);
    }
    if let Ok(listener) = listener.into_std() {
        while let Ok((stream, _)) = listener.accept() {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                accepting.serve(stream, None);
            }
        }
    }
    accepting.connections
}

/// The means to serve another connection.
struct Accepting {
    connections: Connections,
    protocols: Protocols,
    service: EngineService,
    pace: Arc<WritePace>,
}

impl Accepting {
    fn serve(&mut self, stream: TcpStream, permit: Option<OwnedSemaphorePermit>) {
        // Responses are written whole, so waiting for more data (Nagle's algorithm) would only delay them.
        let _ = stream.set_nodelay(true);
        let (state, guard) = self.connections.add();
        let (protocols, limits) = (self.protocols.clone(), self.protocols.limits);
        let wire = Wire::new(stream, state.clone(), limits, self.pace.clone());
        let service = ConnectionService { engine: self.service.clone(), state, limits };
        tokio::spawn(async move {
            serve(wire, service, protocols).await;
            drop((guard, permit));
        });
    }
}

/// Waits until a connection has closed, or until it is time to close another.
async fn room(permits: &Semaphore, close_at: Option<Instant>) {
    if let Some(close_at) = close_at {
        let _ = tokio::time::timeout_at(close_at, permits.acquire()).await;
    }
}

/// Returns `true` if an error concerns one connection and not the listener.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
