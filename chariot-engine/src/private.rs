//! What the generated `main` calls. Nothing in here is for authors, and all of it may change.

use std::process::ExitCode;

use crate::{engine::Engine, model::Model};

/// What `#[chariot_engine]` knows of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// The option `name`, or the package's name.
    pub name: &'static str,
    /// The option `version`, or the package's version.
    pub version: &'static str,
    /// The doc comment of the engine's struct; empty if there is none.
    pub description: &'static str,
    /// Defaults of the runtime's settings.
    pub defaults: &'static [(&'static str, &'static str)],
}

/// The engine's process: the builder with what the attribute says, and no power that an embedder has not.
pub fn main<M: Model>(attribute: Attribute) -> ExitCode {
    let builder = Engine::builder().model::<M>(attribute.name).version(attribute.version);
    let builder = builder.description(attribute.description);
    let builder =
        attribute.defaults.iter().fold(builder, |builder, (name, value)| builder.default_setting(*name, *value));
    #[cfg(feature = "cli")]
    let code = builder.command_line();
    #[cfg(not(feature = "cli"))]
    let code = match std::env::args().nth(1).filter(|argument| argument != "serve") {
        None => builder.run(),
        Some(argument) => {
            eprintln!("'{argument}' is not known: without its feature `cli` the engine serves, and takes no arguments");
            ExitCode::from(2)
        }
    };
    code
}

/// Asks of a type that it is a model: what `main = false` leaves of the check.
pub const fn assert_model<M: Model>() {}
