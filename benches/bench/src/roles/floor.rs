//! Bare hyper: one connection loop, no routes beyond a match, no limits, no metrics.

use std::{convert::Infallible, net::Ipv4Addr, process::ExitCode};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use super::{alike::Row, floor_work as work};

type Events = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;
type Body = Either<Full<Bytes>, Events>;

pub(super) fn serve(port: u16, http2: bool) -> ExitCode {
    let served = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(accept(port, http2)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench floor: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn accept(port: u16, http2: bool) -> std::io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, http2));
    }
}

/// Serves one connection. The client reports what breaks it.
async fn connection(stream: TcpStream, http2: bool) {
    let (stream, service) = (TokioIo::new(stream), service_fn(respond));
    if http2 {
        let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await;
    } else {
        let _ = http1::Builder::new().serve_connection(stream, service).await;
    }
}

async fn respond(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    if request.method() == Method::GET {
        return Ok(response("application/json", Bytes::from_static(br#"{"ready":true}"#)));
    }
    let path = request.uri().path().to_string();
    let body = request.into_body().collect().await?.to_bytes();
    let done = match path.as_str() {
        "/echo" => return Ok(response("application/octet-stream", body)),
        "/json/numbers" => work::tensors::<f32>(&body),
        "/json/texts" => work::tensors::<String>(&body),
        "/json/rows" => work::tensors::<Row>(&body),
        "/json/lines" => work::lines(&body),
        "/json/picture" => work::picture(&body),
        "/events" => return Ok(work::events(&body).map_or_else(|error| fault(&*error), streamed)),
        _ => Err(format!("expected a route, got {path}").into()),
    };
    Ok(match done {
        Ok(answer) => response("application/json", answer.into()),
        Err(error) => fault(&*error),
    })
}

fn response(media_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(body)));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media_type));
    response
}

fn streamed(parts: Vec<Bytes>) -> Response<Body> {
    let frames: Vec<_> = parts.into_iter().map(|part| Ok(Frame::data(part))).collect();
    let mut response = Response::new(Either::Right(StreamBody::new(stream::iter(frames))));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/event-stream"));
    response
}

fn fault(error: &(dyn std::error::Error + Send + Sync)) -> Response<Body> {
    let mut response = response("text/plain", error.to_string().into());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}
