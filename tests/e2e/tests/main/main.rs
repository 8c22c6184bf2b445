//! Engines in the test's own process, over real sockets and without: what callers, operators and embedders rely on.

mod bad_input;
mod bad_json;
mod binary;
mod chariot_v2;
mod compression;
mod embed;
mod faults;
mod life;
mod limits;
mod openapi;
mod overload;
mod refusing;
mod routes;
mod rows;
mod scripted;
mod streaming;
mod support;
mod tasks;
mod wire;
mod workers;
