//! The header of a GGUF file: metadata, and where each tensor is. `gguf` calls it.
//!
//! The reader makes candle's `Content`, and is stricter than candle's own, which panics on an alignment of 0 and on shapes
//! that overflow, and takes 32 bytes for each byte of a list.

use std::{
    collections::HashMap,
    io::{Read, Seek},
};

use candle_core::{
    Shape,
    quantized::{
        GgmlDType,
        gguf_file::{Content, DEFAULT_ALIGNMENT, TensorInfo, Value, VersionedMagic},
    },
};

use crate::error::{Expected, quoted};

/// The maximum number of values in the metadata. The largest vocabularies have some two million.
const MAX_VALUES: usize = 8_000_000;

/// The maximum number of tensors, and of metadata entries.
const MAX_ENTRIES: u64 = 1_000_000;

/// The maximum depth of lists within lists.
const MAX_DEPTH: usize = 4;

/// The maximum alignment of the data in bytes.
const MAX_ALIGNMENT: u64 = 1 << 20;

/// Reads the header of a file of `length` bytes, and checks that each tensor lies within the file.
///
/// # Errors
/// Returns an error that names the metadata or the tensor at fault. Memory is taken only for what the file has.
pub(super) fn read(reader: impl Read + Seek, length: u64) -> Result<Content, String> {
    let mut header = Header { reader, left: length, version: VersionedMagic::GgufV3, values: 0 };
    let magic = header.array::<4>()?;
    if &magic != b"GGUF" {
        return Err(Expected::new("a file that begins with 'GGUF'", format!("{magic:02x?}")).into());
    }
    header.version = match u32::from_le_bytes(header.array()?) {
        1 => VersionedMagic::GgufV1,
        2 => VersionedMagic::GgufV2,
        3 => VersionedMagic::GgufV3,
        other if other & 0xffff == 0 => return Err("expected little-endian numbers, got big-endian ones".into()),
        other => return Err(Expected::new("version 1, 2 or 3 of GGUF", other).into()),
    };
    let (tensors, entries) = (header.entries("tensors")?, header.entries("metadata entries")?);
    let mut metadata = HashMap::new();
    for number in 0..entries {
        let key = header.name().map_err(|fault| format!("metadata entry {number}: {fault}"))?;
        let value = header.tagged(0).map_err(|fault| format!("metadata {}: {fault}", quoted(&key)))?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(format!("metadata {}: expected one value, got two", quoted(&key)));
        }
    }
    let mut tensor_infos = HashMap::new();
    for number in 0..tensors {
        let name = header.name().map_err(|fault| format!("tensor {number}: {fault}"))?;
        let tensor = header.tensor().map_err(|fault| format!("tensor {}: {fault}", quoted(&name)))?;
        if tensor_infos.insert(name.clone(), tensor).is_some() {
            return Err(format!("tensor {}: expected it once, got it twice", quoted(&name)));
        }
    }
    let alignment = match metadata.get("general.alignment") {
        None => DEFAULT_ALIGNMENT,
        Some(Value::U32(alignment)) => u64::from(*alignment),
        Some(other) => {
            other.to_u64().map_err(|_| "metadata 'general.alignment': expected an integer, got another type")?
        }
    };
    if !alignment.is_power_of_two() || alignment > MAX_ALIGNMENT {
        let what = format!("a power of two of at most {MAX_ALIGNMENT}");
        return Err(format!("metadata 'general.alignment': {}", Expected::new(what, alignment)));
    }
    let tensor_data_offset = (length - header.left).next_multiple_of(alignment);
    for (name, tensor) in &tensor_infos {
        let size = bytes(tensor).map_err(|fault| format!("tensor {}: {fault}", quoted(name)))?;
        let end = tensor_data_offset.checked_add(tensor.offset).and_then(|start| start.checked_add(size));
        if end.is_none_or(|end| end > length) {
            let what = format!("{size} bytes from offset {} of the data", tensor.offset);
            return Err(format!("tensor {}: {}", quoted(name), Expected::new(what, "the end of the file")));
        }
    }
    Ok(Content { magic: header.version, metadata, tensor_infos, tensor_data_offset })
}

/// Returns the number of bytes of a tensor.
fn bytes(tensor: &TensorInfo) -> Result<u64, String> {
    let (block, size) = (tensor.ggml_dtype.block_size(), tensor.ggml_dtype.type_size());
    let dims = tensor.shape.dims();
    let row = dims.last().copied().unwrap_or(1);
    if !row.is_multiple_of(block) {
        return Err(Expected::new(format!("rows of a multiple of {block} elements"), row).into());
    }
    let elements = dims.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    let bytes =
        elements.and_then(|elements| (elements / block).checked_mul(size)).and_then(|bytes| u64::try_from(bytes).ok());
    bytes.ok_or_else(|| Expected::new("a shape that fits in memory", format!("{dims:?}")).into())
}

struct Header<R> {
    reader: R,
    /// The number of bytes that are not read yet.
    left: u64,
    version: VersionedMagic,
    /// The number of values so far.
    values: usize,
}

impl<R: Read> Header<R> {
    /// Counts bytes as read before they are.
    fn take(&mut self, count: u64) -> Result<(), String> {
        let left = self.left.checked_sub(count);
        self.left =
            left.ok_or_else(|| Expected::new(format!("{count} more bytes"), "the end of the file").to_string())?;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        self.take(N as u64)?;
        let mut array = [0; N];
        self.reader.read_exact(&mut array).map_err(|error| error.to_string())?;
        Ok(array)
    }

    fn length(&mut self) -> Result<u64, String> {
        Ok(match self.version {
            VersionedMagic::GgufV1 => u32::from_le_bytes(self.array()?).into(),
            VersionedMagic::GgufV2 | VersionedMagic::GgufV3 => u64::from_le_bytes(self.array()?),
        })
    }

    fn entries(&mut self, what: &str) -> Result<u64, String> {
        let count = self.length()?;
        match count <= MAX_ENTRIES {
            true => Ok(count),
            false => Err(Expected::new(format!("at most {MAX_ENTRIES} {what}"), count).into()),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.length()?;
        self.take(length)?;
        let mut bytes = vec![0; length as usize];
        self.reader.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        // Vocabularies have tokens that are no UTF-8.
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads a name, without the zeros that some writers put after it.
    fn name(&mut self) -> Result<String, String> {
        let name = self.text()?;
        Ok(name.trim_end_matches('\0').to_owned())
    }

    /// Reads a value after its type.
    fn tagged(&mut self, depth: usize) -> Result<Value, String> {
        let kind = u32::from_le_bytes(self.array()?);
        self.value(kind, depth)
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<Value, String> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(format!("expected at most {MAX_VALUES} values, got more"));
        }
        Ok(match kind {
            0 => Value::U8(u8::from_le_bytes(self.array()?)),
            1 => Value::I8(i8::from_le_bytes(self.array()?)),
            2 => Value::U16(u16::from_le_bytes(self.array()?)),
            3 => Value::I16(i16::from_le_bytes(self.array()?)),
            4 => Value::U32(u32::from_le_bytes(self.array()?)),
            5 => Value::I32(i32::from_le_bytes(self.array()?)),
            6 => Value::F32(f32::from_le_bytes(self.array()?)),
            7 => match self.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [other] => return Err(Expected::new("a boolean of 0 or 1", other).into()),
            },
            8 => Value::String(self.text()?),
            9 if depth < MAX_DEPTH => {
                let kind = u32::from_le_bytes(self.array()?);
                let length = self.length()?;
                // The list grows with what is read, so its stated length takes no memory.
                let values = (0..length).map(|_| self.value(kind, depth + 1)).collect::<Result<Vec<_>, _>>()?;
                Value::Array(values)
            }
            9 => return Err(format!("expected lists at most {MAX_DEPTH} deep, got deeper ones")),
            10 => Value::U64(u64::from_le_bytes(self.array()?)),
            11 => Value::I64(i64::from_le_bytes(self.array()?)),
            12 => Value::F64(f64::from_le_bytes(self.array()?)),
            other => return Err(Expected::new("a type from 0 to 12", other).into()),
        })
    }

    fn tensor(&mut self) -> Result<TensorInfo, String> {
        let rank = u32::from_le_bytes(self.array()?);
        if rank == 0 || rank > 4 {
            return Err(Expected::new("1 to 4 dimensions", rank).into());
        }
        let mut dims = (0..rank)
            .map(|_| usize::try_from(self.length()?).map_err(|error| error.to_string()))
            .collect::<Result<Vec<_>, String>>()?;
        // candle makes an unaligned slice of a tensor without elements.
        if dims.contains(&0) {
            return Err(Expected::new("at least 1 element in each dimension", "0").into());
        }
        dims.reverse();
        let ggml_dtype = type_of(u32::from_le_bytes(self.array()?))?;
        let offset = u64::from_le_bytes(self.array()?);
        Ok(TensorInfo { ggml_dtype, shape: Shape::from(dims), offset })
    }
}

/// Returns the type of a tensor from its number.
fn type_of(number: u32) -> Result<GgmlDType, String> {
    let unsupported = match number {
        0 => return Ok(GgmlDType::F32),
        1 => return Ok(GgmlDType::F16),
        2 => return Ok(GgmlDType::Q4_0),
        3 => return Ok(GgmlDType::Q4_1),
        6 => return Ok(GgmlDType::Q5_0),
        7 => return Ok(GgmlDType::Q5_1),
        8 => return Ok(GgmlDType::Q8_0),
        10 => return Ok(GgmlDType::Q2K),
        11 => return Ok(GgmlDType::Q3K),
        12 => return Ok(GgmlDType::Q4K),
        13 => return Ok(GgmlDType::Q5K),
        14 => return Ok(GgmlDType::Q6K),
        30 => return Ok(GgmlDType::BF16),
        9 => "Q8_1",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        20 => "IQ4_NL",
        21 => "IQ3_S",
        22 => "IQ2_S",
        23 => "IQ4_XS",
        24 => "I8",
        25 => "I16",
        26 => "I32",
        27 => "I64",
        28 => "F64",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        _ => "",
    };
    let known = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K or Q6_K";
    let got = if unsupported.is_empty() { format!("number {number}") } else { unsupported.to_owned() };
    Err(Expected::new(format!("the type {known}"), got).into())
}
