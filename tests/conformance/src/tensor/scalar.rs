//! One value of any data type: from JSON, from the bytes of a binary tensor, and to them.

use half::{bf16, f16};
use serde_json::Value;

/// A value of a tensor.
#[derive(Clone, Debug)]
pub(crate) enum Scalar {
    Bool(bool),
    Int(i128),
    Float(f64),
    Bytes(Vec<u8>),
    /// What JSON holds for it, where it is no value of the data type
    Json(Value),
}

impl PartialEq for Scalar {
    /// Floating point is compared bit for bit, but for the many forms of NaN.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Scalar::Bool(a), Scalar::Bool(b)) => a == b,
            (Scalar::Int(a), Scalar::Int(b)) => a == b,
            (Scalar::Float(a), Scalar::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Scalar::Bytes(a), Scalar::Bytes(b)) => a == b,
            (Scalar::Json(a), Scalar::Json(b)) => a == b,
            _ => false,
        }
    }
}

impl Scalar {
    /// What stands in JSON for a value of this data type. `NaN`, `inf` and `-inf` are what cases write for them.
    pub(crate) fn of_json(datatype: &str, value: &Value) -> Self {
        let float = || match value {
            Value::String(text) if matches!(text.as_str(), "NaN" | "inf" | "-inf") => text.parse().ok(),
            other => other.as_f64(),
        };
        let scalar = match datatype {
            "BOOL" => value.as_bool().map(Scalar::Bool),
            "BYTES" => value.as_str().map(|text| Scalar::Bytes(text.into())),
            "FP16" => float().map(|value| Scalar::Float(f16::from_f64(value).to_f64())),
            "BF16" => float().map(|value| Scalar::Float(bf16::from_f64(value).to_f64())),
            "FP32" => float().map(|value| Scalar::Float(f64::from(value as f32))),
            "FP64" => float().map(Scalar::Float),
            _ => integer(value).map(Scalar::Int),
        };
        scalar.unwrap_or_else(|| Scalar::Json(value.clone()))
    }

    /// As a person reads it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Scalar::Bool(value) => value.to_string(),
            Scalar::Int(value) => value.to_string(),
            Scalar::Float(value) => format!("{value:?}"),
            Scalar::Bytes(bytes) => format!("'{}'", crate::text::shown(bytes, 60)),
            Scalar::Json(value) => value.to_string(),
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Scalar::Float(value) => Some(*value),
            Scalar::Int(value) => Some(*value as f64),
            _ => None,
        }
    }
}

/// An integer, also one that is written with a fraction of zero.
fn integer(value: &Value) -> Option<i128> {
    let whole = |value: f64| (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i128);
    value.as_i64().map(i128::from).or(value.as_u64().map(i128::from)).or(value.as_f64().and_then(whole))
}

/// The values of a list, of lists in it too, one after another, to this depth: what is below is a value itself.
pub(crate) fn flat<'a>(value: &'a Value, depth: usize, into: &mut Vec<&'a Value>) {
    match value {
        Value::Array(list) if depth > 0 => list.iter().for_each(|value| flat(value, depth - 1, into)),
        value => into.push(value),
    }
}

/// A value of a data type that any server takes.
pub(crate) fn zero(datatype: &str) -> Value {
    match datatype {
        "BOOL" => Value::Bool(false),
        "BYTES" => "".into(),
        _ if datatype.starts_with("FP") || datatype.starts_with("BF") => 0.0.into(),
        _ => 0.into(),
    }
}

/// Values as a binary tensor.
pub(crate) fn encode(datatype: &str, values: &[Scalar]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for value in values {
        let fits = put(datatype, value, &mut bytes);
        fits.ok_or_else(|| format!("{} is no value of {datatype}", value.shown()))?;
    }
    Ok(bytes)
}

fn put(datatype: &str, value: &Scalar, into: &mut Vec<u8>) -> Option<()> {
    match (datatype, value) {
        ("BOOL", Scalar::Bool(value)) => into.push(u8::from(*value)),
        ("FP16", value) => into.extend(f16::from_f64(value.float()?).to_le_bytes()),
        ("BF16", value) => into.extend(bf16::from_f64(value.float()?).to_le_bytes()),
        ("FP32", value) => into.extend((value.float()? as f32).to_le_bytes()),
        ("FP64", value) => into.extend(value.float()?.to_le_bytes()),
        ("BYTES", Scalar::Bytes(bytes)) => element(bytes, into)?,
        ("BYTES", Scalar::Json(value)) => element(value.to_string().as_bytes(), into)?,
        (_, Scalar::Int(value)) => into.extend(&value.to_le_bytes()[..width(datatype)?]),
        _ => return None,
    }
    Some(())
}

/// An element of BYTES: its length and itself.
fn element(bytes: &[u8], into: &mut Vec<u8>) -> Option<()> {
    into.extend(u32::try_from(bytes.len()).ok()?.to_le_bytes());
    into.extend(bytes);
    Some(())
}

/// The values of a binary tensor.
pub(crate) fn decode(datatype: &str, mut bytes: &[u8]) -> Result<Vec<Scalar>, String> {
    let mut values = Vec::new();
    if datatype == "BYTES" {
        while !bytes.is_empty() {
            let (length, rest) = bytes.split_first_chunk::<4>().ok_or("an element of BYTES is cut in its length")?;
            let element = rest.get(..u32::from_le_bytes(*length) as usize).ok_or("an element of BYTES is cut")?;
            values.push(Scalar::Bytes(element.to_vec()));
            bytes = &rest[element.len()..];
        }
        return Ok(values);
    }
    let width = width(datatype).ok_or_else(|| format!("'{datatype}' is no data type"))?;
    if !bytes.len().is_multiple_of(width) {
        return Err(format!("a multiple of {width} bytes is expected for {datatype}, {} came", bytes.len()));
    }
    bytes.chunks_exact(width).map(|chunk| take(datatype, chunk)).collect()
}

fn take(datatype: &str, chunk: &[u8]) -> Result<Scalar, String> {
    let mut low = [0; 8];
    low[..chunk.len()].copy_from_slice(chunk);
    let unsigned = u64::from_le_bytes(low);
    // The sign of a narrow integer is carried up by shifting it to the top and back.
    let unused = 64 - 8 * chunk.len();
    let signed = ((unsigned << unused) as i64) >> unused;
    Ok(match datatype {
        "BOOL" if unsigned > 1 => return Err(format!("0 or 1 is expected for BOOL, {unsigned} came")),
        "BOOL" => Scalar::Bool(unsigned == 1),
        "FP16" => Scalar::Float(f16::from_bits(unsigned as u16).to_f64()),
        "BF16" => Scalar::Float(bf16::from_bits(unsigned as u16).to_f64()),
        "FP32" => Scalar::Float(f64::from(f32::from_bits(unsigned as u32))),
        "FP64" => Scalar::Float(f64::from_bits(unsigned)),
        _ if datatype.starts_with('U') => Scalar::Int(unsigned.into()),
        _ => Scalar::Int(signed.into()),
    })
}

/// Whether there is such a data type.
pub(crate) fn is_datatype(datatype: &str) -> bool {
    datatype == "BYTES" || width(datatype).is_some()
}

/// The bytes of a value in a binary tensor.
fn width(datatype: &str) -> Option<usize> {
    match datatype {
        "BOOL" | "UINT8" | "INT8" => Some(1),
        "UINT16" | "INT16" | "FP16" | "BF16" => Some(2),
        "UINT32" | "INT32" | "FP32" => Some(4),
        "UINT64" | "INT64" | "FP64" => Some(8),
        _ => None,
    }
}
