//! Engines behind real sockets, and programs of steps that clients take. The targets `http1` and `http2` use it.
//!
//! | module | contents |
//! |---|---|
//! | `engine` | the engines, and the check that nothing of a program is left in one |
//! | `panics` | the number of panics on the threads of engines |
//! | `steps` | a program: the steps that an input stands for |
//! | `client` | one connection of a program |
//! | `tags` | marks by which a client knows the answers to its own requests |
//! | `asked` | a request that an engine must answer |
//! | `responses` | reading the responses of HTTP/1 |
//! | `frames` | writing and reading the frames of HTTP/2 |

mod asked;
mod client;
mod engine;
mod frames;
mod panics;
mod responses;
mod steps;
mod tags;

pub(crate) use asked::Asked;
pub(crate) use client::{Client, LETTERS};
pub(crate) use engine::{Engines, Kind, LiveEngine};
pub(crate) use frames::{Frame, Frames, fields, frame, kind};
pub(crate) use responses::{Parsed, Response, name, response};
pub(crate) use steps::{CONNECTIONS, Program, Step, numbers, unescape};
pub(crate) use tags::Tag;
