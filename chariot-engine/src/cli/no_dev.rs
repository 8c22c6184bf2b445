//! `dev` in a build that cannot have it, which says why.

use std::process::ExitCode;

use super::{arguments::Serve, output::fail};
use crate::engine::EngineBuilder;

/// The exit code of a command line that is not valid.
const USAGE: u8 = 2;

/// Refuses the command.
pub(super) fn dev(_: EngineBuilder, _: (Serve, Vec<String>)) -> ExitCode {
    let reason = if cfg!(unix) {
        "this engine is built without the feature `dev` of chariot-engine; add it in Cargo.toml"
    } else {
        "not available on Windows, where a process cannot take over a port that another has opened; end the engine and \
         run `cargo run` again after a change"
    };
    fail(format_args!("dev: {reason}"), USAGE)
}
