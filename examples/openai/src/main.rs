//! Two small models with OpenAI's API and without weights: `openai` continues a conversation, `letters` embeds texts.

mod generator;
mod letters;

use std::process::ExitCode;

use chariot_engine::{Engine, ModelOptions};

use crate::{generator::Generator, letters::Letters};

fn main() -> ExitCode {
    Engine::builder()
        .model_with::<Generator>("openai", ModelOptions::new().default_model())
        .model::<Letters>("letters")
        .version(env!("CARGO_PKG_VERSION"))
        .own_crate(module_path!())
        .command_line()
}
