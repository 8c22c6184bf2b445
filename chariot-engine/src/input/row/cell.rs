//! One value of a row, as serde reads it: a number of a tensor, which converts where nothing is lost, or an element of
//! BYTES.

use serde::{
    Deserializer,
    de::{Visitor, value::BorrowedStrDeserializer},
};

use super::fault::{At, Fault};
use crate::protocol::{BytesElementRef as Text, DataType, ElementType, TensorData, json_fault};

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
    /// The element at `index` of a tensor, which has as many.
    pub(super) fn of(data: &'de TensorData, index: usize) -> Option<Self> {
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

    /// The value as a floating-point number, if it is one.
    fn float(self) -> Option<f64> {
        match self {
            Cell::Single(value) => Some(value.into()),
            Cell::Double(value) => Some(value),
            _ => None,
        }
    }

    /// Whether there is no value: where a type may be without one, NaN says so, as in NumPy.
    fn is_nothing(self) -> bool {
        self.float().is_some_and(f64::is_nan)
    }

    fn integer<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        // The first numbers beyond the two types, which FP64 holds exactly.
        const BEYOND_SIGNED: f64 = 9_223_372_036_854_775_808.0;
        const BEYOND_UNSIGNED: f64 = 18_446_744_073_709_551_616.0;
        let came = match self.float() {
            None => return self.deserialize_any(visitor),
            Some(value) if value.is_nan() => "NaN",
            Some(value) if value.is_infinite() => "an infinity",
            Some(value) if value.fract() != 0.0 => "a fraction",
            Some(value) if (-BEYOND_SIGNED..BEYOND_SIGNED).contains(&value) => return visitor.visit_i64(value as i64),
            Some(value) if (0.0..BEYOND_UNSIGNED).contains(&value) => return visitor.visit_u64(value as u64),
            Some(_) => "a number out of range",
        };
        Err(Fault::of(At::Row, format!("an integer is expected, {came} came")))
    }

    fn borrowed_str(bytes: &'de [u8]) -> Result<&'de str, Fault> {
        let fault = "a text in UTF-8 is expected, bytes that are none came";
        std::str::from_utf8(bytes).map_err(|_| Fault::of(At::Row, fault))
    }
}

fn beyond(datatype: DataType) -> Fault {
    Fault::of(At::Row, format!("a number that {datatype} can hold is expected, one beyond its range came"))
}

fn inexact(datatype: DataType) -> Fault {
    Fault::of(At::Row, format!("a number that {datatype} holds exactly is expected, an integer that it does not came"))
}

/// Reads a value of JSON.
fn json<'de, T>(
    text: &'de str,
    read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::StrRead<'de>>) -> serde_json::Result<T>,
) -> Result<T, Fault> {
    read(&mut serde_json::Deserializer::from_str(text))
        .map_err(|error| Fault::of(At::Row, json_fault(&error, text).text()))
}

/// The methods that read any value but JSON as what it is.
macro_rules! as_it_is {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, Fault> {
            match self {
                Cell::Text(Text::Json(text)) => json(text, |json| json.$method($($argument,)* visitor)),
                other => other.deserialize_any(visitor),
            }
        }
    )*};
}

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

    as_it_is! {
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
            Err(Fault::of(At::Row, "true or false is expected, or 0 or 1, another number came"))
        }
    }

    /// Of floating-point numbers the nearest is taken, as from JSON; an integer must be held exactly.
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let exact = |integer: i128| {
            let value = integer as f32;
            (value as i128 == integer).then_some(value).ok_or_else(|| inexact(DataType::Fp32))
        };
        match self {
            Cell::Text(Text::Json(text)) => json(text, |json| json.deserialize_f32(visitor)),
            Cell::Signed(value) => visitor.visit_f32(exact(value.into())?),
            Cell::Unsigned(value) => visitor.visit_f32(exact(value.into())?),
            Cell::Double(value) if value.is_finite() && (value as f32).is_infinite() => Err(beyond(DataType::Fp32)),
            Cell::Double(value) => visitor.visit_f32(value as f32),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let exact = |integer: i128| {
            let value = integer as f64;
            (value as i128 == integer).then_some(value).ok_or_else(|| inexact(DataType::Fp64))
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
            nothing if nothing.is_nothing() => visitor.visit_none(),
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
