//! The engine behind the page: one model for each kind of input and answer, whose answers the tests know beforehand, and texts
//! that would run if a page took them for markup.

mod pictures;
mod rows;
mod texts;

use std::process::ExitCode;

use chariot_engine::{Engine, ModelOptions};
use pictures::{Boxes, Mask, Turned, UprightBoxes};
use rows::Sums;
use texts::{Letters, Names, Parrot, Speaker};

/// A text that runs in a page that takes it for markup.
const HOSTILE: &str = "<img src=x onerror=\"window.ran=true\">";

fn main() -> ExitCode {
    Engine::builder()
        .model_with::<Speaker>("speaker", ModelOptions::new().default_model())
        .model::<Boxes>("boxes")
        .model::<Mask>("mask")
        .model::<Letters>("letters")
        .model::<UprightBoxes>("upright")
        .model::<Turned>("turned")
        .model::<Names>("names")
        .model::<Parrot>("parrot")
        .model::<Sums>("sums")
        .description(HOSTILE)
        .own_crate(module_path!())
        .run()
}
