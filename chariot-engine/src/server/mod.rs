//! HTTP on hyper: the engine as a service, and a listener for engines that run in their own process.
//!
//! | file | holds |
//! |---|---|
//! | `service` | [`EngineService`], the service of tower and hyper |
//! | `route` | the router: finds the route of a path, under the base URL and at the root |
//! | `handle` | the handler of every request |
//! | `infer` | the handler of inference requests |
//! | `repository` | the handler of the model repository index, a Triton extension |
//! | `request_id` | the validation of request IDs |
//! | `request_timeout` | the timeout in the headers of a request |
//! | `body_format` | the format of a request body according to its headers |
//! | `body` | reading a request body within limits of size and time |
//! | `accept` | the parsing of weighted lists in headers |
//! | `coding` | content codings of requests and responses |
//! | `respond` | responses: statuses, headers, the error envelope |
//! | `events` | responses streamed as server-sent events |
//! | `listener` | accepting connections, and closing them without losing a request |
//! | `preface_timeout` | a time limit for the first bytes of a connection |

mod accept;
mod body;
mod body_format;
mod coding;
mod events;
mod handle;
mod infer;
mod listener;
mod preface_timeout;
mod repository;
mod request_id;
mod request_timeout;
mod respond;
mod route;
mod service;

pub(crate) use handle::Served;
pub(crate) use listener::{Connections, ListenerOptions, accept};
pub use respond::{ResponseBody, error_response};
pub(crate) use route::{ModelRoute, Routes};
pub use service::{EngineService, ResponseFuture};
