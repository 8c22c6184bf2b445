//! An open loop: requests have times of a schedule, and their latency counts from then, so that a server that stalls does
//! not delay what is measured of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::Semaphore, task::JoinSet};

use super::{Exchange, timer::Timer};
use crate::{Failure, client::Connection};

/// Sends `requests` requests, one every `interval`, each over the next free connection. Returns the time from each
/// request's place in the schedule to the end of its answer.
pub(crate) async fn open(
    connections: Vec<Connection>,
    exchange: &Exchange,
    requests: usize,
    interval: Duration,
) -> Result<Vec<Duration>, Failure> {
    let mut timer = Timer::new()?;
    let due = Arc::new(Semaphore::new(0));
    let next = Arc::new(AtomicUsize::new(0));
    let time_of = move |begin: Instant, index: usize| begin + interval.mul_f64(index as f64);
    let mut tasks = JoinSet::new();
    let count = connections.len();
    // Connections need a moment to wait for the first request.
    let begin = Instant::now() + Duration::from_millis(1);
    for mut connection in connections {
        let (due, next) = (due.clone(), next.clone());
        let Exchange { request, answer, haste } = exchange.clone();
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                due.acquire().await?.forget();
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= requests {
                    return Ok::<_, Failure>(latencies);
                }
                connection.expect(&request, &answer, haste).await?;
                latencies.push(time_of(begin, index).elapsed());
            }
        });
    }
    let mut released = 0;
    while released < requests {
        timer.sleep_until(time_of(begin, released)).await?;
        let now = Instant::now();
        let mut late = 0;
        while released < requests && time_of(begin, released) <= now {
            (released, late) = (released + 1, late + 1);
        }
        due.add_permits(late);
    }
    // One more for each connection, which tells it that the schedule has ended.
    due.add_permits(count);
    let mut latencies = Vec::with_capacity(requests);
    while let Some(ended) = tasks.join_next().await {
        latencies.extend(ended??);
    }
    Ok(latencies)
}
