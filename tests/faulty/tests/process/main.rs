//! An engine that fails on command, as a real process: what its callers, its operator and its platform see of it.

mod commands;
