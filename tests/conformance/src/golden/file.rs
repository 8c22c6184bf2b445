//! The format of a golden file, and its parser. `compare` reads the files of a directory.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use super::rules::Rule;

/// The golden files of a directory.
///
/// ```no_run
/// use conformance::Golden;
///
/// let golden = Golden::read("chariot-engine/src/tasks/golden".as_ref()).unwrap();
/// assert!(golden.files().iter().any(|file| file.task == "Object Detection"));
/// ```
#[derive(Clone, Debug)]
pub struct Golden(Vec<GoldenFile>);

/// The requests of one task and the responses to them.
///
/// ```
/// use conformance::GoldenFile;
///
/// let text = r#"{"task": "Translation", "source": "a specification", "item": "text", "exchanges": []}"#;
/// assert_eq!(GoldenFile::from_json(text).unwrap().task, "Translation");
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenFile {
    /// The task, as the platform names it
    pub task: String,
    /// The source of the form of the responses
    pub source: String,
    /// The kind of an item: `image`, `text`, `json` or `row`
    pub item: String,
    /// Set if every model defines its own items: the item of the requests is then replaced by one of the server
    #[serde(default)]
    pub own_item: bool,
    /// The results of the model that gives these responses, in the terms of the SDK. Absent if the file is not made from
    /// a model
    #[serde(default)]
    pub model: Option<Value>,
    /// The requests and responses
    pub exchanges: Vec<Exchange>,
}

/// A request and its response, in each protocol.
///
/// ```
/// let text = r#"{"task": "Translation", "source": "a specification", "item": "text", "exchanges": [
///     {"name": "translate", "layouts": ["default"], "chariot-v2": {"request": {"input": "a"}, "response": {"output": "b"}}}]}"#;
/// let file = conformance::GoldenFile::from_json(text).unwrap();
/// assert_eq!(file.exchanges[0].protocols().count(), 1);
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The name of the exchange, unique in its file
    pub name: String,
    /// The output layouts that give this response; `default` if none is chosen
    pub layouts: Vec<String>,
    /// The rules for the values of any model
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
    /// The request and response in `chariot-v2-kserve`
    #[serde(default, rename = "chariot-v2-kserve")]
    pub kserve: Option<Exchanged>,
    /// The request and response in `chariot-v2`
    #[serde(default, rename = "chariot-v2")]
    pub v2: Option<Exchanged>,
}

/// The bodies of a request and its response.
///
/// ```
/// let text = r#"{"task": "Translation", "source": "a specification", "item": "text", "exchanges": [
///     {"name": "translate", "layouts": ["default"], "chariot-v2": {"request": {"input": "a"}, "response": {"output": "b"}}}]}"#;
/// let file = conformance::GoldenFile::from_json(text).unwrap();
/// assert_eq!(file.exchanges[0].v2.as_ref().unwrap().response["output"], "b");
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchanged {
    /// The body of the request
    pub request: Value,
    /// The body of the response
    pub response: Value,
}

impl Golden {
    /// Reads every `.json` file of a directory.
    ///
    /// # Errors
    /// Returns an error that names the file if the directory has none, or if one cannot be read.
    pub fn read(directory: &Path) -> Result<Self, String> {
        let in_context = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let entries = fs::read_dir(directory).map_err(|error| in_context(directory, &error))?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let mut paths: Vec<_> = paths.collect::<Result<_, _>>().map_err(|error| in_context(directory, &error))?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        if paths.is_empty() {
            return Err(in_context(directory, &"expected golden files, got no file that ends in .json"));
        }
        let files = paths.iter().map(|path| {
            let text = fs::read_to_string(path).map_err(|error| in_context(path, &error))?;
            GoldenFile::from_json(&text).map_err(|error| in_context(path, &error))
        });
        files.collect::<Result<_, _>>().map(Golden)
    }

    /// Returns the files, in the order of their names.
    pub fn files(&self) -> &[GoldenFile] {
        &self.0
    }
}

impl GoldenFile {
    /// Parses the text of a file.
    ///
    /// # Errors
    /// Returns an error if the text is not JSON of this form.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

impl Exchange {
    /// Iterates over the protocols of the exchange, each with its bodies.
    pub fn protocols(&self) -> impl Iterator<Item = (&'static str, &Exchanged)> {
        let both = [("chariot-v2-kserve", &self.kserve), ("chariot-v2", &self.v2)];
        both.into_iter().filter_map(|(protocol, bodies)| Some((protocol, bodies.as_ref()?)))
    }
}
