//! Engines in the test's own process, over real sockets and without: what callers, operators and embedders rely on.

mod bad_input;
mod bad_json;
mod batching;
mod binary;
mod chariot_v2;
mod compression;
mod deadlines;
mod devices;
mod embed;
mod faults;
mod harness;
mod life;
mod limits;
mod memory;
mod metrics;
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
