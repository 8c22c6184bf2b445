//! The kinds of payload: names for [`Medium`](super::Medium), which pair inputs with the outputs that answer them.

/// A picture, one an element.
#[derive(Debug)]
pub enum Image {}

/// A text, one an element.
#[derive(Debug)]
pub enum Text {}

/// A JSON value, one an element.
#[derive(Debug)]
pub enum Json {}

/// A row of structured data: of a matrix, of columns, or a JSON object, one an element.
#[derive(Debug)]
pub enum Row {}

/// The whole request: named tensors that belong together.
#[derive(Debug)]
pub enum Request {}
