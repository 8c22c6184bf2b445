//! The messages between a development loop and the engines that it starts. The command `dev` is the loop; the process that it
//! starts serves on the loop's port until the loop replaces it.
//!
//! | file | holds |
//! |---|---|
//! | `messages` | the messages of both sides |
//! | `link` | the side of the engine |

mod link;
mod messages;

pub(crate) use link::{Link, LoopStatus, SOCKET_VARIABLE, loop_ended};
pub(crate) use messages::{LoopState, Report, Status};
