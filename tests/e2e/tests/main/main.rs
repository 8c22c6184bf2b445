//! Engines in the process of the test, with and without sockets: the behavior that callers, operators and embedders
//! rely on.

mod bad_input;
mod bad_json;
mod batching;
mod binary;
mod chariot_v2;
mod compression;
mod connections;
mod deadlines;
mod devices;
mod embed;
mod faults;
mod globals;
mod half_close;
mod harness;
mod heads;
mod life;
mod limits;
mod media_types;
mod memory;
mod metrics;
mod openapi;
mod overload;
mod refused_clients;
mod rejecting;
mod reserving;
mod routes;
mod rows;
mod scripted;
mod settings;
mod several;
mod streaming;
mod support;
mod tasks;
mod wire;
mod workers;
