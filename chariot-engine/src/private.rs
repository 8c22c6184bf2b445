//! The functions that the generated code calls. They are not for authors, and can change in any version.

use std::process::ExitCode;

use crate::{engine::Engine, model::Model};

/// The options of `#[chariot_engine]`.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// The option `name`, or the package's name.
    pub name: &'static str,
    /// The option `version`, or the package's version.
    pub version: &'static str,
    /// The path of the module of the engine's struct.
    pub module: &'static str,
    /// The doc comment of the engine's struct; empty if there is none.
    pub description: &'static str,
    /// The defaults of the runtime's settings.
    pub defaults: &'static [(&'static str, &'static str)],
}

/// Runs the engine's process: a builder with the options of the attribute, and nothing that an embedder cannot do.
pub fn main<M: Model>(attribute: Attribute) -> ExitCode {
    let builder = Engine::builder().model::<M>(attribute.name).version(attribute.version);
    let builder = builder.description(attribute.description).own_crate(attribute.module);
    let builder =
        attribute.defaults.iter().fold(builder, |builder, (name, value)| builder.default_setting(*name, *value));
    #[cfg(feature = "cli")]
    let code = builder.command_line();
    #[cfg(not(feature = "cli"))]
    let code = match std::env::args().nth(1).filter(|argument| argument != "serve") {
        None => builder.run(),
        Some(argument) => {
            use std::io::Write;
            let argument = crate::error::quoted(&argument);
            let fault = crate::error::Expected::new("`serve` or no argument, as the feature `cli` is off", argument);
            // If this cannot be written, there is no other place to report it.
            let _ = writeln!(std::io::stderr(), "error: {fault}");
            ExitCode::from(2)
        }
    };
    code
}

/// Checks at compile time that a type is a model. Called if the attribute has `main = false`.
pub const fn assert_model<M: Model>() {}

/// The type of a field of the engine's struct. `IS_SHARED` is `true` if it is `Send` and `Sync`: then the constant of
/// the type itself takes precedence over that of [`NotShared`].
#[derive(Debug)]
pub struct Field<T: ?Sized>(std::marker::PhantomData<T>);

impl<T: Send + Sync + ?Sized> Field<T> {
    /// Set, as the bounds of this block hold.
    pub const IS_SHARED: bool = true;
}

/// The fallback of [`Field::IS_SHARED`].
pub trait NotShared {
    /// Not set: the bounds of the constant of the same name do not hold.
    const IS_SHARED: bool = false;
}

impl<T: ?Sized> NotShared for Field<T> {}
