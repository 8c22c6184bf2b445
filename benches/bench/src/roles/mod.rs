//! The servers that the command starts as processes of itself, so that all are built alike.
//!
//! | file | holds |
//! |---|---|
//! | `floor` | bare hyper, the floor under every server on the same stack |
//! | `floor_work` | the work of bare hyper's routes, as a careful author writes it by hand |
//! | `engine` | engines of one model each |
//! | `alike` | definitions that both share |
//! | `lifeline` | the tie between a server and the command |

mod alike;
mod engine;
mod floor;
mod floor_work;
mod lifeline;

use std::process::ExitCode;

use clap::Subcommand;

pub(crate) use engine::Served;

/// A role of a process of this binary, instead of the command.
#[derive(Subcommand)]
pub(crate) enum Role {
    /// Serves bare hyper
    #[command(hide = true)]
    Floor {
        /// The port on the loopback interface
        port: u16,
        /// HTTP/2 instead of HTTP/1.1
        #[arg(long)]
        http2: bool,
    },
    /// Serves an engine
    #[command(hide = true)]
    Engine {
        /// The model
        model: Served,
    },
    /// Becomes another program that ends with the command
    #[command(hide = true)]
    Become {
        /// The program and its arguments
        #[arg(last = true, required = true)]
        command: Vec<std::ffi::OsString>,
    },
}

impl Role {
    pub(crate) fn play(self) -> ExitCode {
        lifeline::end_with_parent();
        match self {
            Role::Floor { port, http2 } => floor::serve(port, http2),
            Role::Engine { model } => engine::serve(model),
            Role::Become { command } => lifeline::become_program(&command),
        }
    }
}
