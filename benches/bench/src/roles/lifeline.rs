//! Ends a server with the command that started it, even if the command is killed.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use rustix::process::{Signal, set_parent_process_death_signal};

/// Asks the system to kill this process when its parent ends.
pub(super) fn end_with_parent() {
    // Without this the process only outlives a killed command.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
}

/// Replaces this process by a program, which keeps the tie to the parent.
pub(super) fn become_program(command: &[OsString]) -> ExitCode {
    if let [program, arguments @ ..] = command {
        let error = Command::new(program).args(arguments).exec();
        eprintln!("bench: {}: {error}", program.display());
    }
    ExitCode::FAILURE
}
