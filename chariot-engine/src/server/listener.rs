//! Accepting connections, and closing them without losing a request. Used by engines that listen on a port of their own.

use std::{future::Future, io, sync::Arc, time::Duration};

use hyper::service::{Service, service_fn};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
};
use tokio_io_timeout::TimeoutWriter;

use super::{preface_timeout::PrefaceTimeout, service::EngineService};

/// The pause after a failure to accept a connection, usually for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The interval of pings on an idle HTTP/2 connection, and the timeout of a ping.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// The options for connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenerOptions {
    /// The time limit for the headers of a request, which includes the wait for it on an idle connection.
    pub(crate) header_timeout: Duration,
    /// The time after which a client that receives nothing of its response is disconnected.
    pub(crate) write_timeout: Duration,
    /// The number of concurrent connections.
    pub(crate) max_connections: usize,
}

/// The time that a connection without a request has to send one after the port has closed.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// The open connections. Each holds a receiver of the signal to close.
pub(crate) struct Connections(watch::Sender<bool>);

impl Connections {
    /// Tells every connection to close after its current request, and waits up to `limit` for all of them. Connections that
    /// are still open then stay until their client closes them or the process exits.
    pub(crate) async fn close(self, limit: Duration) {
        self.0.send_replace(true);
        if tokio::time::timeout(limit, self.0.closed()).await.is_err() {
            tracing::warn!("connections still open after the grace period");
        }
    }
}

/// Accepts HTTP/1.1 and cleartext HTTP/2 connections until `stop` completes; then accepts those that the system has already
/// established, and closes the port.
pub(crate) async fn accept(
    listener: TcpListener,
    service: EngineService,
    options: ListenerOptions,
    stop: impl Future<Output = ()>,
) -> Connections {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(options.header_timeout);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_TIMEOUT);
    let connections = watch::Sender::new(false);
    let permits = Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS)));
    let serve = |stream: TcpStream, permit: Option<OwnedSemaphorePermit>| {
        // Responses are written whole, so waiting for more data (Nagle's algorithm) would only delay them.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutWriter::new(PrefaceTimeout::new(stream, options.header_timeout));
        stream.set_timeout(Some(options.write_timeout));
        let stream = Box::pin(stream);
        let asked = Arc::new(Notify::new());
        let service = service_fn({
            let (asked, service) = (asked.clone(), service.clone());
            move |request| {
                asked.notify_one();
                service.call(request)
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let mut closing = connections.subscribe();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            // hyper closes a connection without a request at once, although the request may have arrived already.
            let end = async {
                let _ = closing.wait_for(|closing| *closing).await;
                let _ = tokio::time::timeout(FIRST_REQUEST, asked.notified()).await;
            };
            let result = tokio::select! {
                biased;
                result = connection.as_mut() => result,
                () = end => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = result {
                tracing::debug!("connection failed: {error}");
            }
            drop((closing, permit));
        });
    };
    let next = async || {
        let permit = permits.clone().acquire_owned().await.ok();
        listener.accept().await.map(|(stream, _)| (stream, permit))
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = next() => match accepted {
                Ok((stream, permit)) => serve(stream, permit),
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    tracing::warn!("failed to accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    // Closing the port resets connections that the system has established and nobody has accepted. This asks the system
    // itself: tokio learns of a connection only when its driver runs, and yields after several in a row.
    if let Ok(listener) = listener.into_std() {
        while let Ok((stream, _)) = listener.accept() {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                serve(stream, None);
            }
        }
    }
    Connections(connections)
}

/// Returns `true` if an error concerns one connection and not the listener.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
