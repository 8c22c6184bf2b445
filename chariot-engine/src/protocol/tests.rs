//! Tests of the room: bodies in JSON and in binary form and what becomes of them, properties, texts for callers.

mod binary;
mod bodies;
mod properties;
mod tensors;
mod values;
