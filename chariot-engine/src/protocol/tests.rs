//! Tests of the room: bodies and what becomes of them, properties, texts for callers.

mod bodies;
mod properties;
mod tensors;
mod values;
