//! The SDK as its authors meet it: what compiles, what does not and what the compiler says, and what is written about it;
//! and the rules that its sources keep.

mod defaults;
mod guide;
mod house;
mod manifest;
mod messages;
mod readme;
mod words;
