//! The life of a model: loading, state, admission, queue, workers, draining. It knows nothing of HTTP.
//!
//! | file | holds |
//! |---|---|
//! | `state` | the engine's state: one value that one owner changes |
//! | `host` | a model in service: admits requests, decodes them, hands them to workers, waits for answers |
//! | `models` | the models of an engine, together |
//! | `shared` | what the host and its workers share |
//! | `hosted` | the object-safe twin of [`Model`](crate::model::Model) that workers hold |
//! | `ids` | ids for requests that bring none |
//! | `job` | a request on its way, in which its answers come together |
//! | `queue` | items that wait for a worker, and the batches that are made of them |
//! | `deadline` | how long a request may take by its own word |
//! | `reply` | how answers become the text of a response |
//! | `worker` | the threads that load a model and run it |
//! | `driver` | how a thread drives futures that may block |

mod deadline;
mod driver;
mod host;
mod hosted;
mod ids;
mod job;
mod models;
mod queue;
mod reply;
mod shared;
mod state;
mod worker;

#[cfg(any(feature = "test-util", doc))]
pub(crate) use driver::drive;
pub(crate) use host::{Failure, Host, Refusal, available_cores};
pub(crate) use hosted::{Loader, instance, loader};
pub(crate) use models::{Models, OneModel, Readiness};
pub use shared::InFlight;
pub(crate) use shared::{Batching, HostOptions, Placement};
pub use state::State;
pub(crate) use state::Status;
