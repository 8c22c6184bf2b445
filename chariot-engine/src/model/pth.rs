//! PyTorch's files of tensors, in the zip form and in the form before PyTorch 1.6. `LoadContext` calls it. No code of a
//! file is run.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    sync::{Mutex, PoisonError},
};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use zip::{CompressionMethod, ZipArchive};

use super::{
    checkpoint::{self, Entry, Place, Storage},
    named::{self, Source, file_name},
    pickle::{Pickle, Value},
};
use crate::{
    error::{Context, Error, Expected, Result, quoted},
    files,
};

/// The maximum size of the pickles of a file in bytes. Those of the largest models have a few MiB.
const MAX_PICKLE: u64 = 32 << 20;

/// The integer that the form before PyTorch 1.6 begins with, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The version of that form.
const VERSION: i64 = 1001;

/// Returns the tensors of a file. Each is read when it is requested.
pub(super) fn open(path: &Path, dtype: DType, device: &Device) -> Result<VarBuilder<'static>> {
    let read = || -> Result<Checkpoint> {
        let mut file = files::open(path)?;
        let mut start = vec![];
        (&file).take(4).read_to_end(&mut start)?;
        file.rewind()?;
        let entries = match start.as_slice() {
            [b'P', b'K', 3, 4] => from_zip(&mut file)?,
            [0x80, ..] => from_pickles(&mut file)?,
            _ => return Err(Expected::new("a zip archive or a pickle", "other data").to_string().into()),
        };
        Ok(Checkpoint { file: Mutex::new(file), entries })
    };
    let tensors = read().context(format_args!("'{}' is not a PyTorch file that can be read", file_name(path)))?;
    Ok(named::builder(path, tensors, dtype, device))
}

/// Finds the tensors of a zip archive.
fn from_zip(file: &mut File) -> Result<HashMap<String, Entry>> {
    let length = file.metadata()?.len();
    let mut zip = ZipArchive::new(&mut *file)?;
    let names = zip.file_names().map(|name| Ok(name?.into_owned())).collect::<Result<Vec<String>>>()?;
    let roots: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix("data.pkl")).collect();
    let [root] = roots.as_slice() else {
        return Err(Expected::new("one 'data.pkl' in the archive", roots.len()).to_string().into());
    };
    if names.contains(&format!("{root}constants.pkl")) {
        let advice =
            "in Python, save its state_dict(): torch.save(torch.jit.load(\"old.pt\").state_dict(), \"new.pt\")";
        return Err(format!("expected a dictionary of tensors, got a TorchScript program; {advice}").into());
    }
    let (mut object, mut order, mut storages) = (None, None, HashMap::new());
    for (index, name) in names.iter().enumerate() {
        let part = name.strip_prefix(root).unwrap_or_default();
        let key = part.strip_prefix("data/");
        if key.is_none() && !matches!(part, "data.pkl" | "byteorder") {
            continue;
        }
        let entry = zip.by_index_raw(index)?;
        if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
            let got = format!("{} with {}", quoted(name), entry.compression());
            return Err(Expected::new("entries that are stored as they are", got).to_string().into());
        }
        let place = Place { offset: entry.data_start().unwrap_or(u64::MAX), length: entry.size() };
        if place.offset.checked_add(place.length).is_none_or(|end| end > length) {
            return Err(Expected::new(format!("{} within the file", quoted(name)), "an end beyond it")
                .to_string()
                .into());
        }
        match (key, part) {
            (Some(key), _) => drop(storages.insert(key.to_owned(), place)),
            (None, "byteorder") => order = Some(place),
            (None, _) => object = Some(place),
        }
    }
    drop(zip);
    if let Some(order) = order
        && read_place(file, Place { length: order.length.min(16), ..order })? != b"little"
    {
        return Err("expected little-endian numbers, got big-endian ones".into());
    }
    let object = object.filter(|object| object.length <= MAX_PICKLE);
    let object = object.ok_or_else(|| Expected::new("a pickle of at most 32 MiB", "a larger one").to_string())?;
    let pickle = Pickle::read(&read_place(file, object)?)?;
    Ok(checkpoint::entries(&pickle, &storages)?)
}

/// Finds the tensors of a file in the form before PyTorch 1.6: five pickles (a magic number, a version, facts about the
/// machine, the tensors, and the keys of the storages), and then the storages in the order of their keys.
fn from_pickles(file: &mut File) -> Result<HashMap<String, Entry>> {
    let mut start = vec![];
    (&*file).take(MAX_PICKLE).read_to_end(&mut start)?;
    let mut at = 0;
    let mut next = || -> Result<Pickle> {
        let pickle = Pickle::read(&start[at..]).map_err(|fault| match start.len() as u64 {
            MAX_PICKLE => Error::from(format!("{fault} (only the first 32 MiB are read for pickles)")),
            _ => Error::from(fault),
        })?;
        at += pickle.length;
        Ok(pickle)
    };
    let magic = next()?;
    if *magic.value(magic.root()) != Value::Long(MAGIC.to_vec()) {
        let advice = "in Python, save the tensors with PyTorch: torch.save(model.state_dict(), \"new.pt\")";
        return Err(
            format!("expected a file of torch.save, got a pickle of {}; {advice}", magic.kind(magic.root())).into()
        );
    }
    let version = next()?;
    if *version.value(version.root()) != Value::Int(VERSION) {
        return Err(format!("expected version {VERSION} of the form, got another one").into());
    }
    let machine = next()?;
    if let Value::Dict(facts) = machine.value(machine.root()) {
        let is_big = |(key, value): &(_, _)| {
            machine.text(*key) == Some("little_endian") && *machine.value(*value) == Value::Bool(false)
        };
        if facts.iter().any(is_big) {
            return Err("expected little-endian numbers, got big-endian ones".into());
        }
    }
    let (pickle, keys) = (next()?, next()?);
    checkpoint::check_root(&pickle)?;
    let storages = storages(file, at as u64, &pickle, &keys)?;
    Ok(checkpoint::entries(&pickle, &storages)?)
}

/// Returns the places of the storages that follow the pickles: each is its number of elements and then its data.
fn storages(file: &mut File, mut at: u64, pickle: &Pickle, keys: &Pickle) -> Result<HashMap<String, Place>> {
    let mut kinds = HashMap::new();
    for description in pickle.persistent() {
        let storage = Storage::new(pickle, description)?;
        kinds.insert(storage.key, storage.kind);
    }
    let length = file.metadata()?.len();
    let Value::List(keys_in_order) = keys.value(keys.root()) else {
        return Err(Expected::new("a list of the keys of storages", keys.kind(keys.root())).to_string().into());
    };
    let mut places = HashMap::new();
    for key in keys_in_order {
        let key = keys.text(*key).unwrap_or_default();
        let kind = kinds.get(key).ok_or_else(|| format!("expected the key of a storage, got {}", quoted(key)))?;
        let size = checkpoint::type_of(kind).map(|dtype| dtype.size_in_bytes() as u64);
        // Without the size of its elements, nobody knows where the next storage begins.
        let size = size.ok_or_else(|| Expected::new("storages of types that candle has", quoted(kind)).to_string())?;
        file.seek(SeekFrom::Start(at))?;
        let mut count = [0; 8];
        let read = file.read_exact(&mut count).ok().map(|()| u64::from_le_bytes(count));
        let end = read.and_then(|count| count.checked_mul(size)?.checked_add(at + 8)).filter(|end| *end <= length);
        let Some(end) = end else {
            return Err(format!("storage {}: expected its data, got the end of the file", quoted(key)).into());
        };
        places.insert(key.to_owned(), Place { offset: at + 8, length: end - at - 8 });
        at = end;
    }
    Ok(places)
}

fn read_place(mut file: &File, place: Place) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(place.offset))?;
    let mut bytes = vec![0; place.length as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The entries of an open file.
struct Checkpoint {
    /// The lock holds the position: reading a tensor is a seek and a read.
    file: Mutex<File>,
    entries: HashMap<String, Entry>,
}

impl Source for Checkpoint {
    fn load(&self, name: &str, device: &Device) -> candle_core::Result<Tensor> {
        let Some(Entry::Tensor(tensor)) = self.entries.get(name) else { candle_core::bail!("not a tensor") };
        let size = tensor.dtype.size_in_bytes();
        let place = Place { offset: tensor.offset, length: (tensor.span * size) as u64 };
        let mut bytes = read_place(&self.file.lock().unwrap_or_else(PoisonError::into_inner), place)?;
        if !tensor.is_contiguous() {
            bytes = tensor.gathered(&bytes);
        }
        Tensor::from_raw_buffer(&bytes, tensor.dtype, &tensor.shape, device)
    }

    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        match self.entries.get(name)? {
            Entry::Tensor(tensor) => Some(tensor.shape.clone()),
            Entry::Other(_) => None,
        }
    }

    fn names(&self) -> Vec<String> {
        let tensors = self.entries.iter().filter(|(_, entry)| matches!(entry, Entry::Tensor(_)));
        tensors.map(|(name, _)| name.clone()).collect()
    }

    fn fault(&self, name: &str) -> Option<String> {
        match self.entries.get(name)? {
            Entry::Tensor(_) => None,
            Entry::Other(fault) => Some(fault.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn text(text: &str) -> Vec<u8> {
        [&[b'X'][..], &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat()
    }

    fn global(module: &str, name: &str) -> Vec<u8> {
        format!("c{module}\n{name}\n").into_bytes()
    }

    fn integer(number: i64) -> Vec<u8> {
        [&[0x8a, 8][..], &number.to_le_bytes()].concat()
    }

    fn tuple(values: &[Vec<u8>]) -> Vec<u8> {
        [b"(", values.concat().as_slice(), b"t"].concat()
    }

    fn integers(numbers: &[i64]) -> Vec<u8> {
        tuple(&numbers.iter().map(|number| integer(*number)).collect::<Vec<_>>())
    }

    fn call(module: &str, name: &str, arguments: &[Vec<u8>]) -> Vec<u8> {
        [global(module, name), tuple(arguments), b"R".to_vec()].concat()
    }

    fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let entries: Vec<u8> = entries.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()).collect();
        [b"}(", entries.as_slice(), b"u"].concat()
    }

    fn pickle(value: &[u8]) -> Vec<u8> {
        [b"\x80\x02", value, b"."].concat()
    }

    /// A tensor of the first storage, as `torch.save` writes it.
    fn tensor(kind: &str, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
        stored("0", kind, offset, shape, strides)
    }

    fn stored(key: &str, kind: &str, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
        let storage = tuple(&[text("storage"), global("torch", kind), text(key), text("cpu"), integer(6)]);
        let storage = [storage, b"Q".to_vec()].concat();
        let hooks = call("collections", "OrderedDict", &[]);
        let arguments = [storage, integer(offset), integers(shape), integers(strides), b"\x89".to_vec(), hooks];
        call("torch._utils", "_rebuild_tensor_v2", &arguments)
    }

    fn zipped(pickle: &[u8], data: &[u8], more: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(vec![]));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, bytes) in [("m/data.pkl", pickle), ("m/byteorder", b"little"), ("m/data/0", data)].iter().chain(more)
        {
            zip.start_file(*name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn legacy(object: &[u8], data: &[u8], count: i64) -> Vec<u8> {
        let magic = [&[0x8a, 10][..], &MAGIC].concat();
        let machine = dict(&[("little_endian", b"\x88".to_vec())]);
        let keys = [b"](", text("0").as_slice(), b"e"].concat();
        let pickles = [&magic, &integer(VERSION), &machine].map(|value| pickle(value));
        [pickles.concat(), object.to_vec(), pickle(&keys), count.to_le_bytes().to_vec(), data.to_vec()].concat()
    }

    fn open_bytes(bytes: &[u8], dtype: DType) -> Result<VarBuilder<'static>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.pt");
        std::fs::write(&path, bytes).unwrap();
        open(&path, dtype, &Device::Cpu)
    }

    #[track_caller]
    fn fault(bytes: &[u8]) -> String {
        match open_bytes(bytes, DType::F32) {
            Ok(_) => panic!("the file was accepted"),
            Err(error) => error.to_string(),
        }
    }

    const NUMBERS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

    fn data() -> Vec<u8> {
        NUMBERS.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    fn both_forms(object: &[u8]) -> [Vec<u8>; 2] {
        [zipped(&pickle(object), &data(), &[]), legacy(&pickle(object), &data(), 6)]
    }

    fn tensors() -> Vec<u8> {
        let whole = || tensor("FloatStorage", 0, &[2, 3], &[3, 1]);
        let parameter = call("torch._utils", "_rebuild_parameter", &[whole(), b"\x88".to_vec()]);
        let subclass = [
            global("torch._utils", "_rebuild_tensor_v2"),
            global("torch.nn", "Buffer"),
            // The arguments of the call, without its function.
            whole()[global("torch._utils", "_rebuild_tensor_v2").len()..whole().len() - 1].to_vec(),
            dict(&[]),
        ];
        let subclass = call("torch._tensor", "_rebuild_from_type_v2", &subclass);
        dict(&[
            ("whole", whole()),
            ("transposed", tensor("FloatStorage", 0, &[3, 2], &[1, 3])),
            ("column", tensor("FloatStorage", 2, &[2], &[3])),
            ("scalar", tensor("FloatStorage", 4, &[], &[])),
            ("empty", tensor("FloatStorage", 0, &[0, 3], &[3, 1])),
            ("parameter", parameter),
            ("subclass", subclass),
        ])
    }

    #[test]
    fn both_forms_are_read() {
        for bytes in both_forms(&dict(&[("state_dict", tensors()), ("epoch", integer(3))])) {
            let weights = open_bytes(&bytes, DType::F32).unwrap().pp("state_dict");
            for name in ["whole", "parameter", "subclass"] {
                let rows = weights.get((2, 3), name).unwrap().to_vec2::<f32>().unwrap();
                assert_eq!(rows, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "{name}");
            }
            let transposed = weights.get((3, 2), "transposed").unwrap().to_vec2::<f32>().unwrap();
            assert_eq!(transposed, [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]);
            assert_eq!(weights.get(2, "column").unwrap().to_vec1::<f32>().unwrap(), [3.0, 6.0]);
            assert_eq!(weights.get((), "scalar").unwrap().to_scalar::<f32>().unwrap(), 5.0);
            assert_eq!(weights.get((0, 3), "empty").unwrap().dims(), [0, 3]);
        }
    }

    #[test]
    fn tensors_are_converted() {
        let object =
            dict(&[("half", tensor("HalfStorage", 1, &[2], &[1])), ("long", tensor("LongStorage", 1, &[1], &[1]))]);
        let halves: Vec<u8> = NUMBERS.iter().flat_map(|number| half::f16::from_f32(*number).to_le_bytes()).collect();
        let longs = [halves.as_slice(), &[0; 4]].concat();
        let weights = open_bytes(&zipped(&pickle(&object), &longs, &[]), DType::F64).unwrap();
        assert_eq!(weights.get(2, "half").unwrap().to_vec1::<f64>().unwrap(), [2.0, 3.0]);
        let long = i64::from_le_bytes(longs[8..16].try_into().unwrap());
        assert_eq!(weights.get(1, "long").unwrap().to_vec1::<f64>().unwrap(), [long as f64]);
    }

    #[test]
    fn entries_that_cannot_be_read_are_named() {
        let object = dict(&[
            ("whole", tensor("FloatStorage", 0, &[2, 3], &[3, 1])),
            ("complex", tensor("ComplexFloatStorage", 0, &[1], &[1])),
            ("sparse", call("torch._utils", "_rebuild_sparse_tensor", &[])),
        ]);
        let args = call("argparse", "Namespace", &[]);
        let object = dict(&[("state_dict", object), ("epoch", integer(3)), ("args", args)]);
        let weights = open_bytes(&zipped(&pickle(&object), &data(), &[]), DType::F32).unwrap();
        let mut messages = String::new();
        for name in ["epoch", "args", "state_dict.complex", "state_dict.sparse", "state_dict.while"] {
            let error = weights.get(1, name).unwrap_err().to_string();
            assert!(error.starts_with(&format!("'model.pt': tensor '{name}'")), "{error}");
            assert!(!weights.contains_tensor(name));
            messages += &format!("{error}\n");
        }
        messages += &format!("{}\n", weights.get(1, "state_dict.whole").unwrap_err());
        insta::assert_snapshot!("entries", messages);
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        for bytes in both_forms(&dict(&[("a", tensor("FloatStorage", 0, &[2, 3], &[3, 1]))])) {
            assert!(open_bytes(&bytes, DType::F32).unwrap().get((2, 3), "a").is_ok());
            for length in 0..bytes.len() {
                let error = fault(&bytes[..length]);
                assert!(error.starts_with("'model.pt' is not a PyTorch file that can be read: "), "{error}");
            }
        }
    }

    #[test]
    fn damaged_bytes_never_panic() {
        for bytes in both_forms(&dict(&[("a", tensor("FloatStorage", 0, &[3, 2], &[1, 3]))])) {
            let mut damaged = bytes.clone();
            for at in 0..bytes.len() {
                for byte in [0xff, bytes[at] ^ 1] {
                    damaged[at] = byte;
                    if let Ok(weights) = open_bytes(&damaged, DType::F32) {
                        let _ = weights.get((3, 2), "a");
                    }
                }
                damaged[at] = bytes[at];
            }
        }
    }

    #[test]
    fn hostile_files_are_refused_and_take_no_memory() {
        let named = |value: Vec<u8>| zipped(&pickle(&dict(&[("a", value)])), &data(), &[]);
        let raw = |pickle: &[u8]| zipped(pickle, &data(), &[]);
        let huge = 1 << 40;
        // Each dictionary has the one before it twice: 2^40 tensors.
        let doubled = (1..40).fold(dict(&[("a", tensor("FloatStorage", 0, &[1], &[1]))]), |inner, _| {
            [b"}".as_slice(), b"(", &text("x"), &inner, b"q\x00", &text("y"), b"h\x00u"].concat()
        });
        // Its entries have no name, and it is in another one so often that they are more than the limit.
        let nameless = [b"}(".as_slice(), &b"NN".repeat(2049), b"uq\x00"].concat();
        let often: Vec<u8> = (0..2049).flat_map(|key| [integer(key), b"h\x00".to_vec()].concat()).collect();
        let often = [nameless.as_slice(), b"0}(", &often, b"u"].concat();
        let itself = [b"}q\x00(".as_slice(), &text("a"), b"h\x00u"].concat();
        let deep = [b"(".as_slice(), &b"(".repeat(100_000), b"t".repeat(100_000).as_slice(), b"t"].concat();
        let longest = [b"\x8d".as_slice(), &(1u64 << 60).to_le_bytes()].concat();
        let class = call("torchvision.models.resnet", "ResNet", &[]);
        let script: &[(&str, &[u8])] = &[("m/constants.pkl", b"")];
        let big: &[(&str, &[u8])] = &[("x/data.pkl", b"")];
        let cases = [
            ("a huge shape", named(tensor("FloatStorage", 0, &[huge, huge, huge], &[1, 1, 1]))),
            ("repeated elements", named(tensor("FloatStorage", 0, &[huge], &[0]))),
            ("an offset beyond the storage", named(tensor("FloatStorage", 6, &[1], &[1]))),
            ("a huge offset", named(tensor("FloatStorage", i64::MAX, &[2], &[i64::MAX]))),
            ("a negative stride", named(tensor("FloatStorage", 5, &[2], &[-1]))),
            ("strides beyond the storage", named(tensor("FloatStorage", 0, &[2], &[6]))),
            ("no such storage", named(stored("../0", "FloatStorage", 0, &[1], &[1]))),
            (
                "a storage that is too short",
                legacy(&pickle(&dict(&[("a", tensor("FloatStorage", 0, &[1], &[1]))])), &data(), 7),
            ),
            (
                "a huge storage",
                legacy(&pickle(&dict(&[("a", tensor("FloatStorage", 0, &[1], &[1]))])), &data(), i64::MAX),
            ),
            ("too few arguments", named(call("torch._utils", "_rebuild_tensor_v2", &[]))),
            ("doubled dictionaries", raw(&pickle(&doubled))),
            ("a large dictionary that is there often", raw(&pickle(&often))),
            ("a dictionary in itself", raw(&pickle(&itself))),
            ("deep tuples", raw(&pickle(&deep))),
            ("a string of 2^60 bytes", raw(&pickle(&longest))),
            ("an unknown opcode", raw(b"\x80\x02\xff.")),
            ("a call of a constructor", raw(b"\x80\x02(ios\nsystem\n.")),
            ("a call of a function", raw(&pickle(&call("os", "system", &[text("exit 1")])))),
            ("a value from an empty stack", raw(b"\x80\x02.")),
            ("a value from nowhere", raw(b"\x80\x02h\x07.")),
            ("a whole module", raw(&pickle(&[class.clone(), b"}b".to_vec()].concat()))),
            ("a module of the older form", legacy(&pickle(&class), &[], 0)),
            ("a TorchScript program", zipped(&pickle(&dict(&[])), &data(), script)),
            ("two pickles", zipped(&pickle(&dict(&[])), &data(), big)),
            ("no tensors", raw(&pickle(&dict(&[("epoch", integer(1))])))),
            ("another pickle", pickle(&dict(&[]))),
            ("an empty file", vec![]),
            ("another file", b"GGUF".to_vec()),
        ];
        let mut messages = String::new();
        for (case, bytes) in cases {
            let error = fault(&bytes);
            let (_, error) = error.split_once("'model.pt' is not a PyTorch file that can be read: ").expect("the file");
            messages += &format!("{case} → {error}\n");
        }
        insta::assert_snapshot!("hostile", messages);
    }

    #[test]
    fn other_byte_orders_and_compressed_entries_are_refused() {
        let object = pickle(&dict(&[("a", tensor("FloatStorage", 0, &[1], &[1]))]));
        let bytes = zipped(&object, &data(), &[]);
        let at = bytes.windows(6).position(|bytes| bytes == b"little").unwrap();
        let mut big = bytes.clone();
        big[at..at + 6].copy_from_slice(b"big\0\0\0");
        let error = fault(&big);
        assert!(error.ends_with("expected little-endian numbers, got big-endian ones"), "{error}");
        // The method of compression, in the central directory.
        let at = bytes.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap() + 10;
        let mut compressed = bytes.clone();
        compressed[at] = 8;
        let error = fault(&compressed);
        assert!(error.contains("expected entries that are stored as they are, got 'm/data.pkl'"), "{error}");
    }
}
