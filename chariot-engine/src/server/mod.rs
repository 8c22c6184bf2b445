//! HTTP on hyper: the engine as a service, and a listener for engines that run in their own process.
//!
//! | file | holds |
//! |---|---|
//! | `service` | [`EngineService`], the service of tower and hyper |
//! | `route` | the router: finds the route of a path, under the base URL and at the root |
//! | `handle` | the handler of every request |
//! | `infer` | the handler of inference requests |
//! | `openai` | the handler of the routes of OpenAI's API |
//! | `dev` | what an engine of a development loop answers differently |
//! | `page`, `page_state` | the response with the page to try the engine in, and that with the settings and the last errors |
//! | `last_errors` | the last requests with an error |
//! | `repository` | the handler of the model repository index, a Triton extension |
//! | `request_id` | the validation of request IDs |
//! | `token` | the token that requests need, if the operator sets one |
//! | `cors` | the pages of other origins that may read responses in a browser |
//! | `this_machine` | which hosts and origins are this machine |
//! | `caller` | the origin of a request |
//! | `trace` | the trace of a request: the context in its headers, and its span |
//! | `report`, `request_log` | what is reported of a request: `Server-Timing`, and its line in the log |
//! | `request_end` | the end of an inference request |
//! | `request_timeout` | the timeout in the headers of a request |
//! | `body_format` | the format of a request body according to its headers |
//! | `body` | reading a request body within limits of size and time |
//! | `pace` | slow transfers: the timer of a body that is received and of a response that is sent |
//! | `accept` | the parsing of weighted lists in headers |
//! | `coding` | content codings of requests and responses |
//! | `status` | the statuses of errors |
//! | `respond` | responses: statuses, headers, the error envelope |
//! | `fallback`, `foreign_body` | another service, for what the engine does not route, and the bodies of its responses |
//! | `events` | responses streamed as server-sent events |
//! | `listener` | accepting connections, up to their number |
//! | `spare` | the file descriptors that are held for a connection when there are no others |
//! | `reserve` | the few connections beyond their limit, for health checks |
//! | `connections` | all connections: their time limits, which one makes room for another, their end |
//! | `connection` | the state of one connection |
//! | `serve` | the life of one connection |
//! | `requests` | the service of one connection: refuses and counts its requests |
//! | `delivery` | responses of HTTP/2 on their way to a slow client |
//! | `head` | the checks of heads that hyper leaves to a server |
//! | `wire` | the stream of one connection, beneath hyper |
//! | `received` | what hyper holds of what one connection has received |
//! | `connection_memory` | what all connections hold together |
//! | `frames` | the frames of HTTP/2, as far as they tell where a head ends |
//! | `refused_head` | the response to a head that hyper cannot read |
//! | `half_close` | telling a client that has finished sending from one that is gone |
//! | `lingering` | how long the rest of a refused request is received |

mod accept;
mod body;
mod body_format;
mod caller;
mod coding;
mod connection;
mod connection_memory;
mod connections;
mod cors;
mod delivery;
#[cfg(all(feature = "dev", unix))]
mod dev;
mod events;
mod fallback;
mod foreign_body;
mod frames;
mod half_close;
mod handle;
mod head;
mod infer;
#[cfg(feature = "page")]
mod last_errors;
mod lingering;
mod listener;
#[cfg(feature = "openai")]
mod openai;
mod pace;
#[cfg(feature = "page")]
mod page;
#[cfg(feature = "page")]
mod page_state;
mod received;
mod refused_head;
mod report;
mod repository;
mod request_end;
mod request_id;
mod request_log;
mod request_timeout;
mod requests;
mod reserve;
mod respond;
mod route;
mod serve;
mod service;
mod spare;
mod status;
mod this_machine;
mod token;
mod trace;
mod wire;

pub(crate) use connections::Connections;
pub(crate) use cors::Cors;
pub use fallback::RequestBody;
pub(crate) use fallback::{BodyLimits, Fallback};
pub(crate) use handle::{LazyDocument, Served};
pub(crate) use listener::{ListenerOptions, accept};
#[cfg(feature = "page")]
pub(crate) use page_state::PageState;
pub(crate) use reserve::RESERVED;
pub use respond::{ResponseBody, error_response};
pub(crate) use route::{ModelRoute, Routes};
pub use service::{EngineService, ResponseFuture};
pub(crate) use status::status_of;
pub(crate) use token::BearerToken;
