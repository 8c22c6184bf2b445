//! `#[derive(Settings)]` on a struct, and `#[derive(SettingChoice)]` on an enum.

mod check;
mod choice;
mod field;
mod fields;
mod options;
mod structs;

pub(crate) use self::{choice::derive as derive_choice, structs::derive};

#[cfg(test)]
mod tests;
