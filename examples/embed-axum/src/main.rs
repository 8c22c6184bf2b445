//! An axum service with a route of its own and two engines, each mounted under a path and ready independently. The
//! engines start and stop with the service.

use std::collections::HashSet;

use axum::{Router, routing::get};
use chariot_engine::prelude::*;
use tokio::net::TcpListener;

/// Counts the words of a text.
struct Words;

impl Model for Words {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(_: &LoadContext) -> Result<Self> {
        Ok(Words)
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.as_str().split_whitespace().count())))
    }
}

/// Counts the words of a text that are in the file `words.txt`.
struct Listed(HashSet<String>);

impl Model for Listed {
    type Settings = ();
    type Input = Text;
    type Output = Json<usize>;

    async fn load(ctx: &LoadContext) -> Result<Self> {
        Ok(Listed(ctx.read_to_string("words.txt")?.split_whitespace().map(str::to_string).collect()))
    }

    async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<usize>>> {
        batch.try_map(|text| Ok(Json(text.as_str().split_whitespace().filter(|word| self.0.contains(*word)).count())))
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let model_dir = arguments.next().unwrap_or_else(|| "examples/embed-axum/model".into());

    // `nest_service` strips the prefix from the path, so the engines need no base URL.
    let words = Engine::builder().model::<Words>("words").base_url_routing(false).start()?;
    let listed = Engine::builder()
        .model::<Listed>("listed")
        .setting("CHARIOT_ENGINE_MODEL_DIR", model_dir)
        .base_url_routing(false)
        .start()?;
    // No need to await `ready()`: each engine responds with 503 until its model is loaded.
    let app = Router::new()
        .route("/", get(async || "hello from the service\n"))
        .nest_service("/words", words.service())
        .nest_service("/listed", listed.service());

    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(stopped([words.clone(), listed.clone()])).await?;
    tokio::join!(words.shutdown(), listed.shutdown());
    println!("stopped");
    Ok(())
}

/// Completes on SIGTERM or SIGINT, after it has made the engines not ready.
async fn stopped(engines: [Engine; 2]) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    engines.iter().for_each(Engine::drain);
}
