//! The OpenAPI document of an engine, generated from what the engine declares. The server generates it at startup.
//!
//! | file | contents |
//! |---|---|
//! | `document` | the whole document, of one model or of several |
//! | `models` | what a page must know of each model |
//! | `info` | the input of the document: the engine and its models |
//! | `paths` | the routes, with their requests and responses |
//! | `request` | the body of an inference request: its media types, schemas and headers |
//! | `response` | the responses of all routes, including errors |
//! | `openai` | the routes of OpenAI's API |
//! | `tensor` | the schema of a named tensor, as an input and as an output |
//! | `example` | an example request |
//! | `merge` | one document from the documents of several models |
//! | `token` | the token that requests need |
//! | `json` | building blocks of JSON |

mod document;
mod example;
mod info;
mod json;
mod merge;
mod models;
#[cfg(feature = "openai")]
mod openai;
mod paths;
mod request;
mod response;
mod tensor;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use document::document;
pub(crate) use example::check as check_example;
#[cfg(feature = "cli")]
pub(crate) use example::example;
pub(crate) use info::{EngineInfo, ModelInfo, Servers};
