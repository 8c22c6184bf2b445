//! Many concurrent clients, and their observations.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::{Failure, client::Client};

/// The observations of many clients.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The latencies of responses with status 200.
    pub(crate) served: Vec<Duration>,
    /// The number of responses per status.
    pub(crate) statuses: BTreeMap<u16, usize>,
    /// The number of requests without a response, per error.
    pub(crate) lost: BTreeMap<String, usize>,
    pub(crate) took: Duration,
}

impl Seen {
    pub(crate) fn add(&mut self, result: Result<u16, Failure>, took: Duration) {
        match result {
            Ok(status) => {
                *self.statuses.entry(status).or_default() += 1;
                if status == 200 {
                    self.served.push(took);
                }
            }
            Err(error) => *self.lost.entry(error.to_string()).or_default() += 1,
        }
    }

    pub(crate) fn merge(&mut self, other: Seen) {
        self.served.extend(other.served);
        other.statuses.into_iter().for_each(|(status, count)| *self.statuses.entry(status).or_default() += count);
        other.lost.into_iter().for_each(|(error, count)| *self.lost.entry(error).or_default() += count);
    }

    pub(crate) fn status(&self, status: u16) -> usize {
        self.statuses.get(&status).copied().unwrap_or_default()
    }

    /// Returns the number of requests served per second.
    pub(crate) fn rate(&self) -> f64 {
        self.status(200) as f64 / self.took.as_secs_f64()
    }

    /// Returns the latency that this share of served requests does not exceed.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        percentile(&self.served, share)
    }

    pub(crate) fn all_lost(&self) -> usize {
        self.lost.values().sum()
    }
}

pub(crate) fn percentile(all: &[Duration], share: f64) -> Duration {
    let mut all = all.to_vec();
    all.sort_unstable();
    let at = ((all.len() as f64 * share).ceil() as usize).clamp(1, all.len().max(1)) - 1;
    all.get(at).copied().unwrap_or_default()
}

/// Runs clients that each send the next request as soon as they have a response or, with `pace`, at this interval at
/// the earliest. `body` makes their requests.
pub(crate) async fn traffic(
    address: SocketAddr,
    clients: usize,
    length: Duration,
    pace: Option<Duration>,
    body: impl Fn() -> Bytes + Send + Sync + 'static,
) -> Seen {
    let body = Arc::new(body);
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for index in 0..clients {
        let body = body.clone();
        tasks.spawn(async move {
            let mut client = Client::new(address);
            let mut seen = Seen::default();
            // Staggered starts.
            let mut next = tokio::time::Instant::now() + pace.unwrap_or_default() * index as u32 / clients as u32;
            while begin.elapsed() < length {
                if let Some(pace) = pace {
                    tokio::time::sleep_until(next).await;
                    next = (next + pace).max(tokio::time::Instant::now());
                }
                let sent = Instant::now();
                let result = client.infer(body()).await;
                seen.add(result, sent.elapsed());
            }
            seen
        });
    }
    let mut all = Seen::default();
    while let Some(seen) = tasks.join_next().await {
        all.merge(seen.unwrap_or_default());
    }
    all.took = begin.elapsed();
    all
}
