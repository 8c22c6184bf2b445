//! [`Reader`], which reads settings from an environment over a layer of defaults and collects all faults. `run` uses one
//! for the runtime's settings and the author's together.
//!
//! | file | contents |
//! |---|---|
//! | `state` | the reader, its layers, and the faults and warnings that it collects |
//! | `fields` | reading one setting |

mod fields;
mod state;
#[cfg(test)]
mod tests;

pub use state::Reader;
