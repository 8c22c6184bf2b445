//! The class labels among a model's files, and what is wrong with them. `describe` and `pack` use them.

use std::path::Path;

use crate::{
    engine::EngineBuilder,
    tasks::{ClassLabels, same_task},
};

/// The tasks whose outputs name classes.
const WITH_CLASSES: [&str; 7] = [
    "Image Classification",
    "Text Classification",
    "Structured Data Classification",
    "Object Detection",
    "Oriented Object Detection",
    "Image Segmentation",
    "Token Classification",
];

/// The class labels among a model's files.
pub(super) struct Labels {
    /// The labels, if the file is there and can be read.
    pub(super) found: Option<ClassLabels>,
    /// The fault of the labels, and what to do.
    pub(super) warning: Option<String>,
}

impl Labels {
    /// Reads the labels in a model directory. The engine serves without a file if its code sets labels or if its task has
    /// none.
    pub(super) fn in_dir(builder: &EngineBuilder, dir: &Path) -> Self {
        let file = ClassLabels::FILE;
        let (declared, task) = (builder.declared_labels(), builder.identity().2.filter(|task| has_classes(task)));
        let (found, warning) = match (builder.class_labels_in(dir), declared, task) {
            (Some(Ok(found)), Some(declared), _) if found != *declared => {
                let (inside, outside) = (found.len(), declared.len());
                let text =
                    "the engine uses those of its code; make them equal, since the platform shows one of the two";
                (
                    Some(found),
                    Some(format!("'{file}' has {inside} classes, and the engine's code sets {outside} others: {text}")),
                )
            }
            (Some(Ok(found)), ..) => (Some(found), None),
            (Some(Err(error)), ..) => (None, Some(format!("cannot read '{file}' in '{}': {error}", dir.display()))),
            (None, None, Some(task)) => {
                let advice = "add it to the model's files, or set their directory with CHARIOT_ENGINE_MODEL_DIR: the \
                              platform delivers no labels";
                (
                    None,
                    Some(format!("'{file}' with the classes for '{task}' not found in '{}'; {advice}", dir.display())),
                )
            }
            (None, ..) => (None, None),
        };
        Labels { found, warning }
    }
}

/// Returns `true` if the outputs of a task name classes.
pub(super) fn has_classes(task: &str) -> bool {
    WITH_CLASSES.iter().any(|other| same_task(other, task))
}
