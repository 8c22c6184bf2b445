//! Engines in the test's own process, over real sockets and without: what callers, operators and embedders rely on.

mod bad_input;
mod bad_json;
mod binary;
mod embed;
mod faults;
mod life;
mod limits;
mod overload;
mod refusing;
mod routes;
mod scripted;
mod support;
mod tasks;
mod wire;
mod workers;
