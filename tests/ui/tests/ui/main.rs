//! The SDK as its authors meet it: what compiles, what does not and what the compiler says, and what is written of it.

mod defaults;
mod guide;
mod messages;
mod readme;
