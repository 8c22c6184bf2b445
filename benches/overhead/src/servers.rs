//! The two servers.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use chariot_engine::Engine;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::net::TcpListener;

use crate::{Case, Failure};

/// The address with a port chosen by the kernel.
const ANY_PORT: (&str, u16) = ("127.0.0.1", 0);

/// Starts an engine on a free port and waits until its model is loaded.
pub(crate) async fn engine(case: &Case) -> Result<(SocketAddr, Engine), Failure> {
    let engine = (case.builder)().start()?;
    engine.ready().await?;
    let listener = TcpListener::bind(ANY_PORT).await?;
    let address = listener.local_addr()?;
    let served = engine.clone();
    tokio::spawn(async move { served.serve(listener, std::future::pending()).await });
    Ok((address, engine))
}

/// Starts a server of hyper alone, with the connection settings of the engine. It collects the body without parsing it
/// and sends the same response to every request.
pub(crate) async fn bare(answer: Bytes, header_timeout: Duration) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(ANY_PORT).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout);
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let answer = answer.clone();
            let service = service_fn(move |request| reply(request, answer.clone()));
            // A failed connection is reported by the client.
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service).into_owned());
        }
    });
    Ok(address)
}

async fn reply(request: Request<Incoming>, answer: Bytes) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    std::hint::black_box(body);
    let mut response = Response::new(Full::new(answer));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
