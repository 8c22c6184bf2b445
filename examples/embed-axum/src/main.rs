//! An axum service with an engine mounted under `/model`, beside its own routes, started and stopped with it.

use axum::{Router, routing::get};
use chariot_engine::prelude::*;
use tokio::net::TcpListener;

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
        batch.map(|text| Ok(Json(text.split_whitespace().count())))
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // `nest_service` takes the prefix off before the engine sees a path, so the engine needs no base URL.
    let engine = Engine::builder().model::<Words>("words").base_url_routing(false).start()?;
    engine.ready().await?;
    let app = Router::new().route("/", get(async || "a service of its own\n")).nest_service("/model", engine.service());

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(stopped(engine.clone())).await?;
    engine.shutdown().await;
    println!("stopped");
    Ok(())
}

/// Ends when the process is told to stop; from then on the engine says that it is not ready.
async fn stopped(engine: Engine) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    engine.drain();
}
