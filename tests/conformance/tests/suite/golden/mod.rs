//! The golden files of `chariot-engine/src/tasks/golden`: an engine of every task gives their responses, `--golden`
//! passes on these engines and on engines of other models, and fails on wrong answers.
//!
//! | file | holds |
//! |---|---|
//! | `engines` | an engine for a golden file, with the results of its `model` |
//! | `write` | the responses of the files, and their text: run with `UPDATE_GOLDEN=1` to write them |
//! | `text` | the layout of the files' text, for readers |
//! | `compare` | the comparison of servers with the files |

mod compare;
mod engines;
mod text;
mod write;

use std::path::PathBuf;

use conformance::Golden;

use crate::served::Served;

/// Returns the directory of the golden files.
fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../chariot-engine/src/tasks/golden")
}

fn read() -> Golden {
    Golden::read(&directory()).unwrap()
}

/// Starts the engine of the golden file of a task, in an output layout.
pub(crate) fn served(task: &str, layout: &str) -> Served {
    let file = read().files().iter().find(|file| file.task == task).expect("a file of the task").clone();
    Served::start(compare::builder(&file, layout))
}
