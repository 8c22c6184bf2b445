//! A service of bare hyper with an accept loop of its own, its own route, and an engine under a base URL. It ends in
//! order: the engine drains, the port closes, requests in flight are answered, the engine stops.
//!
//! [`Engine::serve`] is all of this where the engine has the port for itself.

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

/// Counts the words of texts.
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
    // Nothing takes a prefix off here, so the engine looks for its base URL itself.
    let base_url = "/models/words";
    let engine = Engine::builder().model::<Words>("words").setting("CHARIOT_ENGINE_BASE_URL", base_url).start()?;
    let inner = engine.service();
    let service = service_fn(move |request: Request<Incoming>| {
        let inner = inner.clone();
        async move {
            if request.uri().path() == "/" {
                return Ok::<_, Infallible>(Response::new(Either::Left(Full::<Bytes>::from("a service of its own\n"))));
            }
            inner.call(request).await.map(|answer| answer.map(Either::Right))
        }
    });

    let mut server = auto::Builder::new(TokioExecutor::new());
    // Without a timer hyper watches no time at all.
    server.http1().timer(TokioTimer::new()).header_read_timeout(engine.settings().header_timeout);
    let listener = TcpListener::bind(std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8080")).await?;
    println!("listening on {}", listener.local_addr()?);
    let connections = GracefulShutdown::new();
    let mut stopped = Box::pin(stopped(engine.clone())?);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // A client that has gone already, or no descriptor left: the next may come.
                Err(_) => { sleep(Duration::from_millis(50)).await; continue }
            },
            () = &mut stopped => break,
        };
        let connection = server.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
        let connection = connections.watch(connection);
        // An error here is a client that went away.
        tokio::spawn(async { drop(connection.await) });
    }
    drop(listener);
    // Connections first: what has arrived on one that is open is still served. One grace is for both.
    let end = async {
        connections.shutdown().await;
        engine.shutdown().await
    };
    let all_answered = timeout(engine.settings().grace, end).await.is_ok_and(|given_up| given_up == 0);
    println!("stopped");
    if all_answered { Ok(()) } else { Err("not all requests were answered in time".into()) }
}

/// Ends some time after the process is told to stop. The engine says at once that it is not ready and serves on, so that
/// a load balancer can notice before the port closes.
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
