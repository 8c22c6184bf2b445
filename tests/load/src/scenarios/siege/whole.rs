//! All attacks of callers at once against one engine, beside an honest client.

use std::{path::Path, pin::Pin};

use tokio::task::JoinSet;

use super::{
    super::{Failure, Outcome, Scale},
    bodies::{missing_bodies, slow_bodies},
    connections::{cancelled_streams, idle_connections, unfinished_heads},
    ground::Ground,
    items::{empty_strings, large_parameter, many_items},
    pictures::{large_pictures, slow_pictures},
    readers::{closed_windows, slow_streams, unread_pages, unread_responses},
    stage::{self, Plan, timeout},
};

/// The limit of connections of the engine.
const CONNECTIONS: usize = 4000;

pub(super) fn run(exe: &Path, scale: Scale) -> Result<Outcome, Failure> {
    // A request that there is no memory for is a line in the log, of which there are at most a hundred a second.
    let plan = Plan { seconds: 600, most_lines: 60_000, least_served: 0.5, ..Plan::on_all() }
        .set("CHARIOT_ENGINE_MAX_CONNECTIONS", CONNECTIONS)
        .set("CHARIOT_ENGINE_MAX_BATCH", 16)
        .set("CHARIOT_ENGINE_STREAM_TIMEOUT", format!("{}s", 3 * timeout(scale).as_secs()));
    stage::run(exe, scale, plan, all)
}

fn all(ground: Ground) -> impl Future<Output = ()> {
    type Attack = Pin<Box<dyn Future<Output = ()> + Send>>;
    let attacks: Vec<Attack> = vec![
        Box::pin(large_parameter(ground.clone())),
        Box::pin(empty_strings(ground.clone())),
        Box::pin(many_items(ground.clone())),
        Box::pin(closed_windows(ground.clone())),
        Box::pin(unread_pages(ground.clone())),
        Box::pin(unread_responses(ground.clone())),
        Box::pin(slow_streams(ground.clone())),
        Box::pin(slow_bodies(ground.clone())),
        Box::pin(missing_bodies(ground.clone(), 100)),
        Box::pin(slow_pictures(ground.clone())),
        Box::pin(large_pictures(ground.clone())),
        Box::pin(idle_connections(ground.clone(), CONNECTIONS / 4)),
        Box::pin(unfinished_heads(ground.clone())),
        Box::pin(cancelled_streams(ground)),
    ];
    async {
        let mut running = JoinSet::new();
        attacks.into_iter().for_each(|attack| drop(running.spawn(attack)));
        while running.join_next().await.is_some() {}
    }
}
