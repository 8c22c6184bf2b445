//! [`GgufValue`]: the Rust types that metadata of a GGUF file is read as. `gguf` calls it.

use candle_core::quantized::gguf_file::Value;

use crate::error::{Expected, quoted};

/// A type that [`Gguf::metadata`](super::Gguf::metadata) returns: `bool`, `String`, an integer, `f32`, `f64`, or a `Vec` of
/// one of them.
///
/// Integers convert from every integer type of the file that holds the same number, and `f32` and `f64` from both of
/// its floating-point types; an `f64` is rounded for an `f32`. The trait is sealed.
///
/// ```
/// use chariot_engine::model::GgufValue;
///
/// fn is_read_as<T: GgufValue>() {}
/// is_read_as::<u32>();
/// is_read_as::<Vec<String>>();
/// ```
pub trait GgufValue: Sized + sealed::Read {}

impl<T: sealed::Read> GgufValue for T {}

pub(super) mod sealed {
    use super::Value;

    /// The conversion from candle's value, which authors neither see nor implement.
    pub trait Read: Sized {
        /// Converts a value; the error is the text of a message.
        fn read(value: &Value) -> Result<Self, String>;
    }
}

macro_rules! integers {
    ($($kind:ty),*) => { $(
        impl sealed::Read for $kind {
            fn read(value: &Value) -> Result<Self, String> {
                let number = match *value {
                    Value::U8(number) => i128::from(number),
                    Value::I8(number) => i128::from(number),
                    Value::U16(number) => i128::from(number),
                    Value::I16(number) => i128::from(number),
                    Value::U32(number) => i128::from(number),
                    Value::I32(number) => i128::from(number),
                    Value::U64(number) => i128::from(number),
                    Value::I64(number) => i128::from(number),
                    _ => return Err(Expected::new("an integer", shown(value)).into()),
                };
                let what = || Expected::new(format!("an integer from {} to {}", <$kind>::MIN, <$kind>::MAX), number).into();
                <$kind>::try_from(number).map_err(|_| what())
            }
        }
    )* };
}
integers!(u8, i8, u16, i16, u32, i32, u64, i64, usize);

impl sealed::Read for f32 {
    fn read(value: &Value) -> Result<Self, String> {
        Ok(<f64 as sealed::Read>::read(value)? as f32)
    }
}

impl sealed::Read for f64 {
    fn read(value: &Value) -> Result<Self, String> {
        match *value {
            Value::F32(number) => Ok(number.into()),
            Value::F64(number) => Ok(number),
            _ => Err(Expected::new("a floating-point number", shown(value)).into()),
        }
    }
}

impl sealed::Read for bool {
    fn read(value: &Value) -> Result<Self, String> {
        match *value {
            Value::Bool(value) => Ok(value),
            _ => Err(Expected::new("a boolean", shown(value)).into()),
        }
    }
}

impl sealed::Read for String {
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(text.clone()),
            _ => Err(Expected::new("a string", shown(value)).into()),
        }
    }
}

impl<T: sealed::Read> sealed::Read for Vec<T> {
    fn read(value: &Value) -> Result<Self, String> {
        let Value::Array(values) = value else { return Err(Expected::new("a list", shown(value)).into()) };
        let element = |(index, value)| T::read(value).map_err(|fault| format!("element {index}: {fault}"));
        values.iter().enumerate().map(element).collect()
    }
}

/// Returns a value as a message shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::U8(_) | Value::U16(_) | Value::U32(_) | Value::U64(_) => "an unsigned integer".into(),
        Value::I8(_) | Value::I16(_) | Value::I32(_) | Value::I64(_) => "a signed integer".into(),
        Value::F32(_) | Value::F64(_) => "a floating-point number".into(),
        Value::Bool(value) => value.to_string(),
        Value::String(text) => format!("the string {}", quoted(text)),
        Value::Array(values) => format!("a list of {} values", values.len()),
    }
}
