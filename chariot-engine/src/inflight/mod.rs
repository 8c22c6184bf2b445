//! The state of a request in flight, shared by its items, the queue and the connection that waits for the response.
//!
//! | file | holds |
//! |---|---|
//! | `budget` | the bytes that all requests in flight may hold, and the share of each |
//! | `pace` | the time that a transfer may take |
//! | `pause` | pauses in the heartbeat of a worker while an item waits for its caller |
//! | `progress` | what a request has gone through so far, for its line in the log |
//! | `stream` | the bounded channel that carries streamed parts of an output to the caller |
//! | `token` | the token that connects the items of a request with its caller |

mod budget;
mod pace;
mod pause;
mod progress;
mod stream;
mod token;

pub(crate) use budget::{Budget, Charge, OverLimit};
pub(crate) use pace::{Pace, PaceLimit};
pub(crate) use pause::set_heartbeat;
pub(crate) use progress::Progress;
pub(crate) use stream::{Part, PartReceiver, PartSender, part_channel};
pub(crate) use token::{OVER_BUDGET, RequestToken, Source};
