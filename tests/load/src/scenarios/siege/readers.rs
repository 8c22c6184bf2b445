//! Attacks by clients that take little or nothing of their responses.

use std::{io, path::Path, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{io::AsyncReadExt, net::TcpStream};

use super::{
    super::{Failure, Outcome, Scale},
    ground::{Ground, TENSORS, TEXTS, gzip, post},
    honest::Asks,
    stage::{Plan, run, timeout},
};
use crate::http2::Http2;

/// The number of responses that are asked for on one connection of HTTP/2.
const STREAMS: usize = 25;

/// Returns a small body whose response is large, and the length of its head: numbers of two bytes that take twelve or more
/// characters each.
fn small_for_large(count: usize) -> (Vec<u8>, String) {
    let parameters = json!({"binary_data_size": 2 * count});
    let input = json!({"name": "x", "datatype": "FP16", "shape": [count], "parameters": parameters});
    let head = json!({ "inputs": [input] }).to_string();
    let numbers = [1, 0].repeat(count);
    (gzip(&[head.as_bytes(), &numbers].concat()), head.len().to_string())
}

pub(super) fn http2_window(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    run(exe, scale, Plan { least_served: 0.5, ..Plan::beside(Asks::Tensor) }, closed_windows)
}

/// Asks for large responses over HTTP/2, grants a window of 0 bytes, and answers pings.
pub(super) fn closed_windows(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let (body, head) = small_for_large(ground.scale.count(1 << 20, 200_000));
    let body: Arc<[u8]> = body.into();
    let client = move |ground: Ground, _| {
        let (body, head) = (body.clone(), head.clone());
        async move {
            let mut connection = Http2::open(ground.address, 0).await?;
            for _ in 0..STREAMS {
                let fields = [("inference-header-content-length", head.as_str()), ("content-encoding", "gzip")];
                let stream = connection.post(TENSORS, &fields).await?;
                connection.body(stream, &body).await?;
                ground.count(body.len());
            }
            connection.stay().await
        }
    };
    ground.crowd(8, client)
}

pub(super) fn pages(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    run(exe, scale, Plan::beside(Asks::Text), unread_pages)
}

/// Asks for pages of the engine itself over HTTP/2, on many connections, and grants a window of 0 bytes.
pub(super) fn unread_pages(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let count = ground.scale.count(1000, 200);
    let client = |ground: Ground, index: usize| async move {
        let mut connection = Http2::open(ground.address, 0).await?;
        for _ in 0..100 {
            connection.get(["/metrics", "/openapi.json"][index % 2]).await?;
            ground.count(32);
        }
        connection.stay().await
    };
    ground.crowd(count, client)
}

pub(super) fn http1(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    // A response that there is no memory for is a line in the log, of which there are at most a hundred a second.
    let plan = Plan { least_served: 0.5, most_lines: 3000, ..Plan::beside(Asks::Tensor) };
    run(exe, scale, plan, unread_responses)
}

/// Asks for large responses over HTTP/1, and reads a little of every other one.
pub(super) fn unread_responses(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let (body, head) = small_for_large(ground.scale.count(1 << 20, 600_000));
    let fields = [("Inference-Header-Content-Length", head.as_str()), ("Content-Encoding", "gzip")];
    let request = post(TENSORS, &fields, &body);
    let longest = 4 * timeout(ground.scale);
    let client = move |ground: Ground, index: usize| {
        let request = request.clone();
        async move {
            let mut stream = ground.connect_narrow().await?;
            ground.send(&mut stream, &request).await?;
            if index.is_multiple_of(2) {
                return read_slowly(&mut stream, 512, Duration::from_millis(250)).await;
            }
            tokio::time::sleep(longest).await;
            Ok(())
        }
    };
    ground.crowd(60, client)
}

pub(super) fn streams(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let plan = Plan { least_in_time: 1, short_seconds: 4, ..Plan::beside(Asks::Text) };
    let longest = format!("{}s", 3 * timeout(scale).as_secs());
    run(exe, scale, plan.set("CHARIOT_ENGINE_STREAM_TIMEOUT", longest), slow_streams)
}

/// Asks for endless streams, more than there are workers, and takes some bytes of each now and then.
pub(super) fn slow_streams(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let parameters = json!({"parts": 1_000_000, "length": 1000});
    let input = json!({"name": "a", "datatype": "BYTES", "shape": [1], "data": ["x"], "parameters": parameters});
    let body = json!({ "inputs": [input] }).to_string();
    let request = post(TEXTS, &[("Accept", "text/event-stream")], body.as_bytes());
    let pause = timeout(ground.scale) / 2;
    let client = move |ground: Ground, _| {
        let request = request.clone();
        async move {
            let mut stream = ground.connect_narrow().await?;
            ground.send(&mut stream, &request).await?;
            read_slowly(&mut stream, 64, pause).await
        }
    };
    ground.crowd(4, client)
}

/// Reads some bytes after each pause until the end.
async fn read_slowly(stream: &mut TcpStream, bytes: usize, pause: Duration) -> io::Result<()> {
    let mut piece = vec![0; bytes];
    while stream.read(&mut piece).await? > 0 {
        tokio::time::sleep(pause).await;
    }
    Ok(())
}
