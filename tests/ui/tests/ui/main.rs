//! The SDK as its authors see it: what compiles, what does not, the messages of the compiler, and the documents.

mod defaults;
mod guide;
mod messages;
mod readme;
