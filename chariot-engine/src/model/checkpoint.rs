//! The tensors that a pickle of PyTorch describes: their names, shapes and places in the file. `pth` calls it.

use std::collections::HashMap;

use candle_core::DType;

use super::pickle::{Id, Pickle, Value};
use crate::error::{Expected, quoted};

/// The maximum depth of dictionaries within dictionaries.
const MAX_DEPTH: usize = 16;

/// The maximum number of bytes of all names. Dictionaries that are shared could otherwise multiply them without end.
const MAX_NAMES: usize = 64 << 20;

/// The maximum number of entries that are visited.
const MAX_PAIRS: usize = 4 << 20;

/// The place of a storage in the file: the offset of its first byte, and its length in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// A tensor of a checkpoint.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) dtype: DType,
    pub(super) shape: Vec<usize>,
    /// The distance of neighbours along each dimension, in elements.
    pub(super) strides: Vec<usize>,
    /// The offset of the first element in the file.
    pub(super) offset: u64,
    /// The number of elements from the first to the last, both included. At most as many as the file has.
    pub(super) span: usize,
}

impl Described {
    /// Returns `true` if the elements lie in the file in their order and without gaps.
    pub(super) fn is_contiguous(&self) -> bool {
        if self.span == 0 {
            return true;
        }
        let mut distance = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(size, stride)| {
            let fits = *size == 1 || *stride == distance;
            distance *= size;
            fits
        })
    }

    /// Returns the elements in their order, from the bytes of the span.
    pub(super) fn gathered(&self, span: &[u8]) -> Vec<u8> {
        let size = self.dtype.size_in_bytes();
        let count = self.shape.iter().product::<usize>();
        let mut bytes = Vec::with_capacity(count * size);
        let mut index = vec![0; self.shape.len()];
        let mut at = 0;
        for _ in 0..count {
            bytes.extend_from_slice(&span[at * size..][..size]);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                at += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                at -= self.strides[axis] * self.shape[axis];
                index[axis] = 0;
            }
        }
        bytes
    }
}

/// An entry of a checkpoint.
#[derive(Debug)]
pub(super) enum Entry {
    Tensor(Described),
    /// Anything else, with the reason why it is not a tensor that can be read.
    Other(String),
}

/// Returns the entries of the dictionary that a pickle is of. Names within nested dictionaries are joined with dots.
///
/// # Errors
/// Returns an error if the pickle is of anything but a dictionary, if it has no tensors, or if a tensor lies outside of
/// its storage.
pub(super) fn entries(pickle: &Pickle, storages: &HashMap<String, Place>) -> Result<HashMap<String, Entry>, String> {
    check_root(pickle)?;
    let mut walk = Walk { pickle, storages, entries: HashMap::new(), names: 0, pairs: 0 };
    walk.dict(pickle.root(), "", 0)?;
    match walk.entries.values().any(|entry| matches!(entry, Entry::Tensor(_))) {
        true => Ok(walk.entries),
        false => Err(no_tensors("a dictionary without tensors")),
    }
}

/// Returns an error unless a pickle is of a dictionary.
///
/// # Errors
/// The message says what the pickle is of, and how to save tensors instead.
pub(super) fn check_root(pickle: &Pickle) -> Result<(), String> {
    match pickle.value(pickle.root()) {
        Value::Dict(_) => Ok(()),
        _ => Err(no_tensors(&pickle.kind(pickle.root()))),
    }
}

fn no_tensors(got: &str) -> String {
    let advice = "in Python, save the model's state_dict(): torch.save(model.state_dict(), \"new.pt\")";
    format!("{}; {advice}", Expected::new("a dictionary of tensors", got))
}

struct Walk<'a> {
    pickle: &'a Pickle,
    storages: &'a HashMap<String, Place>,
    entries: HashMap<String, Entry>,
    /// The number of bytes of all names.
    names: usize,
    /// The number of entries that were visited.
    pairs: usize,
}

impl Walk<'_> {
    fn dict(&mut self, id: Id, prefix: &str, depth: usize) -> Result<(), String> {
        if depth == MAX_DEPTH {
            return Err(format!("expected dictionaries at most {MAX_DEPTH} deep, got deeper ones"));
        }
        let Value::Dict(pairs) = self.pickle.value(id) else { return Ok(()) };
        for (key, value) in pairs {
            // Also of those that are skipped: one dictionary can be in many others.
            self.pairs += 1;
            if self.pairs > MAX_PAIRS {
                return Err(format!("expected at most {MAX_PAIRS} entries in all dictionaries, got more"));
            }
            let key = match self.pickle.value(*key) {
                Value::Text(key) => key.clone(),
                Value::Int(key) => key.to_string(),
                _ => continue,
            };
            self.names = self.names.saturating_add(prefix.len() + key.len() + 64);
            if self.names > MAX_NAMES {
                return Err("expected names of at most 64 MiB, got more".into());
            }
            let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            if matches!(self.pickle.value(*value), Value::Dict(_)) {
                self.dict(*value, &name, depth + 1)?;
                continue;
            }
            let entry = self.entry(*value).map_err(|fault| format!("tensor {}: {fault}", quoted(&name)))?;
            self.entries.insert(name, entry);
        }
        Ok(())
    }

    fn entry(&self, id: Id) -> Result<Entry, String> {
        let Some((function, arguments)) = self.rebuild(id) else {
            return Ok(Entry::Other(Expected::new("a tensor", self.pickle.kind(id)).into()));
        };
        let typed = match function {
            "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2" => None,
            "torch._utils._rebuild_tensor_v3" => arguments.get(6).copied(),
            other => {
                return Ok(Entry::Other(Expected::new("a dense tensor", format!("one of {}", quoted(other))).into()));
            }
        };
        let [storage, offset, shape, strides, ..] = arguments else {
            return Err("expected a storage, an offset, a shape and strides, got fewer arguments".into());
        };
        let (Value::Persistent(storage), Some(offset)) = (self.pickle.value(*storage), self.pickle.count(*offset))
        else {
            return Err("expected a storage and an offset, got other values".into());
        };
        let (Some(shape), Some(strides)) = (self.counts(*shape), self.counts(*strides)) else {
            return Err("expected a shape and strides of integers, got other values".into());
        };
        let storage = Storage::new(self.pickle, *storage)?;
        if storage.is_view {
            return Ok(Entry::Other(Expected::new("a whole storage", "a view of one").into()));
        }
        let kind = typed.and_then(|dtype| self.pickle.global(dtype)).unwrap_or(storage.kind);
        let Some(dtype) = type_of(kind) else {
            return Ok(Entry::Other(Expected::new("a type that candle has", quoted(kind)).into()));
        };
        let place = self.storages.get(storage.key);
        let place = place.ok_or_else(|| format!("expected its data as {}, got none", quoted(storage.key)))?;
        place_tensor(dtype, offset, shape, strides, *place).map(Entry::Tensor)
    }

    /// Returns the function that makes a tensor and its arguments, without the wrappers of parameters and subclasses.
    fn rebuild(&self, mut id: Id) -> Option<(&str, &[Id])> {
        for _ in 0..MAX_DEPTH {
            let (function, arguments) = self.pickle.call(id)?;
            match (function, arguments) {
                ("torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state", [tensor, ..]) => {
                    id = *tensor;
                }
                ("torch._tensor._rebuild_from_type_v2", [function, _, arguments, ..]) => {
                    return Some((self.pickle.global(*function)?, self.pickle.tuple(*arguments)?));
                }
                _ => return Some((function, arguments)).filter(|(name, _)| name.starts_with("torch._utils._rebuild_")),
            }
        }
        None
    }

    fn counts(&self, id: Id) -> Option<Vec<usize>> {
        self.pickle.tuple(id)?.iter().map(|count| self.pickle.count(*count)).collect()
    }
}

/// The description of a storage: what its elements are, and the key of its data.
pub(super) struct Storage<'a> {
    /// The class of the storage, or the type of its elements.
    pub(super) kind: &'a str,
    pub(super) key: &'a str,
    is_view: bool,
}

impl<'a> Storage<'a> {
    /// Reads the description of data outside a pickle.
    pub(super) fn new(pickle: &'a Pickle, description: Id) -> Result<Self, String> {
        let parts = pickle.tuple(description).unwrap_or_default();
        let [_, kind, key, _, _, view @ ..] = parts else {
            return Err(Expected::new("a storage", pickle.kind(description)).into());
        };
        let (Some(kind), Some(key)) = (pickle.global(*kind), pickle.text(*key)) else {
            return Err("expected a storage with a type and a key, got other values".into());
        };
        let is_view = view.first().is_some_and(|view| *pickle.value(*view) != Value::None);
        Ok(Storage { kind, key, is_view })
    }
}

/// Returns the type of the elements of a storage class, or of a type of PyTorch; `None` if candle has no such type.
pub(super) fn type_of(name: &str) -> Option<DType> {
    let (module, name) = name.rsplit_once('.')?;
    if module != "torch" && !module.starts_with("torch.") {
        return None;
    }
    Some(match name {
        "FloatStorage" | "float32" => DType::F32,
        "DoubleStorage" | "float64" => DType::F64,
        "HalfStorage" | "float16" => DType::F16,
        "BFloat16Storage" | "bfloat16" => DType::BF16,
        "ByteStorage" | "BoolStorage" | "uint8" | "bool" => DType::U8,
        "ShortStorage" | "int16" => DType::I16,
        "IntStorage" | "int32" => DType::I32,
        "LongStorage" | "int64" => DType::I64,
        "uint32" => DType::U32,
        "float8_e4m3fn" => DType::F8E4M3,
        _ => return None,
    })
}

fn place_tensor(
    dtype: DType,
    start: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
    storage: Place,
) -> Result<Described, String> {
    if shape.len() != strides.len() {
        return Err(Expected::new(format!("{} strides", shape.len()), strides.len()).into());
    }
    let size = dtype.size_in_bytes();
    let elements = usize::try_from(storage.length).unwrap_or(usize::MAX) / size;
    let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    // A view that repeats elements could take any amount of memory.
    let Some(count) = count.filter(|count| *count <= elements) else {
        let got = format!("the shape {shape:?}");
        return Err(Expected::new(format!("at most the {elements} elements of its storage"), got).into());
    };
    let last = shape
        .iter()
        .zip(&strides)
        .try_fold(start, |last, (size, stride)| last.checked_add(size.saturating_sub(1).checked_mul(*stride)?));
    let span = match (count, last) {
        (0, _) => 0,
        (_, Some(last)) if last < elements => last - start + 1,
        _ => {
            let got = format!("shape {shape:?} with strides {strides:?} from element {start}");
            return Err(Expected::new(format!("a tensor within the {elements} elements of its storage"), got).into());
        }
    };
    let offset = storage.offset + if span == 0 { 0 } else { (start * size) as u64 };
    Ok(Described { dtype, shape, strides, offset, span })
}
