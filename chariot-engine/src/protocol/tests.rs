//! Tests of the room: bodies in JSON and in binary form and what becomes of them, properties, texts for callers.

mod binary;
mod bodies;
mod forms;
mod properties;
mod round_trips;
mod tensors;
mod values;
