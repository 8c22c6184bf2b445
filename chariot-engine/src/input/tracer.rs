//! Deserializes a type from generated values and records the calls that serde makes.

use std::cell::Cell;

use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
        Visitor, value::StrDeserializer,
    },
};

use crate::protocol::DataType;

/// The maximum number of values in a trace, because a type may contain itself more than once.
const MAX_VALUES: usize = 16_384;
/// The maximum depth of a value.
const MAX_DEPTH: usize = 12;

/// The form of the values that a type is deserialized from.
#[derive(Debug, PartialEq)]
pub(super) enum Shape {
    Bool,
    Number(DataType),
    /// A string.
    Text(&'static str),
    /// An enum, with the names of its variants.
    Choice(&'static [&'static str]),
    List {
        items: Vec<Shape>,
        /// Set if the list always has this length.
        fixed: bool,
    },
    Object(Vec<(&'static str, Shape)>),
    /// No value, or a value of unknown form.
    Other,
}

/// The values that a traced type is deserialized from.
#[derive(Clone, Copy)]
pub(super) struct Fill {
    pub(super) number: u8,
    pub(super) text: &'static str,
    pub(super) flag: bool,
}

/// Deserializes the type repeatedly, until every field of a struct has been requested.
///
/// A field that rejects its value ends a run, and so does an alias of a field that the run has already set. The next run
/// does not offer that name.
pub(super) fn trace<T: DeserializeOwned>(fill: Fill) -> Shape {
    let mut rejected = Vec::new();
    let mut found: Vec<(&'static str, Shape)> = Vec::new();
    loop {
        let run =
            Run { fill, values: Cell::new(0), rejected: &rejected, fields: Cell::new(&[]), ended: Cell::new(false) };
        let mut shape = Shape::Other;
        let read = T::deserialize(Tracer { shape: &mut shape, run: &run, depth: 0 });
        let (fields, ended) = (run.fields.get(), run.ended.get());
        let Shape::Object(mut traced) = shape else { return shape };
        let last = if ended { None } else { read.err().and_then(|stop| Some((stop, traced.pop()?))) };
        let Some((stop, field)) = last else {
            found.extend(traced);
            found.sort_by_key(|(name, _)| fields.iter().position(|field| field == name));
            return Shape::Object(found);
        };
        rejected.push(field.0);
        if stop == Stop::Rejected {
            found.push(field);
        }
    }
}

/// One deserialization of the type.
struct Run<'a> {
    fill: Fill,
    /// The number of values that have been requested.
    values: Cell<usize>,
    /// The names that are not offered.
    rejected: &'a [&'static str],
    /// The fields of the outermost struct.
    fields: Cell<&'static [&'static str]>,
    /// Set once the outermost struct has received all its fields.
    ended: Cell<bool>,
}

/// The reason why a run ended early.
#[derive(Debug, PartialEq)]
enum Stop {
    /// The field has been set before under another name.
    Duplicate,
    /// The type rejected a value, or a limit was reached.
    Rejected,
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the type rejected a traced value")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Stop::Rejected
    }

    fn duplicate_field(_: &'static str) -> Self {
        Stop::Duplicate
    }
}

/// A deserializer that returns a value of any requested type and records the type.
struct Tracer<'a> {
    shape: &'a mut Shape,
    run: &'a Run<'a>,
    depth: usize,
}

impl Tracer<'_> {
    /// Records the form of the value.
    fn record(&mut self, shape: Shape) -> Result<(), Stop> {
        let values = self.run.values.get() + 1;
        self.run.values.set(values);
        if values > MAX_VALUES {
            return Err(Stop::Rejected);
        }
        *self.shape = shape;
        Ok(())
    }

    fn list<'de, V: Visitor<'de>>(mut self, length: usize, fixed: bool, visitor: V) -> Result<V::Value, Stop> {
        self.record(Shape::List { items: Vec::new(), fixed })?;
        match self.shape {
            Shape::List { items, .. } => {
                visitor.visit_seq(Items { items, left: length, run: self.run, depth: self.depth + 1 })
            }
            _ => Err(Stop::Rejected),
        }
    }

    fn object<'de, V: Visitor<'de>>(mut self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Stop> {
        self.record(Shape::Object(Vec::new()))?;
        let rejected = if self.depth == 0 { self.run.rejected } else { &[] };
        if self.depth == 0 {
            self.run.fields.set(names);
        }
        match self.shape {
            Shape::Object(fields) => {
                visitor.visit_map(Fields { fields, names, rejected, run: self.run, depth: self.depth + 1 })
            }
            _ => Err(Stop::Rejected),
        }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty = $datatype:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
            self.record(Shape::Number(DataType::$datatype))?;
            visitor.$visit(<$type>::try_from(self.run.fill.number).unwrap_or_default())
        }
    )*};
}

macro_rules! texts {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
            self.record(Shape::Text(self.run.fill.text))?;
            visitor.visit_borrowed_str(self.run.fill.text)
        }
    )*};
}

macro_rules! nothing {
    ($($method:ident($($name:ident)?))*) => {$(
        fn $method<V: Visitor<'de>>(mut self, $($name: &'static str,)? visitor: V) -> Result<V::Value, Stop> {
            self.record(Shape::Other)?;
            visitor.visit_unit()
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Stop;

    numbers! {
        deserialize_i8 visit_i8 i8 = Int8;
        deserialize_i16 visit_i16 i16 = Int16;
        deserialize_i32 visit_i32 i32 = Int32;
        deserialize_i64 visit_i64 i64 = Int64;
        deserialize_i128 visit_i128 i128 = Int64;
        deserialize_u8 visit_u8 u8 = Uint8;
        deserialize_u16 visit_u16 u16 = Uint16;
        deserialize_u32 visit_u32 u32 = Uint32;
        deserialize_u64 visit_u64 u64 = Uint64;
        deserialize_u128 visit_u128 u128 = Uint64;
        deserialize_f32 visit_f32 f32 = Fp32;
        deserialize_f64 visit_f64 f64 = Fp64;
    }

    texts! { deserialize_str deserialize_string deserialize_identifier }

    // A type that requests no particular form reveals nothing about itself.
    nothing! {
        deserialize_any()
        deserialize_ignored_any()
        deserialize_unit()
        deserialize_unit_struct(_name)
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.record(Shape::Bool)?;
        visitor.visit_bool(self.run.fill.flag)
    }

    fn deserialize_char<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.record(Shape::Text("a"))?;
        visitor.visit_char('a')
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.record(Shape::Other)?;
        visitor.visit_borrowed_bytes(b"")
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.depth >= MAX_DEPTH { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let length = usize::from(self.depth < MAX_DEPTH);
        self.list(length, false, visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Stop> {
        self.list(length, true, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.list(length, true, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.object(&[], visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if self.depth >= MAX_DEPTH { Err(Stop::Rejected) } else { self.object(fields, visitor) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let name = variants.first().ok_or(Stop::Rejected)?;
        self.record(Shape::Choice(variants))?;
        visitor.visit_enum(Name { name, shape: self.shape })
    }
}

struct Items<'a> {
    items: &'a mut Vec<Shape>,
    left: usize,
    run: &'a Run<'a>,
    depth: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.items.push(Shape::Other);
        match self.items.last_mut() {
            Some(shape) => seed.deserialize(Tracer { shape, run: self.run, depth: self.depth }).map(Some),
            None => Ok(None),
        }
    }
}

struct Fields<'a> {
    fields: &'a mut Vec<(&'static str, Shape)>,
    names: &'static [&'static str],
    rejected: &'a [&'static str],
    run: &'a Run<'a>,
    depth: usize,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        while let Some((name, rest)) = self.names.split_first() {
            self.names = rest;
            if !self.rejected.contains(name) {
                self.fields.push((name, Shape::Other));
                let name: StrDeserializer<'_, Stop> = name.into_deserializer();
                return seed.deserialize(name).map(Some);
            }
        }
        if self.depth == 1 {
            self.run.ended.set(true);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        match self.fields.last_mut() {
            Some((_, shape)) => seed.deserialize(Tracer { shape, run: self.run, depth: self.depth }),
            None => Err(Stop::Rejected),
        }
    }
}

/// The first variant of an enum. A variant with data cannot be a value of a column.
struct Name<'a> {
    name: &'static str,
    shape: &'a mut Shape,
}

impl<'de, 'a> EnumAccess<'de> for Name<'a> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Stop> {
        let name: StrDeserializer<'_, Stop> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Name<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Stop> {
        *self.shape = Shape::Other;
        Err(Stop::Rejected)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Stop> {
        *self.shape = Shape::Other;
        Err(Stop::Rejected)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Stop> {
        *self.shape = Shape::Other;
        Err(Stop::Rejected)
    }
}
