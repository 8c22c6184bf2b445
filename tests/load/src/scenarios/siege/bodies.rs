//! Attacks by clients that send little or nothing of their bodies.

use std::{path::Path, time::Duration};

use super::{
    super::{Failure, Outcome, Scale},
    ground::{Ground, TEXTS, head},
    honest::Asks,
    stage::{Plan, run},
};
use crate::http2::Http2;

pub(super) fn http1(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    run(exe, scale, Plan::beside(Asks::Text), slow_bodies)
}

/// Sends a byte a second of each body, on more connections than there are places.
pub(super) fn slow_bodies(ground: Ground) -> impl Future<Output = ()> + Send + 'static {
    let client = move |ground: Ground, _| async move {
        let mut stream = ground.connect().await?;
        ground.send(&mut stream, &head(TEXTS, 1000, &[])).await?;
        loop {
            ground.send(&mut stream, b" ").await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    ground.crowd(150, client)
}

pub(super) fn http2(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    run(exe, scale, Plan::beside(Asks::Text), |ground| missing_bodies(ground, 1))
}

pub(super) fn http2_many(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    run(exe, scale, Plan::beside(Asks::Text), |ground| missing_bodies(ground, scale.count(1000, 400)))
}

/// Begins as many POSTs as each connection allows and sends none of their bodies.
pub(super) fn missing_bodies(ground: Ground, connections: usize) -> impl Future<Output = ()> + Send + 'static {
    let client = move |ground: Ground, _| async move {
        let mut connection = Http2::open(ground.address, 1 << 16).await?;
        for _ in 0..200 {
            connection.post(TEXTS, &[("content-length", "1000")]).await?;
            ground.count(64);
        }
        connection.stay().await
    };
    ground.crowd(connections, client)
}
