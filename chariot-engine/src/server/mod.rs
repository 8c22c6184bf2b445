//! HTTP on hyper. What the engine serves is one service; the listener is for engines that have a process of their own.
//!
//! | file | holds |
//! |---|---|
//! | `service` | [`EngineService`]: tower's and hyper's service over a model in service |
//! | `route` | which route a path and a method mean, under the base URL and beside it |
//! | `form` | what the headers of a request say of its body |
//! | `coding` | content codings: which one a body has, which one an answer gets |
//! | `repository` | the index of models, as Triton has it |
//! | `handle` | what is answered on each route |
//! | `infer` | inference: its refusals, its body, its answer |
//! | `respond` | responses: statuses, headers, the envelope of errors |
//! | `events` | answers that are streamed as server-sent events |
//! | `body` | reading a request's body within limits of size and time |
//! | `listener` | accepting connections, and closing them without losing a request |
//! | `opening` | the first bytes of a connection, which must come in time |

mod body;
mod coding;
mod events;
mod form;
mod handle;
mod infer;
mod listener;
mod opening;
mod repository;
mod respond;
mod route;
mod service;
mod timeout;

pub(crate) use handle::Served;
pub(crate) use listener::{Connections, ListenerOptions, accept};
pub use respond::{ResponseBody, error_response};
pub(crate) use route::{ModelRoute, Routes};
pub use service::{EngineService, ResponseFuture};
