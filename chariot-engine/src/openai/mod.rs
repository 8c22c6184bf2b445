//! OpenAI's API on the wire: requests as the inputs that they stand for, and outputs as OpenAI's responses, events and errors.
//! The server calls it; the runtime and the models see inputs and outputs as of any other request.
//!
//! | file | contents |
//! |---|---|
//! | `task` | [`Task`], what a model can be asked for |
//! | `members` | the members of a request body, and which of their values are served |
//! | `request` | [`Request`], a request as inputs and parameters |
//! | `generated` | the outputs of models that generate text |
//! | `logprobs` | the logarithmic probabilities of tokens, as each route writes them |
//! | `form` | [`CompletionForm`], what responses and events of generated text have in common |
//! | `completion` | responses with generated text |
//! | `events` | the same as server-sent events |
//! | `embeddings` | responses with vectors |
//! | `models` | the models of an engine |
//! | `error` | the form of errors |

mod completion;
mod embeddings;
mod error;
mod events;
mod form;
mod generated;
mod logprobs;
mod members;
mod models;
mod request;
mod task;

pub(crate) use embeddings::EmbeddingsForm;
pub(crate) use error::error_body;
pub(crate) use events::CompletionEvents;
pub(crate) use form::CompletionForm;
pub(crate) use models::{model, models};
pub(crate) use request::Request;
pub(crate) use task::Task;
