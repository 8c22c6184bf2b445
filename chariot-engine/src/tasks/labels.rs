//! Class labels by id, read from `class_labels.json` among the model's files.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

/// The labels of a model's classes; a class's id is its index. Cheap to clone.
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

/// What is wrong with a file of class labels.
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
    /// The file among those of a model that holds them.
    pub const FILE: &str = "class_labels.json";

    /// Reads them from JSON: an object of label to id, as the platform's SDK writes it, or a list in the order of ids.
    ///
    /// # Errors
    /// It is neither, it is empty, or its ids are not `0..n-1`, each once.
    pub fn from_json(text: &str) -> Result<Self, ClassLabelsError> {
        let fault = |text: String| Err(ClassLabelsError(text));
        let labels: Vec<String> = match serde_json::from_str(text) {
            Ok(File::List(labels)) => labels,
            Ok(File::Ids(ids)) => {
                let mut labels = vec![None; ids.len()];
                for (label, id) in ids {
                    let Some(slot) = usize::try_from(id).ok().and_then(|id| labels.get_mut(id)) else {
                        return fault(format!("ids from 0 to {} are expected, {id} came", labels.len() - 1));
                    };
                    if let Some(other) = slot.replace(label.clone()) {
                        return fault(format!("every id is expected once, '{other}' and '{label}' both have {id}"));
                    }
                }
                labels.into_iter().flatten().collect()
            }
            Err(_) => {
                return fault("an object of label to id, such as {\"cat\": 0}, or a list of labels is expected".into());
            }
        };
        if labels.is_empty() {
            return fault("at least one label is expected".into());
        }
        Ok(labels.into_iter().collect())
    }

    /// The label of a class.
    pub fn get(&self, id: usize) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The labels, by id.
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
    }

    #[test]
    fn faults_say_what_is_wrong() {
        for (text, expected) in [
            (r#"{"a": 0, "b": 2}"#, "ids from 0 to 1 are expected, 2 came"),
            (r#"{"a": 0, "b": 0}"#, "every id is expected once, 'a' and 'b' both have 0"),
            ("[]", "at least one label"),
            ("{}", "at least one label"),
            ("3", "an object of label to id"),
            ("[1]", "an object of label to id"),
            (r#"{"a": -1}"#, "an object of label to id"),
        ] {
            let error = ClassLabels::from_json(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
