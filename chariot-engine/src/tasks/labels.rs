//! Class labels by ID, read from `class_labels.json` in the model directory.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use crate::error::{Expected, quoted};

/// The labels of a model's classes. A class's ID is its index. Cheap to clone.
///
/// ```
/// use chariot_engine::tasks::ClassLabels;
///
/// let labels = ClassLabels::from_json(r#"{"dog": 1, "cat": 0}"#).unwrap();
/// assert_eq!(labels.get(1), Some("dog"));
/// assert_eq!(labels, ["cat", "dog"].into_iter().collect());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassLabels(Arc<[String]>);

/// The error of a file of class labels that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClassLabelsError(String);

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    List(Vec<String>),
    Ids(BTreeMap<String, u64>),
}

impl ClassLabels {
    /// The name of the file in the model directory.
    pub const FILE: &str = "class_labels.json";

    /// Reads labels from JSON: an object of label to ID, as the platform's SDK writes it, or a list in the order of IDs.
    ///
    /// # Errors
    /// Returns an error if the text is neither, if it has no labels, or if the IDs are not `0..n-1`, each once.
    pub fn from_json(text: &str) -> Result<Self, ClassLabelsError> {
        // Editors of Windows write a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let labels: Vec<String> = match serde_json::from_str(text) {
            Ok(File::List(labels)) => labels,
            Ok(File::Ids(ids)) => {
                let mut labels: Vec<Option<String>> = vec![None; ids.len()];
                for (label, id) in ids {
                    let most = labels.len() - 1;
                    let Some(slot) = usize::try_from(id).ok().and_then(|id| labels.get_mut(id)) else {
                        let expected = Expected::new(format!("IDs from 0 to {most}"), id);
                        return Err(ClassLabelsError(expected.into()));
                    };
                    if let Some(other) = slot.replace(label.clone()) {
                        let got = format!("{id} for both {} and {}", quoted(&other), quoted(&label));
                        return Err(ClassLabelsError(Expected::new("each ID once", got).into()));
                    }
                }
                labels.into_iter().flatten().collect()
            }
            Err(error) => {
                let what = "an object of label to ID, such as {\"cat\": 0}, or a list of labels";
                let got = if error.is_data() { "other JSON" } else { "invalid JSON" };
                return Err(ClassLabelsError(Expected::new(what, got).into()));
            }
        };
        if labels.is_empty() {
            return Err(ClassLabelsError(Expected::new("at least one label", "none").into()));
        }
        Ok(labels.into_iter().collect())
    }

    /// Returns the label of the class with this ID.
    pub fn get(&self, id: usize) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }

    /// Returns the number of classes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if there are no classes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns an iterator over the labels, in the order of IDs.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<S: Into<String>> FromIterator<S> for ClassLabels {
    fn from_iter<I: IntoIterator<Item = S>>(labels: I) -> Self {
        ClassLabels(labels.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_and_a_list_mean_the_same() {
        let object = ClassLabels::from_json(r#"{"b": 1, "a": 0, "c": 2}"#).unwrap();
        assert_eq!(object, ClassLabels::from_json(r#"["a", "b", "c"]"#).unwrap());
        assert_eq!(object, ClassLabels::from_json("\u{feff}[\"a\", \"b\", \"c\"]").unwrap());
    }

    #[test]
    fn messages_of_class_labels() {
        let lines: String = [r#"{"a": 0, "b": 2}"#, r#"{"a": 0, "b": 0}"#, "[]", "{}", "3", "[1]", r#"{"a": -1}"#, "["]
            .iter()
            .map(|text| format!("{text} → {}\n", ClassLabels::from_json(text).unwrap_err()))
            .collect();
        insta::assert_snapshot!("messages_of_class_labels", lines);
    }
}
