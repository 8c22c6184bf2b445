//! [`Shards`]: the tensors of several files, which an index in Hugging Face's form names. `weights` opens them.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Component, Path, PathBuf},
};

use candle_core::{Device, Tensor};
use serde::Deserialize;

use super::named::{Source, file_name};
use crate::{
    error::{Context, Error, Expected, Result, listed, quoted},
    files,
};

/// The end of the name of an index.
const INDEX: &str = ".index.json";

/// The maximum size of an index in bytes: far more than the largest models have.
const MAX_INDEX: usize = 64 << 20;

/// Returns `true` for the path of an index of shards.
pub(super) fn is_index(path: &Path) -> bool {
    file_name(path).ends_with(INDEX)
}

/// Returns the name of the index of a file that is stored as shards.
pub(super) fn index_of(name: &Path) -> PathBuf {
    let mut index = name.as_os_str().to_owned();
    index.push(INDEX);
    index.into()
}

/// The part of an index that says where tensors are.
#[derive(Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: BTreeMap<String, String>,
}

/// The tensors of several files. Each tensor is read from the file that the index names for it.
pub(super) struct Shards<T> {
    /// The name of each file, and its tensors.
    files: Vec<(String, T)>,
    /// The index of each tensor's file in `files`.
    places: HashMap<String, usize>,
}

impl<T: Source> Shards<T> {
    /// Opens the shards beside an index, each once, with a function that opens one file.
    ///
    /// # Errors
    /// Returns an error that names the index if it is no index, names no tensor, or names a file outside its own folder;
    /// and one that also names the shard if that does not exist, cannot be read or lacks a tensor.
    pub(super) fn open(index: &Path, open: impl Fn(&Path) -> Result<T>) -> Result<Self> {
        let shown = file_name(index);
        Self::open_all(index, open).context(format_args!("reading '{shown}'"))
    }

    fn open_all(path: &Path, open: impl Fn(&Path) -> Result<T>) -> Result<Self> {
        let Some(text) = files::read_up_to(path, MAX_INDEX)? else {
            return Err(Expected::new("an index of at most 64 MiB", "a larger file").to_string().into());
        };
        let index: Index = serde_json::from_slice(&text)?;
        if index.weight_map.is_empty() {
            return Err("expected a 'weight_map' with the file of each tensor, got an empty one".into());
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut shards = Shards { files: vec![], places: HashMap::new() };
        let mut opened: HashMap<String, usize> = HashMap::new();
        let mut lacking: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (tensor, file) in index.weight_map {
            let place = match opened.get(&file) {
                Some(place) => *place,
                None => {
                    let tensors = open(&shard(folder, &file)?)?;
                    let place = shards.files.len();
                    shards.files.push((file.clone(), tensors));
                    opened.insert(file, place);
                    place
                }
            };
            if shards.files[place].1.shape(&tensor).is_none() {
                lacking.entry(place).or_default().push(quoted(&tensor));
            }
            shards.places.insert(tensor, place);
        }
        match lacking.first_key_value() {
            Some((place, tensors)) => {
                let file = quoted(&shards.files[*place].0);
                let what =
                    format!("a shard with the tensors that the index names, got one without {}", listed(tensors, ", "));
                Err(Error::from(format!("shard {file}: expected {what}")))
            }
            None => Ok(shards),
        }
    }
}

/// Returns the path of a shard from its name in the index.
fn shard(folder: &Path, name: &str) -> Result<PathBuf> {
    let shown = quoted(name);
    let mut parts = Path::new(name).components();
    if name.is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
        return Err(format!(
            "shard {shown}: expected the name of a file beside the index, got a path that leaves its folder"
        )
        .into());
    }
    let path = folder.join(name);
    match files::odd_kind(&path) {
        Ok(None) => Ok(path),
        Ok(Some(kind)) => Err(format!("shard {shown}: {}", files::not_regular(kind)).into()),
        Err(error) => Err(format!("shard {shown}: expected a file beside the index: {error}").into()),
    }
}

impl<T: Source> Source for Shards<T> {
    fn load(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
        match self.places.get(name) {
            Some(place) => self.files[*place].1.load(name, device),
            None => candle_core::bail!("not in the index"),
        }
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        self.files[*self.places.get(name)?].1.shape(name)
    }

    fn names(&self) -> Vec<String> {
        self.places.keys().cloned().collect()
    }

    fn file_of(&self, name: &str) -> Option<&str> {
        Some(&self.files[*self.places.get(name)?].0)
    }
}
