//! A closed loop: each connection sends the next request as soon as it has an answer.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::Exchange;
use crate::{Failure, client::Connection};

/// The result of a closed loop.
pub(crate) struct Closed {
    pub(crate) requests: usize,
    /// The time from the first request to the last answer.
    pub(crate) took: Duration,
}

/// Keeps connections busy for some time; each sends at least one request.
pub(crate) async fn closed(
    connections: Vec<Connection>,
    exchange: &Exchange,
    time: Duration,
) -> Result<Closed, Failure> {
    let mut tasks = JoinSet::new();
    let begin = Instant::now();
    let end = begin + time;
    for mut connection in connections {
        let Exchange { request, answer, haste } = exchange.clone();
        tasks.spawn(async move {
            let mut requests = 0;
            while requests == 0 || Instant::now() < end {
                connection.expect(&request, &answer, haste).await?;
                requests += 1;
            }
            Ok::<usize, Failure>(requests)
        });
    }
    let mut requests = 0;
    while let Some(ended) = tasks.join_next().await {
        requests += ended??;
    }
    Ok(Closed { requests, took: begin.elapsed() })
}
