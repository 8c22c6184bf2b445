//! The command line of an engine: what the generated `main` understands. It is behind the feature `cli`; without it `main`
//! serves.
//!
//! | file | holds |
//! |---|---|
//! | `arguments` | the commands and their options |
//! | `describe` | what must be told to register and to deploy the engine |
//! | `check` | what would go wrong, before anything is deployed; `files` looks at the model's |
//! | `infer` | answers about files, without a server; `request` makes a request of a file |
//! | `settings` | what can be set, and what is |
//! | `asking` | an engine that is started for a command, and asked; `causes` keeps why it fails |
//! | `output` | what a command prints |

mod arguments;
mod asking;
mod causes;
mod check;
mod describe;
mod files;
mod infer;
mod output;
mod request;
mod settings;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, FromArgMatches};

use self::arguments::{Arguments, Command};
use crate::engine::EngineBuilder;

impl EngineBuilder {
    #[doc = include_str!("../docs/command_line.md")]
    pub fn command_line(self) -> ExitCode {
        self.command_line_of(std::env::args_os())
    }

    fn command_line_of(self, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
        let (name, version, task) = self.identity();
        let task = task.map(|task| format!(" for {task}")).unwrap_or_default();
        let command = Arguments::command()
            .name(name.unwrap_or("engine").to_string())
            .version(format!("{} (chariot-engine {})", version.unwrap_or("1"), env!("CARGO_PKG_VERSION")))
            .about(format!("An inference engine{task}, for Chariot"));
        let parsed = command
            .try_get_matches_from(arguments)
            .and_then(|mut matches| Arguments::from_arg_matches_mut(&mut matches));
        match parsed {
            Ok(arguments) => match arguments.command.unwrap_or(Command::Serve) {
                Command::Serve => self.run(),
                Command::Describe(options) => describe::describe(self, options),
                Command::Check => check::check(self),
                Command::Infer(options) => infer::infer(self, &options),
                Command::Settings(options) => settings::settings(self, &options),
            },
            Err(error) => {
                // Help and version are such errors too. There is nobody to tell if this cannot be written.
                let _ = error.print();
                ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(u8::MAX))
            }
        }
    }
}
