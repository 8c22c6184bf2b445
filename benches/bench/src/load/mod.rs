//! Loads: a closed loop finds the rate, an open loop the latency at a rate.

mod closed;
mod open;
mod timer;

pub(crate) use closed::closed;
pub(crate) use open::open;
pub(crate) use timer::Timer;

use bytes::Bytes;

use crate::client::Request;

/// A request with its answer.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    /// The body of the right answer, which has been checked.
    pub(crate) answer: Bytes,
    /// Set if only the length of answers is compared.
    pub(crate) haste: bool,
}
