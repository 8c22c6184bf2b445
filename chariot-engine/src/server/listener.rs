//! Accepting connections, and closing them without losing a request. The engine calls it when it has a port of its own.

use std::{future::Future, io, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::net::{TcpListener, TcpStream};

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
}

/// The connections that are open.
pub(crate) struct Connections(GracefulShutdown);

impl Connections {
    /// Tells every connection to end after the request that it serves, and waits at most this long for all of them.
    /// What is open then is cut with the process, or when its client ends it.
    pub(crate) async fn close(self, limit: Duration) {
        if tokio::time::timeout(limit, self.0.shutdown()).await.is_err() {
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
    let connections = GracefulShutdown::new();
    let serve = |stream: TcpStream| {
        // Answers are written whole: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let stream = Opening::new(stream, options.header_timeout);
        let connection = builder.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection ended: {error}");
            }
        });
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => serve(stream),
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::warn!("a connection cannot be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    // What the kernel has accepted for us would be reset with the port.
    while let Some(Ok((stream, _))) = futures_util::FutureExt::now_or_never(listener.accept()) {
        serve(stream);
    }
    drop(listener);
    Connections(connections)
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
