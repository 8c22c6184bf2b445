//! [`Gguf`]: a GGUF file, with its metadata and its quantized tensors. `LoadContext` opens it.

use std::{
    fmt,
    fs::File,
    io::BufReader,
    path::Path,
    sync::{Mutex, PoisonError},
};

use candle_core::{
    Device, Tensor,
    quantized::{GgmlDType, QMatMul, QTensor, gguf_file::Content},
};

use super::{
    gguf_header,
    gguf_value::GgufValue,
    named::{file_name, not_found, plain},
};
use crate::{
    error::{Context, Error, Expected, Result, quoted},
    files,
    ops::Linear,
};

/// A GGUF file: its metadata, and its tensors, which are read one by one.
///
/// The header is read and checked when the file is opened. A tensor is read when it is requested, onto the device of
/// the model, so the file must not change meanwhile. Shapes are in candle's order: a matrix is `(outputs, inputs)`.
///
/// candle's tensor types are F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K and Q6_K. A file with a
/// tensor of another type is refused.
///
/// ```no_run
/// use chariot_engine::{
///     Result,
///     candle::{Module, Tensor, quantized::QMatMul},
///     model::LoadContext,
/// };
///
/// struct Head {
///     norm: Tensor,
///     output: QMatMul,
/// }
///
/// fn load(ctx: &LoadContext) -> Result<Head> {
///     let file = ctx.gguf("model.gguf")?;
///     let width: usize = file.metadata("llama.embedding_length")?;
///     let norm = file.dequantized("output_norm.weight")?;
///     assert_eq!(norm.dims(), [width]);
///     Ok(Head { norm, output: file.matmul("output.weight")? })
/// }
///
/// fn logits(head: &Head, hidden: &Tensor) -> Result<Tensor> {
///     Ok(head.output.forward(&hidden.broadcast_mul(&head.norm)?)?)
/// }
/// ```
pub struct Gguf {
    file: String,
    content: Content,
    /// The lock holds the position: reading a tensor is a seek and a read.
    reader: Mutex<BufReader<File>>,
    device: Device,
}

impl Gguf {
    /// Opens a file, and reads its header.
    pub(super) fn open(path: &Path, device: &Device) -> Result<Self> {
        let file = file_name(path);
        let unreadable = || format!("'{file}' is not a GGUF file that can be read");
        let opened = files::open(path).context(unreadable())?;
        let length = opened.metadata().context(unreadable())?.len();
        let mut reader = BufReader::new(opened);
        let content = gguf_header::read(&mut reader, length).context(unreadable())?;
        let gguf = Gguf { file, content, reader: Mutex::new(reader), device: device.clone() };
        match gguf.metadata_if_any::<u64>("split.count")? {
            Some(parts @ 2..) => {
                let advice = "join the parts with 'gguf-split --merge first-part.gguf whole.gguf'";
                let fault = Expected::new("a whole model", format!("one of {parts} parts"));
                Err(Error::from(format!("'{}': {fault}; {advice}", gguf.file)))
            }
            _ => Ok(gguf),
        }
    }

    /// Returns a value of the metadata.
    ///
    /// ```no_run
    /// # use chariot_engine::{Result, model::Gguf};
    /// # fn read(file: &Gguf) -> Result<()> {
    /// let layers: usize = file.metadata("llama.block_count")?;
    /// let tokens: Vec<String> = file.metadata("tokenizer.ggml.tokens")?;
    /// # let _ = (layers, tokens);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns an error that names the file and the key if there is no such value, if it has another type, or if it is an
    /// integer that `T` does not have.
    pub fn metadata<T: GgufValue>(&self, key: &str) -> Result<T> {
        match self.metadata_if_any(key)? {
            Some(value) => Ok(value),
            None => {
                let keys = self.content.metadata.keys();
                let closest = keys.min_by_key(|other| (strsim::levenshtein(other, key), other.as_str()));
                let hint = closest.map(|closest| format!("; did you mean {}?", quoted(closest))).unwrap_or_default();
                Err(format!("'{}': metadata {} not found{hint}", self.file, quoted(key)).into())
            }
        }
    }

    /// Returns a value of the metadata; `None` if the file does not have it.
    ///
    /// # Errors
    /// Returns an error that names the file and the key if the value has another type, or if it is an integer that `T`
    /// does not have.
    pub fn metadata_if_any<T: GgufValue>(&self, key: &str) -> Result<Option<T>> {
        let value = self.content.metadata.get(key).map(T::read).transpose();
        value.map_err(|fault| self.metadata_fault(key, fault))
    }

    /// Returns the name of the file.
    #[cfg(feature = "text")]
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Returns an error that names the file and the key of a value.
    pub(super) fn metadata_fault(&self, key: &str, fault: impl fmt::Display) -> Error {
        format!("'{}': metadata {}: {fault}", self.file, quoted(key)).into()
    }

    /// Returns the names of all tensors, sorted.
    pub fn tensor_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.content.tensor_infos.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Returns `true` if the file has a tensor of this name.
    pub fn contains_tensor(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    /// Reads a tensor as it is, quantized.
    ///
    /// Multiply by it with [`linear`](Self::linear) or [`matmul`](Self::matmul) rather than with candle's `QMatMul::from_qtensor`: some of candle's
    /// products are slow or wrong.
    ///
    /// # Errors
    /// Returns an error that names the file and the tensor if it does not exist or cannot be read.
    pub fn tensor(&self, name: &str) -> Result<QTensor> {
        let Some(tensor) = self.content.tensor_infos.get(name) else {
            let names = self.content.tensor_infos.keys().cloned().collect();
            return Err(not_found(&self.file, name, names).into());
        };
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let tensor = tensor.read(&mut *reader, self.content.tensor_data_offset, &self.device);
        tensor.map_err(|error| self.error(name, error))
    }

    /// Reads a tensor as `F32`: norms, biases, and what is looked up rather than multiplied.
    ///
    /// # Errors
    /// Returns the errors of [`tensor`](Self::tensor).
    pub fn dequantized(&self, name: &str) -> Result<Tensor> {
        let tensor = self.tensor(name)?.dequantize(&self.device);
        tensor.map_err(|error| self.error(name, error))
    }

    /// Reads a matrix of shape `(outputs, inputs)` to multiply `F32` inputs of shape `(..., inputs)` by, as
    /// `candle::Module::forward` does.
    ///
    /// On the CPU, matrices of Q4_1, Q5_0 and Q5_1 are dequantized to `F32` here, and then take 5 to 6 times their memory.
    /// candle multiplies by these types 3 to 40 times slower than by `F32`, and by Q4_1 and Q5_1 also to infinity or NaN
    /// for inputs beyond some 65,000. F32, F16 and BF16 become `F32` too. All others stay quantized, and
    /// candle rounds the inputs of each product to 8 bits. With them a single row is multiplied faster than with `F32`
    /// unless the matrix is small; with tens of rows Q4_K, Q6_K and Q8_0 are still faster, Q2_K, Q3_K and Q5_K about as
    /// fast, and Q4_0 is several times slower on x86. On a GPU every quantized type stays quantized.
    ///
    /// # Errors
    /// Returns the errors of [`tensor`](Self::tensor), and an error if the tensor is not a matrix.
    pub fn matmul(&self, name: &str) -> Result<QMatMul> {
        let tensor = self.matrix(name)?;
        let product = match self.device.is_cpu() && !is_multiplied_well(tensor.dtype()) {
            true => tensor.dequantize(&self.device).map(QMatMul::Tensor),
            false => QMatMul::from_qtensor(tensor),
        };
        product.map_err(|error| self.error(name, error))
    }

    /// Reads a matrix of shape `(outputs, inputs)` as a linear layer without a bias.
    ///
    /// On the CPU, and for Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0, it is the fastest product and the only one that rounds nothing;
    /// it takes 1.25 bytes for each number at most ([`Linear::from_quantized`]). Other types are dequantized to `F32`: prefer
    /// [`matmul`](Self::matmul) for Q2_K to Q6_K if memory is scarce.
    ///
    /// # Errors
    /// Returns the errors of [`matmul`](Self::matmul).
    pub fn linear(&self, name: &str) -> Result<Linear> {
        let layer = Linear::from_quantized(&self.matrix(name)?, None);
        layer.map_err(|error| self.error(name, error))
    }

    fn matrix(&self, name: &str) -> Result<QTensor> {
        let tensor = self.tensor(name)?;
        if tensor.rank() != 2 {
            let fault = Expected::new("a matrix", format!("shape {:?}", tensor.shape().dims()));
            return Err(format!("'{}': tensor {}: {fault}", self.file, quoted(name)).into());
        }
        Ok(tensor)
    }

    /// Splits the file into candle's parts, which the quantized models of `candle-transformers` are made from. These
    /// multiply as candle does, whatever [`matmul`](Self::matmul) says of a type.
    pub fn into_parts(self) -> (Content, BufReader<File>) {
        (self.content, self.reader.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn error(&self, name: &str, error: candle_core::Error) -> Error {
        format!("'{}': tensor {}: {}", self.file, quoted(name), plain(error)).into()
    }
}

impl fmt::Debug for Gguf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tensors = self.content.tensor_infos.len();
        f.debug_struct("Gguf").field("file", &self.file).field("tensors", &tensors).finish_non_exhaustive()
    }
}

/// Returns `true` for the types whose product on the CPU is right, and not slower than that of `F32` for single rows.
fn is_multiplied_well(dtype: GgmlDType) -> bool {
    // The sums of Q4_1 and Q5_1 are halves, which overflow; none of these three has vector instructions on x86.
    !matches!(dtype, GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use candle_core::{
        DType, Module,
        quantized::gguf_file::{self, Value},
    };

    use super::*;

    const TYPES: [GgmlDType; 13] = [
        GgmlDType::F32,
        GgmlDType::F16,
        GgmlDType::BF16,
        GgmlDType::Q4_0,
        GgmlDType::Q4_1,
        GgmlDType::Q5_0,
        GgmlDType::Q5_1,
        GgmlDType::Q8_0,
        GgmlDType::Q2K,
        GgmlDType::Q3K,
        GgmlDType::Q4K,
        GgmlDType::Q5K,
        GgmlDType::Q6K,
    ];

    fn open(bytes: &[u8]) -> Result<Gguf> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.gguf");
        std::fs::write(&path, bytes).unwrap();
        Gguf::open(&path, &Device::Cpu)
    }

    #[track_caller]
    fn fault<T>(result: Result<T>) -> String {
        match result {
            Ok(_) => panic!("the value was accepted"),
            Err(error) => error.to_string(),
        }
    }

    fn written(metadata: &[(&str, Value)], tensors: &[(String, QTensor)]) -> Vec<u8> {
        let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, value)).collect();
        let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let mut file = Cursor::new(vec![]);
        gguf_file::write(&mut file, &metadata, &tensors).unwrap();
        file.into_inner()
    }

    /// Returns a matrix of numbers from -1 to 1, which are the same in every run.
    fn matrix(rows: usize, columns: usize, scale: f32) -> Tensor {
        let mut random = fastrand(rows * columns);
        let values: Vec<f32> = (0..rows * columns).map(|_| random() * scale).collect();
        Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
    }

    fn fastrand(seed: usize) -> impl FnMut() -> f32 {
        let mut state = seed as u32;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        }
    }

    fn quantized(rows: usize, columns: usize) -> Vec<(String, QTensor)> {
        let weights = matrix(rows, columns, 1.0);
        let fits = TYPES.iter().filter(|dtype| columns.is_multiple_of(dtype.block_size()));
        fits.map(|dtype| (format!("{dtype:?}"), QTensor::quantize(&weights, *dtype).unwrap())).collect()
    }

    #[test]
    fn tensors_of_every_type_are_read_as_they_were_written() {
        for (rows, columns) in [(6, 512), (3, 96), (1, 1)] {
            let tensors = quantized(rows, columns);
            let file = open(&written(&[], &tensors)).unwrap();
            assert_eq!(file.tensor_names().len(), tensors.len());
            for (name, tensor) in &tensors {
                assert!(file.contains_tensor(name));
                let read = file.tensor(name).unwrap();
                assert_eq!((read.dtype(), read.shape()), (tensor.dtype(), tensor.shape()));
                assert_eq!(read.data().unwrap(), tensor.data().unwrap());
                let expected = tensor.dequantize(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
                assert_eq!(file.dequantized(name).unwrap().to_vec2::<f32>().unwrap(), expected);
            }
        }
    }

    #[test]
    fn products_of_every_type_agree_with_the_dequantized_matrix() {
        // Rows of one block, of three, and of several large ones; numbers of outputs with and without candle's tiles.
        for (outputs, columns) in [(5, 32), (7, 96), (64, 512), (6, 768)] {
            let file = open(&written(&[], &quantized(outputs, columns))).unwrap();
            for name in file.tensor_names() {
                let product = file.matmul(name).unwrap();
                let weights = file.dequantized(name).unwrap().to_dtype(DType::F64).unwrap();
                let norms = weights.sqr().unwrap().sum(1).unwrap().sqrt().unwrap();
                let norm = norms.max_all().unwrap().to_scalar::<f64>().unwrap();
                for (rows, scale) in [(1, 1.0), (3, 1.0), (2, 1e6)] {
                    let inputs = matrix(rows, columns, scale);
                    let outputs = product.forward(&inputs).unwrap().to_dtype(DType::F64).unwrap();
                    let exact = inputs.to_dtype(DType::F64).unwrap().matmul(&weights.t().unwrap()).unwrap();
                    let difference = (outputs - exact).unwrap().abs().unwrap().max_all().unwrap();
                    // Inputs of 8 bits are off by 1/256 of the largest at most, and these errors are independent.
                    let allowed = f64::from(scale) * norm / 256.0 * 4.0;
                    let difference = difference.to_scalar::<f64>().unwrap();
                    assert!(
                        difference <= allowed,
                        "{name}, {columns} columns, scale {scale}: {difference} > {allowed}"
                    );
                }
            }
        }
    }

    #[test]
    fn layers_of_every_type_are_those_of_the_dequantized_matrix() {
        let file = open(&written(&[], &quantized(7, 512))).unwrap();
        let inputs = matrix(3, 512, 1.0);
        for name in file.tensor_names() {
            let outputs = file.linear(name).unwrap().forward(&inputs).unwrap();
            let expected = inputs.matmul(&file.dequantized(name).unwrap().t().unwrap()).unwrap();
            let difference = (outputs - expected).unwrap().abs().unwrap().max_all().unwrap();
            assert!(difference.to_scalar::<f32>().unwrap() < 1e-4, "{name}");
        }
    }

    #[test]
    fn types_that_candle_multiplies_badly_are_dequantized() {
        let file = open(&written(&[], &quantized(4, 512))).unwrap();
        let dequantized = |name: &&str| matches!(file.matmul(name).unwrap(), QMatMul::Tensor(_));
        let names: Vec<&str> = file.tensor_names().into_iter().filter(dequantized).collect();
        assert_eq!(names, ["BF16", "F16", "F32", "Q4_1", "Q5_0", "Q5_1"]);
    }

    fn metadata() -> Vec<(&'static str, Value)> {
        let words = ["a", "b"].map(|word| Value::String(word.into())).to_vec();
        vec![
            ("general.name", Value::String("tiny".into())),
            ("layers", Value::U32(7)),
            ("negative", Value::I8(-1)),
            ("large", Value::U64(1 << 40)),
            ("epsilon", Value::F32(0.5)),
            ("add_bos", Value::Bool(true)),
            ("words", Value::Array(words)),
            ("mixed", Value::Array(vec![Value::Array(vec![Value::I16(3)])])),
        ]
    }

    #[test]
    fn metadata_is_read_as_the_type_that_is_asked_for() {
        let file = open(&written(&metadata(), &[])).unwrap();
        assert_eq!(file.metadata::<String>("general.name").unwrap(), "tiny");
        assert_eq!(file.metadata::<u8>("layers").unwrap(), 7);
        assert_eq!(file.metadata::<usize>("layers").unwrap(), 7);
        assert_eq!(file.metadata::<i64>("negative").unwrap(), -1);
        assert_eq!(file.metadata::<u64>("large").unwrap(), 1 << 40);
        assert_eq!(file.metadata::<f64>("epsilon").unwrap(), 0.5);
        assert_eq!(file.metadata::<f32>("epsilon").unwrap(), 0.5);
        assert!(file.metadata::<bool>("add_bos").unwrap());
        assert_eq!(file.metadata::<Vec<String>>("words").unwrap(), ["a", "b"]);
        assert_eq!(file.metadata::<Vec<Vec<u32>>>("mixed").unwrap(), [[3]]);
        assert_eq!(file.metadata_if_any::<u32>("none").unwrap(), None);
        let messages = [
            fault(file.metadata::<u32>("layer")),
            fault(file.metadata::<u32>("general.name")),
            fault(file.metadata::<u32>("negative")),
            fault(file.metadata::<u32>("large")),
            fault(file.metadata_if_any::<f32>("layers")),
            fault(file.metadata::<bool>("layers")),
            fault(file.metadata::<String>("words")),
            fault(file.metadata::<Vec<String>>("epsilon")),
            fault(file.metadata::<Vec<u32>>("words")),
            fault(file.tensor("output.weight")),
        ];
        insta::assert_snapshot!("metadata", messages.join("\n"));
    }

    #[test]
    fn a_tensor_that_is_not_there_or_no_matrix_is_named() {
        let vector = matrix(1, 32, 1.0).flatten_all().unwrap();
        let tensors = [("norm.weight".to_owned(), QTensor::quantize(&vector, GgmlDType::Q8_0).unwrap())];
        let file = open(&written(&[], &tensors)).unwrap();
        assert_eq!(fault(file.linear("norm.weight")), fault(file.matmul("norm.weight")));
        let messages = [fault(file.matmul("norm.weight")), fault(file.dequantized("norm.wait"))];
        insta::assert_snapshot!("tensors", messages.join("\n"));
    }

    fn small() -> Vec<u8> {
        written(&metadata(), &[("w".into(), QTensor::quantize(&matrix(2, 32, 1.0), GgmlDType::Q4_0).unwrap())])
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let bytes = small();
        // 2 rows of a block of 18 bytes, and then padding.
        let end = bytes.len() - (64 - 36);
        assert!(open(&bytes[..end]).unwrap().tensor("w").is_ok());
        for length in 0..end {
            let error = fault(open(&bytes[..length]));
            assert!(error.starts_with("'model.gguf' is not a GGUF file that can be read: "), "{error}");
        }
    }

    #[test]
    fn damaged_bytes_never_panic() {
        let bytes = small();
        let mut damaged = bytes.clone();
        for at in 0..bytes.len() {
            for byte in [0, 0xff, bytes[at] ^ 1] {
                damaged[at] = byte;
                if let Ok(file) = open(&damaged) {
                    for name in file.tensor_names() {
                        let _ = file.matmul(name).map(|product| product.forward(&matrix(1, 32, 1.0)));
                    }
                }
            }
            damaged[at] = bytes[at];
        }
    }

    /// A header of version 3 with these counts.
    fn header(tensors: u64, entries: u64, rest: &[&[u8]]) -> Vec<u8> {
        let start = [b"GGUF".as_slice(), &3u32.to_le_bytes(), &tensors.to_le_bytes(), &entries.to_le_bytes()];
        [start.concat(), rest.concat()].concat()
    }

    fn text(text: &str) -> Vec<u8> {
        [(text.len() as u64).to_le_bytes().as_slice(), text.as_bytes()].concat()
    }

    fn tensor(dims: &[u64], kind: u32, offset: u64) -> Vec<u8> {
        let dims: Vec<u8> = [(dims.len() as u32).to_le_bytes().to_vec()]
            .into_iter()
            .chain(dims.iter().map(|size| size.to_le_bytes().to_vec()))
            .flatten()
            .collect();
        [text("w"), dims, kind.to_le_bytes().to_vec(), offset.to_le_bytes().to_vec(), vec![0; 64]].concat()
    }

    #[test]
    fn hostile_files_are_refused_and_take_no_memory() {
        let huge = 1u64 << 60;
        let (key, huge_bytes) = (text("key"), huge.to_le_bytes());
        let kind = |number: u32| number.to_le_bytes();
        let lists = [kind(9).to_vec(), 1u64.to_le_bytes().to_vec()].concat().repeat(1000);
        let alignment =
            |value: u32| [text("general.alignment"), kind(4).to_vec(), value.to_le_bytes().to_vec()].concat();
        let two = [text("w"), vec![1, 0, 0, 0], 1u64.to_le_bytes().to_vec(), vec![0; 12]].concat();
        let cases = [
            ("2^60 tensors", header(huge, 0, &[])),
            ("2^60 metadata entries", header(0, huge, &[])),
            ("a million entries that are not there", header(0, 1_000_000, &[])),
            ("a key of 2^60 bytes", header(0, 1, &[&huge_bytes])),
            ("a string of 2^60 bytes", header(0, 1, &[&key, &kind(8), &huge_bytes])),
            ("a list of 2^60 numbers", header(0, 1, &[&key, &kind(9), &kind(4), &huge_bytes, &[0; 64]])),
            ("a list of 2^60 strings", header(0, 1, &[&key, &kind(9), &kind(8), &huge_bytes])),
            ("lists in lists", header(0, 1, &[&key, &kind(9), &lists])),
            ("an unknown type of value", header(0, 1, &[&key, &kind(13)])),
            ("a boolean of 2", header(0, 1, &[&key, &kind(7), &[2]])),
            ("a key twice", header(0, 2, &[&key, &kind(7), &[1], &key, &kind(7), &[1]])),
            ("an alignment of 0", header(0, 1, &[&alignment(0)])),
            ("an odd alignment", header(0, 1, &[&alignment(33)])),
            ("a huge alignment", header(0, 1, &[&alignment(1 << 31)])),
            ("a shape that overflows", header(1, 0, &[&tensor(&[1 << 40, 1 << 40], 0, 0)])),
            ("a shape beyond the file", header(1, 0, &[&tensor(&[1 << 40], 0, 0)])),
            ("an offset beyond the file", header(1, 0, &[&tensor(&[1], 0, u64::MAX)])),
            ("rows of half a block", header(1, 0, &[&tensor(&[16, 2], 2, 0)])),
            ("2^31 dimensions", header(1, 0, &[&text("w"), &kind(1 << 31)])),
            ("no dimensions", header(1, 0, &[&tensor(&[], 0, 0)])),
            ("no elements", header(1, 0, &[&tensor(&[32, 0], 2, 0)])),
            ("a type that candle lacks", header(1, 0, &[&tensor(&[256], 16, 0)])),
            ("an unknown type", header(1, 0, &[&tensor(&[256], 99, 0)])),
            ("a tensor twice", header(2, 0, &[&two, &two])),
            ("big-endian", [b"GGUF".as_slice(), &3u32.to_be_bytes(), &[0; 16]].concat()),
            ("another version", [b"GGUF".as_slice(), &4u32.to_le_bytes(), &[0; 16]].concat()),
            ("an empty file", vec![]),
            ("another file", b"PK\x03\x04 and more".to_vec()),
        ];
        let mut messages = String::new();
        for (case, bytes) in cases {
            let error = fault(open(&bytes));
            let (_, error) = error.split_once("'model.gguf' is not a GGUF file that can be read: ").expect("the file");
            messages += &format!("{case} → {error}\n");
        }
        let part = [("split.count", Value::U16(3)), ("split.no", Value::U16(0))];
        messages += &format!("a part → {}\n", fault(open(&written(&part, &[]))));
        insta::assert_snapshot!("hostile", messages);
    }
}
