//! Accepting connections, up to their number. Used by engines that listen on a port of their own.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
    time::{Instant, MissedTickBehavior, sleep_until},
};

use super::{
    connection_memory::ConnectionMemory,
    connections::Connections,
    delivery::WritePace,
    received::Received,
    requests::ConnectionService,
    reserve::{Place, Reserve},
    serve::{Protocols, open, serve},
    service::EngineService,
    spare::SpareDescriptors,
    wire::Wire,
};
use crate::{
    inflight::PaceLimit,
    runtime::{CoreThread, CoreThreads},
};

/// The longest pause after a failure to accept a connection, usually for lack of file descriptors, unless a connection
/// closes; and the least time between two log lines about it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const LOG_PAUSE: Duration = Duration::from_secs(10);

/// The time after which another connection is closed for one that still waits, because the first has received a request in
/// the meantime; and the time after which an idle one is looked for again if there was none.
const CLOSE_ANOTHER: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The time after which connections are closed for memory again: it takes a search among all.
const MAKE_MEMORY_AGAIN: Duration = Duration::from_millis(10);

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
    core_threads: Option<Arc<CoreThreads>>,
    stop: impl Future<Output = ()>,
) -> Connections {
    let pace = Arc::new(WritePace { limit: options.write_pace, engine: service.clone() });
    let mut accepting = Accepting {
        connections: Connections::new(options.header_timeout, options.idle_timeout),
        protocols: Protocols::new(options.max_head, pace.clone()),
        service,
        core_threads,
        pace,
        places: Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS))),
        reserve: Reserve::default(),
        search_at: Instant::now(),
        closed: Arc::default(),
    };
    let mut shortage = Shortage::default();
    let mut ticks = tokio::time::interval(accepting.connections.tick_length());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(stop);
    let (closed, memory) = (accepting.closed.clone(), accepting.connections.memory().clone());
    let mut waiting: Option<Waiting> = None;
    let mut memory_at = Instant::now();
    loop {
        if let Some(connection) = waiting.take() {
            waiting = accepting.serve_or_wait(connection, shortage.take_spare());
        }
        let look_at = waiting.as_ref().map(|waiting| waiting.at).or(shortage.accept_at);
        tokio::select! {
            biased;
            () = &mut stop => break,
            _ = ticks.tick() => {
                accepting.connections.tick();
                shortage.spare.fill(&listener);
            }
            () = crowded(&memory, memory_at) => {
                accepting.connections.make_memory();
                memory_at = Instant::now() + MAKE_MEMORY_AGAIN;
            }
            accepted = listener.accept(), if look_at.is_none() => match accepted {
                Ok((stream, _)) => waiting = Some(Waiting { stream, at: Instant::now(), is_beyond: false }),
                Err(error) if is_connection_error(&error) => {}
                Err(error) => shortage.begin(&error, &mut accepting),
            },
            () = changed(&closed, look_at), if look_at.is_some() => shortage.accept_at = None,
        }
    }
    // Closing the port resets connections that the system has established and nobody has accepted. This asks the system
    // itself: tokio learns of a connection only when its driver runs, and yields after several in a row.
    if let Some(Waiting { stream, .. }) = waiting {
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

/// Waits until connections have to be closed for memory, at this time at the earliest.
async fn crowded(memory: &ConnectionMemory, earliest: Instant) {
    sleep_until(earliest).await;
    memory.crowded().await;
}

/// A connection that has no place yet.
struct Waiting {
    stream: TcpStream,
    /// The time at which to make room.
    at: Instant,
    /// Waits for a place beyond the limit, because no connection within it is idle.
    is_beyond: bool,
}

/// The means to serve another connection.
struct Accepting {
    connections: Connections,
    protocols: Protocols,
    service: EngineService,
    /// The threads for connections that begin with an inference.
    core_threads: Option<Arc<CoreThreads>>,
    pace: Arc<WritePace>,
    /// The places within the limit.
    places: Arc<Semaphore>,
    reserve: Reserve,
    /// The time before which no idle connection is looked for, because there was none.
    search_at: Instant,
    /// Notified when a connection has closed.
    closed: Arc<Notify>,
}

impl Accepting {
    /// Serves a connection if there is a place for it. Otherwise makes room and returns it.
    fn serve_or_wait(&mut self, waiting: Waiting, has_spare: bool) -> Option<Waiting> {
        let Waiting { stream, at, is_beyond } = waiting;
        let now = Instant::now();
        if !has_spare {
            if let Some(place) = Place::within(&self.places) {
                self.serve(stream, Some(place));
                return None;
            }
            if now < at && !is_beyond {
                return Some(Waiting { stream, at, is_beyond });
            }
            if now >= at && self.close_longest_idle(now, true) {
                return Some(Waiting { stream, at: now + CLOSE_ANOTHER, is_beyond: false });
            }
        }
        if self.reserve.has_room() {
            self.serve(stream, Some(Place::beyond(&self.places)));
            return None;
        }
        if now < at {
            return Some(Waiting { stream, at, is_beyond });
        }
        self.reserve.make_room();
        Some(Waiting { stream, at: now + LOOK_AGAIN, is_beyond: true })
    }

    /// Closes the longest idle connection, a young one only if told. Returns `false` if there is none, and looks for one only
    /// now and then.
    fn close_longest_idle(&mut self, now: Instant, even_young: bool) -> bool {
        if now < self.search_at {
            return false;
        }
        match self.connections.longest_idle() {
            Some(idle) if even_young || !idle.is_young() => {
                idle.close();
                true
            }
            Some(_) => false,
            None => {
                self.search_at = now + LOOK_AGAIN;
                false
            }
        }
    }

    /// Serves a connection. One without a place is among the last, and has no limit.
    fn serve(&mut self, stream: TcpStream, place: Option<Place>) {
        // Responses are written whole, so waiting for more data (Nagle's algorithm) would only delay them.
        let _ = stream.set_nodelay(true);
        let peer = stream.peer_addr().ok();
        let (state, guard) = self.connections.add();
        if place.as_ref().is_some_and(Place::is_beyond) {
            self.reserve.add(&state);
        }
        let place = place.map(Arc::new);
        let (protocols, limits) = (self.protocols.clone(), self.protocols.limits);
        let received = Received::new(state.clone(), self.connections.memory().clone(), self.protocols.decoded_head());
        let mut wire = Wire::new(stream, state.clone(), received, limits, self.pace.clone());
        let service = ConnectionService {
            engine: self.service.clone(),
            state,
            peer,
            limits,
            memory: self.connections.memory().clone(),
            place: place.clone(),
        };
        let closed = self.closed.clone();
        let core_threads = self.core_threads.clone();
        tokio::spawn(async move {
            let version = open(&mut wire, &service.state).await;
            let core = core_threads.and_then(|threads| core_for(&wire, &service.engine, &threads));
            // On its way to another thread, a connection with a part of a head is not an idle one, which another may take the
            // place of.
            let moving = core.map(|_| service.state.hold());
            let wire = match core {
                Some(core) => {
                    let _entered = core.enter();
                    wire.moved()
                }
                None => Ok(wire),
            };
            let connection = async move {
                if moving.is_some() {
                    // By then the runtime has asked the system what has arrived.
                    tokio::task::yield_now().await;
                }
                drop(moving);
                if let (Some(version), Ok(wire)) = (version, wire) {
                    serve(wire, version, service, protocols).await;
                }
                drop((guard, place));
                closed.notify_one();
            };
            match core {
                Some(core) => core.spawn(connection),
                None => connection.await,
            }
        });
    }
}

/// Returns the core thread for a connection that begins with an inference, if calls are quick. Every other connection stays
/// in the shared runtime, where no call ever runs: those of health checks and of metrics, and of HTTP/2.
fn core_for(wire: &Wire, engine: &EngineService, threads: &CoreThreads) -> Option<&'static CoreThread> {
    if wire.begins_with_post() && engine.may_run_inline() { threads.least_used() } else { None }
}

/// A time in which the process has no file descriptor for another connection.
#[derive(Default)]
struct Shortage {
    spare: SpareDescriptors,
    /// The next connection has a spare descriptor.
    has_spare: bool,
    /// The time at which to accept again, also if no connection has closed.
    accept_at: Option<Instant>,
    logged_at: Option<Instant>,
}

impl Shortage {
    /// Makes room after a failure to accept a connection. If every connection has a request or is young, the next one gets a
    /// spare descriptor, and is one beyond the limit. The system fails before it looks whether there is a connection at all,
    /// so the failure often follows the connection that took the last descriptor: that one is young and stays.
    fn begin(&mut self, error: &io::Error, accepting: &mut Accepting) {
        if self.logged_at.is_none_or(|at| at.elapsed() >= LOG_PAUSE) {
            self.logged_at = Some(Instant::now());
            tracing::warn!("failed to accept a connection: {error}");
        }
        let now = Instant::now();
        if !accepting.close_longest_idle(now, false) {
            if accepting.reserve.has_room() && self.spare.release() {
                self.has_spare = true;
                return;
            }
            if !accepting.close_longest_idle(now, true) {
                accepting.reserve.make_room();
            }
        }
        self.accept_at = Some(Instant::now() + ACCEPT_PAUSE);
    }

    /// Returns `true` if the connection that has been accepted has a spare descriptor.
    fn take_spare(&mut self) -> bool {
        std::mem::take(&mut self.has_spare)
    }
}

/// Waits until a connection has closed, or until it is time to make room for another.
async fn changed(closed: &Notify, look_at: Option<Instant>) {
    if let Some(look_at) = look_at {
        let _ = tokio::time::timeout_at(look_at, closed.notified()).await;
    }
}

/// Returns `true` if an error concerns one connection and not the listener.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
