//! OpenAI's routes, which call the model within the process.

use std::convert::Infallible;

use axum::{
    Json as Body, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response, Sse, sse::Event},
    routing::post,
};
use chariot_engine::{Error, ErrorKind, InferEvent, InferStream, ServedModel, prelude::*};
use futures_util::{Stream, StreamExt, future, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::generator::{Generator, Prompt};

#[derive(Deserialize)]
struct Chat {
    messages: Vec<Message>,
    max_completion_tokens: Option<usize>,
    max_tokens: Option<usize>,
    #[serde(default)]
    stream: bool,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

/// Returns the routes of a model.
pub(crate) fn routes(model: ServedModel) -> Router {
    Router::new().route("/v1/chat/completions", post(chat)).with_state(model)
}

async fn chat(State(model): State<ServedModel>, body: String) -> Response {
    // Whatever the content type says, as `curl -d` sends another one.
    let chat: Chat = match serde_json::from_str(&body) {
        Ok(chat) => chat,
        Err(error) => return failed(&Error::rejected(error)),
    };
    let prompt = chat.messages.iter().map(|message| &*message.content).collect::<Vec<_>>().join(" ");
    let prompt = Prompt { prompt, max_tokens: chat.max_completion_tokens.or(chat.max_tokens) };
    let call = model.infer::<Generator>(Json(prompt));
    if chat.stream {
        return streamed(model.name().to_owned(), call.stream()).await;
    }
    match call.await {
        Ok(GeneratedText { text, finish_reason, usage }) => {
            let message = json!({"role": "assistant", "content": text});
            let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason});
            let usage = usage.map(|usage| {
                let Usage { prompt_tokens, completion_tokens } = usage;
                json!({"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": usage.total_tokens()})
            });
            let completion = json!({
                "id": "chatcmpl-0", "object": "chat.completion", "created": 0, "model": model.name(),
                "choices": [choice], "usage": usage,
            });
            Body(completion).into_response()
        }
        Err(error) => failed(&error),
    }
}

/// Responds with events, unless the call fails before its first one.
async fn streamed(model: String, mut events: InferStream<Generator>) -> Response {
    match events.next().await {
        Some(Err(error)) => failed(&error),
        first => Sse::new(chunks(model, stream::iter(first).chain(events))).into_response(),
    }
}

fn chunks(
    model: String,
    events: impl Stream<Item = Result<InferEvent<GeneratedText>>>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let chunk = move |delta: Value, finish_reason: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish_reason});
        json!({"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice]})
    };
    let events = events.map(move |event| match event {
        Ok(InferEvent::Part(part)) => {
            chunk(json!({"content": part.parse::<String>().unwrap_or_default()}), Value::Null)
        }
        Ok(InferEvent::Output(output)) => chunk(json!({}), json!(output.finish_reason)),
        Err(error) => described(&error),
    });
    let events = events.map(|event| Event::default().data(event.to_string()));
    events.chain(stream::once(future::ready(Event::default().data("[DONE]")))).map(Ok)
}

fn described(error: &Error) -> Value {
    let message = error.public_message().unwrap_or_else(|| "the model failed".into());
    json!({"error": {"message": message, "type": if error.kind() == ErrorKind::Rejected { "invalid_request_error" } else { "server_error" }}})
}

fn failed(error: &Error) -> Response {
    let status = match error.kind() {
        ErrorKind::Rejected => StatusCode::BAD_REQUEST,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Body(described(error))).into_response()
}
