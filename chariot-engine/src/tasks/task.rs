//! Comparison of task names. The engine compares `CHARIOT_TASK_TYPE` with the task that its output type declares.

/// Alternative names of tasks, each with the canonical name.
const ALIASES: &[(&str, &str)] = &[("fillmask", "textfillmask")];

/// Returns `true` if both names mean the same task, ignoring case, whitespace, `_` and `-`.
pub(crate) fn same_task(a: &str, b: &str) -> bool {
    canonical(a) == canonical(b)
}

fn canonical(name: &str) -> String {
    let folded: String =
        name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect();
    match ALIASES.iter().find(|(alias, _)| *alias == folded) {
        Some((_, name)) => (*name).to_string(),
        None => folded,
    }
}

#[cfg(test)]
mod tests {
    use super::same_task;

    #[test]
    fn case_and_separators_are_ignored() {
        assert!(same_task("Object Detection", "object_detection"));
        assert!(same_task("ObjectDetection", "OBJECT-DETECTION"));
        assert!(same_task("Fill Mask", "Text Fill Mask"));
        assert!(!same_task("Image Classification", "Text Classification"));
    }
}
