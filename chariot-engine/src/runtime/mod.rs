//! The life of a model: loading, state, admission, queue, workers, draining. It knows nothing of HTTP.
//!
//! | file | holds |
//! |---|---|
//! | `state` | the engine's state: one value that one owner changes |
//! | `host` | a model in service: admits requests, decodes them, hands them to workers, waits for answers |
//! | `shared` | what the host and its workers share |
//! | `hosted` | the object-safe twin of [`Model`](crate::model::Model) that workers hold |
//! | `queue` | requests that wait for a worker |
//! | `plan` | how the items of a request become batches |
//! | `reply` | how answers become the text of a response |
//! | `worker` | the threads that load a model and run it |
//! | `driver` | how a thread drives futures that may block |

mod driver;
mod host;
mod hosted;
mod plan;
mod queue;
mod reply;
mod shared;
mod state;
mod worker;

pub(crate) use driver::drive;
pub(crate) use host::{Failure, Host, Refusal, available_cores};
pub(crate) use hosted::{Loader, instance, loader};
pub(crate) use shared::{HostOptions, Placement};
pub use state::State;
