//! [`Row`]: structured data, of which an item is one row.
//!
//! | file | holds |
//! |---|---|
//! | `input` | `Row<T>` as an input |
//! | `payload` | `RowPayload`, and how a request in each of the three forms is split into rows |
//! | `table` | the rows of a request that brings them as tensors |
//! | `reader`, `cell` | the serde deserializers of one row of a table, and of one value of a row |
//! | `fault` | the errors of a row |

mod cell;
mod fault;
mod input;
mod payload;
mod reader;
mod table;
#[cfg(test)]
mod tests;

pub use input::Row;
pub use payload::RowPayload;
