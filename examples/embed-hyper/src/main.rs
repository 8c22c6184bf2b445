//! A hyper service with its own accept loop, a route of its own, and an engine under a base URL. It shuts down in
//! order: the engine drains, the port closes, requests in flight complete, the engine stops.
//!
//! If the engine has the port for itself, [`Engine::serve`] does all of this.

use std::{convert::Infallible, io, time::Duration};

use bytes::Bytes;
use chariot_engine::prelude::*;
use http::{Request, Response};
use http_body_util::{Either, Full};
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};

/// Counts the words of a text.
struct Words;

impl Model for Words {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Words)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.as_str().split_whitespace().count())))
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // Nothing strips a prefix from the path, so the engine needs its base URL.
    let base_url = "/models/words";
    let engine = Engine::builder().model::<Words>("words").setting("CHARIOT_ENGINE_BASE_URL", base_url).start()?;
    let inner = engine.service();
    let service = service_fn(move |request: Request<Incoming>| {
        let inner = inner.clone();
        async move {
            if request.uri().path() == "/" {
                return Ok::<_, Infallible>(Response::new(Either::Left(Full::<Bytes>::from(
                    "hello from the service\n",
                ))));
            }
            inner.call(request).await.map(|answer| answer.map(Either::Right))
        }
    });

    let mut server = auto::Builder::new(TokioExecutor::new());
    // Without a timer, hyper enforces no timeouts. This one includes the wait for a request on an idle connection.
    server.http1().timer(TokioTimer::new()).header_read_timeout(engine.settings().idle_timeout);
    let listener = TcpListener::bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8080")).await?;
    println!("listening on {}", listener.local_addr()?);
    let connections = GracefulShutdown::new();
    let mut stopped = Box::pin(stopped(engine.clone())?);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // The client has already disconnected, or no file descriptor is left: retry after a pause.
                Err(_) => { sleep(Duration::from_millis(50)).await; continue }
            },
            () = &mut stopped => break,
        };
        let connection = server.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
        let connection = connections.watch(connection);
        // An error means that the client has disconnected.
        tokio::spawn(async { drop(connection.await) });
    }
    drop(listener);
    // Connections first: requests that have arrived on open connections are still served. Both share one grace period.
    let shutdown = async {
        connections.shutdown().await;
        engine.shutdown().await
    };
    let complete = timeout(engine.settings().grace, shutdown).await.is_ok_and(|abandoned| abandoned == 0);
    println!("stopped");
    if complete { Ok(()) } else { Err("some requests were not completed within the grace period".into()) }
}

/// Completes after SIGTERM or SIGINT and the drain delay. During the delay, the engine is not ready but keeps serving,
/// so that load balancers can notice before the port closes.
fn stopped(engine: Engine) -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        engine.drain();
        sleep(engine.settings().drain_delay).await;
    })
}
