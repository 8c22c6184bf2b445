//! [`Cell`]: the serde deserializer of one value of a row.
//!
//! The value is a number of a tensor, which is converted if nothing is lost, or an element of BYTES.

use serde::{
    Deserializer,
    de::{Visitor, value::BorrowedStrDeserializer},
};

use super::fault::{At, Fault};
use crate::{
    error::Expected,
    protocol::{BytesElementRef as Text, DataType, ElementType, TensorData, json_fault},
};

/// A value of a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'de> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Single(f32),
    Double(f64),
    Text(Text<'de>),
}

impl<'de> Cell<'de> {
    /// Returns the element of a tensor at this index, if it exists.
    pub(super) fn from_data(data: &'de TensorData, index: usize) -> Option<Self> {
        fn at<T: ElementType>(data: &TensorData, index: usize) -> Option<T> {
            data.as_slice::<T>()?.get(index).copied()
        }
        match data.datatype() {
            DataType::Bool => at(data, index).map(Cell::Bool),
            DataType::Int8 => at::<i8>(data, index).map(|value| Cell::Signed(value.into())),
            DataType::Int16 => at::<i16>(data, index).map(|value| Cell::Signed(value.into())),
            DataType::Int32 => at::<i32>(data, index).map(|value| Cell::Signed(value.into())),
            DataType::Int64 => at(data, index).map(Cell::Signed),
            DataType::Uint8 => at::<u8>(data, index).map(|value| Cell::Unsigned(value.into())),
            DataType::Uint16 => at::<u16>(data, index).map(|value| Cell::Unsigned(value.into())),
            DataType::Uint32 => at::<u32>(data, index).map(|value| Cell::Unsigned(value.into())),
            DataType::Uint64 => at(data, index).map(Cell::Unsigned),
            DataType::Fp16 => at::<half::f16>(data, index).map(|value| Cell::Single(value.into())),
            DataType::Bf16 => at::<half::bf16>(data, index).map(|value| Cell::Single(value.into())),
            DataType::Fp32 => at(data, index).map(Cell::Single),
            DataType::Fp64 => at(data, index).map(Cell::Double),
            DataType::Bytes => data.bytes_element_ref(index).map(Cell::Text),
        }
    }

    /// Returns the value if it is a floating-point number.
    fn float(self) -> Option<f64> {
        match self {
            Cell::Single(value) => Some(value.into()),
            Cell::Double(value) => Some(value),
            _ => None,
        }
    }

    /// Returns `true` if the value is NaN, which means a missing value for an `Option`, as in NumPy.
    fn is_missing(self) -> bool {
        self.float().is_some_and(f64::is_nan)
    }

    /// Deserializes an integer. A floating-point number is accepted if it is one.
    fn integer<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        // The smallest numbers above the range of the two types. FP64 represents both exactly.
        const BEYOND_SIGNED: f64 = 9_223_372_036_854_775_808.0;
        const BEYOND_UNSIGNED: f64 = 18_446_744_073_709_551_616.0;
        let got = match self.float() {
            None => return self.deserialize_any(visitor),
            Some(value) if value.is_nan() => "NaN".into(),
            Some(value) if value.is_infinite() => "an infinity".into(),
            Some(value) if value.fract() != 0.0 => "a fraction".into(),
            Some(value) if (-BEYOND_SIGNED..BEYOND_SIGNED).contains(&value) => return visitor.visit_i64(value as i64),
            Some(value) if (0.0..BEYOND_UNSIGNED).contains(&value) => return visitor.visit_u64(value as u64),
            Some(value) => format!("{value:e}"),
        };
        Err(Fault::new(At::Row, Expected::new("an integer", got)))
    }

    fn borrowed_str(bytes: &'de [u8]) -> Result<&'de str, Fault> {
        let fault = Expected::new("a UTF-8 string", "bytes that are not valid UTF-8");
        std::str::from_utf8(bytes).map_err(|_| Fault::new(At::Row, fault))
    }
}

fn out_of_range(datatype: DataType, value: f64) -> Fault {
    Fault::new(
        At::Row,
        Expected::new(format_args!("a number within the range of {datatype}"), format_args!("{value:e}")),
    )
}

fn inexact(datatype: DataType, integer: i128) -> Fault {
    Fault::new(At::Row, Expected::new(format_args!("an integer that {datatype} represents exactly"), integer))
}

/// Deserializes a JSON value.
fn json<'de, T>(
    text: &'de str,
    read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::StrRead<'de>>) -> serde_json::Result<T>,
) -> Result<T, Fault> {
    read(&mut serde_json::Deserializer::from_str(text))
        .map_err(|error| Fault::new(At::Row, json_fault(&error, text).text()))
}

/// Implements the methods that pass on the value unchanged, unless it is JSON.
macro_rules! unchanged {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Fault> {
            match self {
                Cell::Text(Text::Json(text)) => json(text, |json| json.$method($($argument,)* visitor)),
                other => other.deserialize_any(visitor),
            }
        }
    )*};
}

/// Implements the methods that deserialize an integer.
macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self {
                Cell::Text(Text::Json(text)) => json(text, |json| json.$method(visitor)),
                other => other.integer(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Cell<'de> {
    type Error = Fault;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    unchanged! {
        deserialize_char()
        deserialize_str()
        deserialize_string()
        deserialize_unit()
        deserialize_unit_struct(name: &'static str)
        deserialize_seq()
        deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_identifier()
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Cell::Bool(value) => visitor.visit_bool(value),
            Cell::Signed(value) => visitor.visit_i64(value),
            Cell::Unsigned(value) => visitor.visit_u64(value),
            Cell::Single(value) => visitor.visit_f32(value),
            Cell::Double(value) => visitor.visit_f64(value),
            Cell::Text(Text::Json(text)) => json(text, |json| json.deserialize_any(visitor)),
            Cell::Text(Text::Plain(text)) => visitor.visit_borrowed_str(text),
            Cell::Text(Text::Bytes(bytes)) => visitor.visit_borrowed_str(Self::borrowed_str(bytes)?),
        }
    }

    /// In a matrix of numbers, 0 and 1 are all that a boolean can be.
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let number = match self {
            Cell::Text(Text::Json(text)) => return json(text, |json| json.deserialize_bool(visitor)),
            Cell::Signed(value) => value as f64,
            Cell::Unsigned(value) => value as f64,
            Cell::Single(value) => value.into(),
            Cell::Double(value) => value,
            Cell::Bool(_) | Cell::Text(_) => return self.deserialize_any(visitor),
        };
        if number == 0.0 || number == 1.0 {
            visitor.visit_bool(number == 1.0)
        } else {
            Err(Fault::new(At::Row, Expected::new("true, false, 0 or 1", "another number")))
        }
    }

    /// Rounds a floating-point number to the nearest `f32`, like JSON does. An integer must be represented exactly.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let exact = |integer: i128| {
            let value = integer as f32;
            (value as i128 == integer).then_some(value).ok_or_else(|| inexact(DataType::Fp32, integer))
        };
        match self {
            Cell::Text(Text::Json(text)) => json(text, |json| json.deserialize_f32(visitor)),
            Cell::Signed(value) => visitor.visit_f32(exact(value.into())?),
            Cell::Unsigned(value) => visitor.visit_f32(exact(value.into())?),
            Cell::Double(value) if value.is_finite() && (value as f32).is_infinite() => {
                Err(out_of_range(DataType::Fp32, value))
            }
            Cell::Double(value) => visitor.visit_f32(value as f32),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let exact = |integer: i128| {
            let value = integer as f64;
            (value as i128 == integer).then_some(value).ok_or_else(|| inexact(DataType::Fp64, integer))
        };
        match self {
            Cell::Text(Text::Json(text)) => json(text, |json| json.deserialize_f64(visitor)),
            Cell::Signed(value) => visitor.visit_f64(exact(value.into())?),
            Cell::Unsigned(value) => visitor.visit_f64(exact(value.into())?),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Cell::Text(Text::Json(text)) => json(text, |json| json.deserialize_bytes(visitor)),
            Cell::Text(Text::Bytes(bytes)) => visitor.visit_borrowed_bytes(bytes),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Cell::Text(Text::Json("null")) => visitor.visit_none(),
            missing if missing.is_missing() => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let text = match self {
            Cell::Text(Text::Json(text)) => return json(text, |json| json.deserialize_enum(name, variants, visitor)),
            Cell::Text(Text::Plain(text)) => text,
            Cell::Text(Text::Bytes(bytes)) => Self::borrowed_str(bytes)?,
            other => return other.deserialize_any(visitor),
        };
        visitor.visit_enum(BorrowedStrDeserializer::new(text))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}
