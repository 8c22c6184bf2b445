//! An engine behind a custom tower layer that checks a bearer token. A route without a token reports whether the engine
//! is ready.

mod bearer;

use axum::{Router, routing::get};
use bearer::BearerToken;
use chariot_engine::{State, prelude::*};
use http::StatusCode;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tower::Layer;

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

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    // The service reads its environment; the engine does not.
    let token = std::env::var("SERVICE_TOKEN").unwrap_or_default();
    if token.is_empty() {
        return Err("SERVICE_TOKEN: expected the token that clients must send, got nothing".into());
    }
    let engine = Engine::builder().model::<Words>("words").start()?;
    let health = engine.clone();
    let health = move || async move {
        match health.state() {
            State::Ready => (StatusCode::OK, "ready\n"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        }
    };
    let app =
        Router::new().route("/healthz", get(health)).fallback_service(BearerToken::new(token).layer(engine.service()));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let listener = TcpListener::bind(address).await?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    println!("listening on {}", listener.local_addr()?);
    let draining = engine.clone();
    let stopped = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        draining.drain();
    };
    axum::serve(listener, app).with_graceful_shutdown(stopped).await?;
    engine.shutdown().await;
    println!("stopped");
    Ok(())
}
