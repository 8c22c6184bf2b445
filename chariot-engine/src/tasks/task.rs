//! Which task a `CHARIOT_TASK_TYPE` names. The engine compares it with what its types declare.

/// Names that mean the same task.
const ALIASES: &[(&str, &str)] = &[("fillmask", "textfillmask")];

/// Whether two names mean the same task: case, blanks, `_` and `-` do not count.
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
    fn case_and_separators_do_not_count() {
        assert!(same_task("Object Detection", "object_detection"));
        assert!(same_task("ObjectDetection", "OBJECT-DETECTION"));
        assert!(same_task("Fill Mask", "Text Fill Mask"));
        assert!(!same_task("Image Classification", "Text Classification"));
    }
}
