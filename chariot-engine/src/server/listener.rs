//! Accepting connections, and closing them without losing a request. The engine calls it when it has a port of its own.

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

use super::{EngineService, opening::Opening};

/// How long to wait when a connection cannot be accepted: the process has no file descriptor left, most often.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often a silent HTTP/2 connection is asked whether it is alive, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How connections are served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenerOptions {
    /// How long a request's head may take, the wait for it on an idle connection included.
    pub(crate) header_timeout: Duration,
    /// How long a client may take nothing of its answer.
    pub(crate) write_timeout: Duration,
    /// Connections at once.
    pub(crate) max_connections: usize,
}

/// How long a connection that has not asked anything when the port closes may take to do so.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// The connections that are open: each holds a receiver, which says when they are to end.
pub(crate) struct Connections(watch::Sender<bool>);

impl Connections {
    /// Tells every connection to end after the request that it serves, and waits at most this long for all of them.
    /// What is open then is cut with the process, or when its client ends it.
    pub(crate) async fn close(self, limit: Duration) {
        self.0.send_replace(true);
        if tokio::time::timeout(limit, self.0.closed()).await.is_err() {
            tracing::warn!("connections are still open after the grace");
        }
    }
}

/// Accepts connections, HTTP/1.1 and cleartext HTTP/2, until `stop` is ready; then takes those that have connected
/// already and closes the port.
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
        // Answers are written whole: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutWriter::new(Opening::new(stream, options.header_timeout));
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
            // hyper closes at once what has not asked anything yet, though its request may have arrived already.
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
                tracing::debug!("a connection ended: {error}");
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
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::warn!("a connection cannot be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    // What the kernel has accepted for us would be reset with the port. The system itself is asked: tokio hears of a
    // connection only when its driver has run, and pauses after some in a row.
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

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
