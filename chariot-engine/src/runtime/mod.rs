//! The life of a model: loading, state, admission, queue, workers and draining. Independent of HTTP.
//!
//! | file | holds |
//! |---|---|
//! | `state` | the state of an engine, with a single owner |
//! | `options` | how a model is served: devices, limits, batching, encoding |
//! | `typed` | a request of this process, a value in place of a body |
//! | `prepare` | the decoding of a request |
//! | `host` | a served model: admits requests, has them decoded, queues them and waits for their responses |
//! | `models` | all models of an engine |
//! | `shared` | the data that the host shares with its workers |
//! | `erased` | the object-safe form of [`Model`](crate::model::Model) that the runtime holds |
//! | `ids` | IDs for requests without one |
//! | `scope` | the requests that an author's code works for, for its log lines |
//! | `job` | a request in the queue or on workers, which collects its outputs |
//! | `turns` | the order in which connections are served |
//! | `queue` | items that wait for a worker |
//! | `lanes` | items that wait for others of their keys |
//! | `batches` | the batches made of waiting items |
//! | `decoders` | the slots for decoding and other work on the pool |
//! | `discard` | items that are dropped where an author's `Drop` does no harm |
//! | `heartbeat` | the signs of life of workers and decoders |
//! | `deadline` | the timeout in the parameters of a request |
//! | `encode` | encoding of outputs as a response |
//! | `gate` | the measurement that decides whether the calls of a model run inline |
//! | `replies` | responses, and their way to the tasks that wait for them |
//! | `core_thread` | a thread that serves connections and runs the quick calls for them |
//! | `core_threads` | the core threads of a process, and the help for one whose call is slow |
//! | `watch` | finds slow calls on core threads |
//! | `warm_up` | the start of a worker: the author's `warm_up`, and the example request |
//! | `worker` | the threads that load a model and run it |
//! | `block_on` | an executor for futures that may block their thread |

mod batches;
mod block_on;
mod core_thread;
mod core_threads;
mod deadline;
mod decoders;
mod discard;
mod encode;
mod erased;
mod gate;
mod heartbeat;
mod host;
mod ids;
mod job;
mod lanes;
mod models;
mod options;
mod prepare;
mod queue;
mod replies;
mod scope;
mod shared;
mod state;
mod turns;
mod typed;
mod warm_up;
mod watch;
mod worker;

#[cfg(any(feature = "test-util", doc))]
pub(crate) use block_on::block_on;
pub(crate) use core_thread::CoreThread;
pub(crate) use core_threads::CoreThreads;
pub(crate) use decoders::{Work, pass_turn};
pub(crate) use erased::{Loader, instance, loader};
pub use host::InFlight;
pub(crate) use host::{AdmissionError, AdmissionPermit, ArrivingRequest, Failure, Host, available_cores};
pub(crate) use models::{Models, OneModel, Readiness};
pub(crate) use options::{Batching, HostOptions, Placement};
pub(crate) use prepare::RequestPayload;
pub(crate) use replies::ChargedResponse;
pub use state::State;
pub(crate) use state::{SHUTTING_DOWN, Status};
pub(crate) use typed::{TypedOutput, TypedRequest};
