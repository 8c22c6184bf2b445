//! The command line of an engine, which the generated `main` runs. Behind the feature `cli`; without it `main` serves.
//!
//! | file | holds |
//! |---|---|
//! | `arguments` | the commands and their options |
//! | `output` | output to standard output and standard error |
//! | `local_engine` | an engine without a socket, started for one command |
//! | `log_capture` | the errors that a command logs, captured |
//! | `files` | the checks of a model's files |
//! | `check` | `check`: finds faults before anything is deployed |
//! | `labels` | the class labels of the model's files |
//! | `load_time` | the time that a model takes to load, against that of the platform's probe |
//! | `describe` | `describe`: prints the registration and the manifests |
//! | `pack` | `pack`: makes the archive of the model's files |
//! | `request` | an inference request made from a file |
//! | `draw`, `no_draw` | `infer --draw`: draws an output onto its image, or refuses to without the feature `draw` |
//! | `infer` | `infer`: prints the outputs for files, without a server |
//! | `dev/`, `no_dev` | `dev`: rebuilds and replaces the engine after each change, or refuses to without the feature `dev` |
//! | `settings` | `settings`: prints the settings and their values |

mod arguments;
mod check;
mod describe;
#[cfg(all(feature = "dev", unix))]
mod dev;
#[cfg(not(all(feature = "dev", unix)))]
#[path = "no_dev.rs"]
mod dev;
#[cfg(feature = "draw")]
mod draw;
#[cfg(not(feature = "draw"))]
#[path = "no_draw.rs"]
mod draw;
mod files;
mod infer;
mod labels;
mod load_time;
mod local_engine;
mod log_capture;
mod output;
mod pack;
mod request;
mod settings;

use std::{ffi::OsString, io::Write, process::ExitCode};

use clap::{CommandFactory, FromArgMatches};

use self::arguments::{Arguments, Command};
use crate::{engine::EngineBuilder, error::is_unprintable};

impl EngineBuilder {
    #[doc = include_str!("../docs/command_line.md")]
    pub fn command_line(self) -> ExitCode {
        self.command_line_from(std::env::args_os())
    }

    /// Runs the command line as [`command_line`](Self::command_line) does, with these arguments instead of the process's. The
    /// first is the name of the program.
    pub fn command_line_from(self, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
        let (name, version, task) = self.identity();
        let task = task.map(|task| format!(" for {task}")).unwrap_or_default();
        let about = self.summary().unwrap_or_else(|| format!("An inference engine{task}, for Chariot"));
        let has_several = self.has_several_models();
        let command = Arguments::command()
            .mut_subcommand("infer", |infer| infer.mut_arg("model", |model| model.hide(!has_several)))
            .name(name.unwrap_or("engine").to_string())
            .version(format!("{} (chariot-engine {})", version.unwrap_or("1"), env!("CARGO_PKG_VERSION")))
            .about(about);
        let parsed = command
            .try_get_matches_from(arguments)
            .and_then(|mut matches| Arguments::from_arg_matches_mut(&mut matches));
        match parsed {
            Ok(Arguments { command, serve }) => match command.unwrap_or(Command::Serve(serve)) {
                Command::Serve(options) => options.set_flags(self).run(),
                Command::Dev(options) => dev::dev(self, options.into_parts()),
                Command::Describe(options) => describe::describe(self, options),
                Command::Pack(options) => pack::pack(self, &options),
                Command::Check => check::check(self),
                Command::Infer(options) => infer::infer(self, &options),
                Command::Settings(options) => settings::settings(self, &options),
            },
            Err(error) => {
                // Help and version are such errors too. If this cannot be written, there is no other place to report
                // it.
                let text = error.to_string();
                let _ = match text.contains(|character| character != '\n' && is_unprintable(character)) {
                    true => writeln!(std::io::stderr(), "{}", output::one_line(text)),
                    false => error.print(),
                };
                ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX))
            }
        }
    }
}
