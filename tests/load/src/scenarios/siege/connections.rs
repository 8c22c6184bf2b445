//! Attacks by connections: idle ones, unfinished heads, more than there are descriptors, cancelled streams.

use std::{path::Path, sync::Arc};

use tokio::io::AsyncReadExt;

use super::{
    super::{Failure, Outcome, Scale},
    bodies::missing_bodies,
    ground::{Ground, TEXTS},
    honest::Asks,
    stage::{Plan, Stage, run, timeout},
};
use crate::http2::Http2;

/// The memory that unfinished heads of all connections take together.
const ALL_HEADS: u64 = 64 << 20;

/// The bytes of a head that clients send and never complete, below and above the limit of a head.
const UNFINISHED: [usize; 2] = [60_000, 410_000];

pub(super) fn idle(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let limit = scale.count(1000, 64);
    run(exe, scale, Plan::beside(Asks::Text).set("CHARIOT_ENGINE_MAX_CONNECTIONS", limit), move |ground| {
        idle_connections(ground, limit)
    })
}

/// Opens connections of HTTP/2, and answers pings on them.
pub(super) fn idle_connections(ground: Ground, count: usize) -> impl Future<Output = ()> + Send + 'static {
    let client = |ground: Ground, _| async move {
        let mut connection = Http2::open(ground.address, 1 << 16).await?;
        ground.count(45);
        connection.stay().await
    };
    ground.crowd(count, client)
}

pub(super) fn busy(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let limit = scale.count(1000, 64);
    // Only health checks have places beyond the limit.
    let plan = Plan { least_served: 0.0, least_in_time: 0, ..Plan::beside(Asks::Text) }
        .set("CHARIOT_ENGINE_MAX_CONNECTIONS", limit)
        .set("CHARIOT_ENGINE_BODY_TIMEOUT", "60s");
    run(exe, scale, plan, move |ground| missing_bodies(ground, limit))
}

pub(super) fn heads(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let mut stage = Stage::start(exe, scale, Plan::beside(Asks::Text))?;
    let before = stage.engine.resident();
    let honest = stage.attack(unfinished_heads)?;
    stage.note(&honest);
    let is_released = stage.engine.is_released(before + ALL_HEADS, 4 * timeout(scale));
    stage.outcome.must(is_released, "the memory of closed connections comes back");
    stage.close()
}

/// Sends heads that never end, waits for a moment, and closes.
pub(super) fn unfinished_heads(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let begin = b"GET /ready HTTP/1.1\r\nHost: engine\r\nX-Long: ";
    let heads = UNFINISHED.map(|length| Arc::<[u8]>::from([&begin[..], &vec![b'x'; length]].concat()));
    let client = move |ground: Ground, index: usize| {
        let head = heads[index % heads.len()].clone();
        async move {
            let mut stream = ground.connect().await?;
            // The engine may stop reading before the end.
            let hold = ground.scale.length(4) / 2;
            let _ = tokio::time::timeout(hold, async {
                ground.send(&mut stream, &head).await?;
                stream.read(&mut [0; 1]).await
            })
            .await;
            tokio::time::sleep(hold).await;
            Ok(())
        }
    };
    ground.crowd(600, client)
}

pub(super) fn descriptors(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    let plan = Plan { descriptors: Some((64, 512)), ..Plan::beside(Asks::Text) };
    run(exe, scale, plan, |ground| open_connections(ground, 600))
}

/// Opens connections and sends nothing.
fn open_connections(ground: Ground, count: usize) -> impl Future<Output = ()> + Send + 'static {
    let client = |ground: Ground, _| async move { ground.connect().await?.read(&mut [0; 1]).await.map(drop) };
    ground.crowd(count, client)
}

pub(super) fn resets(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    run(exe, scale, Plan::beside(Asks::Text), cancelled_streams)
}

/// Begins requests over HTTP/2 and cancels each at once.
pub(super) fn cancelled_streams(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let client = |ground: Ground, _| async move {
        let mut connection = Http2::open(ground.address, 1 << 16).await?;
        loop {
            let stream = connection.post(TEXTS, &[("content-length", "1000")]).await?;
            connection.reset(stream).await?;
            ground.count(64);
        }
    };
    ground.crowd(8, client)
}
