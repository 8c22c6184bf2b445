//! One value of any datatype: from JSON, from the bytes of a binary tensor, and to them.

use half::{bf16, f16};
use serde_json::Value;

/// A value of a tensor.
#[derive(Clone, Debug)]
pub(crate) enum Scalar {
    Bool(bool),
    Int(i128),
    Float(f64),
    Bytes(Vec<u8>),
    /// A JSON value that is not a value of the datatype
    Json(Value),
}

impl PartialEq for Scalar {
    /// Compares floating-point numbers bit for bit, except that all forms of NaN are equal.
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
    /// Parses a value of this datatype from JSON. Cases write `NaN`, `inf` and `-inf` for these numbers.
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

    /// Formats the value for people.
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

/// Parses an integer, also one written with a fraction of zero.
fn integer(value: &Value) -> Option<i128> {
    let whole = |value: f64| (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i128);
    value.as_i64().map(i128::from).or(value.as_u64().map(i128::from)).or(value.as_f64().and_then(whole))
}

/// Flattens a list and the lists in it, down to this depth: a list below it is a value.
pub(crate) fn flat<'a>(value: &'a Value, depth: usize, into: &mut Vec<&'a Value>) {
    match value {
        Value::Array(list) if depth > 0 => list.iter().for_each(|value| flat(value, depth - 1, into)),
        value => into.push(value),
    }
}

/// Returns a value of a datatype that any server accepts.
pub(crate) fn zero(datatype: &str) -> Value {
    match datatype {
        "BOOL" => Value::Bool(false),
        "BYTES" => "".into(),
        _ if datatype.starts_with("FP") || datatype.starts_with("BF") => 0.0.into(),
        _ => 0.into(),
    }
}

/// Writes values as a binary tensor.
pub(crate) fn encode(datatype: &str, values: &[Scalar]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for value in values {
        let fits = put(datatype, value, &mut bytes);
        fits.ok_or_else(|| format!("{} is not a value of {datatype}", value.shown()))?;
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

/// Writes an element of BYTES: its length and its bytes.
fn element(bytes: &[u8], into: &mut Vec<u8>) -> Option<()> {
    into.extend(u32::try_from(bytes.len()).ok()?.to_le_bytes());
    into.extend(bytes);
    Some(())
}

/// Reads the values of a binary tensor.
pub(crate) fn decode(datatype: &str, mut bytes: &[u8]) -> Result<Vec<Scalar>, String> {
    let mut values = Vec::new();
    if datatype == "BYTES" {
        while !bytes.is_empty() {
            let (length, rest) =
                bytes.split_first_chunk::<4>().ok_or("an element of BYTES is truncated in its length")?;
            let element = rest.get(..u32::from_le_bytes(*length) as usize).ok_or("an element of BYTES is truncated")?;
            values.push(Scalar::Bytes(element.to_vec()));
            bytes = &rest[element.len()..];
        }
        return Ok(values);
    }
    let width = width(datatype).ok_or_else(|| format!("'{datatype}' is not a datatype"))?;
    if !bytes.len().is_multiple_of(width) {
        return Err(format!("expected a multiple of {width} bytes for {datatype}, got {}", bytes.len()));
    }
    bytes.chunks_exact(width).map(|chunk| take(datatype, chunk)).collect()
}

fn take(datatype: &str, chunk: &[u8]) -> Result<Scalar, String> {
    let mut low = [0; 8];
    low[..chunk.len()].copy_from_slice(chunk);
    let unsigned = u64::from_le_bytes(low);
    // Shifting a narrow integer to the top and back extends its sign.
    let unused = 64 - 8 * chunk.len();
    let signed = ((unsigned << unused) as i64) >> unused;
    Ok(match datatype {
        "BOOL" if unsigned > 1 => return Err(format!("expected 0 or 1 for BOOL, got {unsigned}")),
        "BOOL" => Scalar::Bool(unsigned == 1),
        "FP16" => Scalar::Float(f16::from_bits(unsigned as u16).to_f64()),
        "BF16" => Scalar::Float(bf16::from_bits(unsigned as u16).to_f64()),
        "FP32" => Scalar::Float(f64::from(f32::from_bits(unsigned as u32))),
        "FP64" => Scalar::Float(f64::from_bits(unsigned)),
        _ if datatype.starts_with('U') => Scalar::Int(unsigned.into()),
        _ => Scalar::Int(signed.into()),
    })
}

/// Returns `true` if the datatype exists.
pub(crate) fn is_datatype(datatype: &str) -> bool {
    datatype == "BYTES" || width(datatype).is_some()
}

/// Returns the number of bytes of a value in a binary tensor.
fn width(datatype: &str) -> Option<usize> {
    match datatype {
        "BOOL" | "UINT8" | "INT8" => Some(1),
        "UINT16" | "INT16" | "FP16" | "BF16" => Some(2),
        "UINT32" | "INT32" | "FP32" => Some(4),
        "UINT64" | "INT64" | "FP64" => Some(8),
        _ => None,
    }
}
