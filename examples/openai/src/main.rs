//! A text generator with OpenAI's routes beside the engine's.

mod generator;
mod routes;

use std::process::ExitCode;

use chariot_engine::Engine;

use crate::generator::Generator;

fn main() -> ExitCode {
    let builder = Engine::builder().model::<Generator>("openai").version(env!("CARGO_PKG_VERSION"));
    let builder = builder.own_crate(module_path!()).fallback_with(|models| {
        // The operator can give the model another name.
        let model = models.iter().next().expect("the engine has a model");
        routes::routes(model)
    });
    builder.command_line()
}
