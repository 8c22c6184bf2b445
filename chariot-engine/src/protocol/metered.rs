//! [`Metered`]: serde's decoding of an author's type with a [`Meter`]: what the type holds is reserved as it grows.
//! Parameters, JSON values and rows are decoded with it.
//!
//! A type's lists, maps and strings are the only parts whose size a caller decides. serde asks for each element with its
//! type, whose size is that of the element; how much room a list or a map has for more is what the standard library does.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor},
};

use super::meter::{Meter, block};

/// The number of entries in a node of a `BTreeMap`. About half of them are used.
const NODE: usize = 11;

/// A deserializer, or another part of decoding, with a meter.
pub(crate) struct Metered<'m, T> {
    inner: T,
    meter: &'m Meter<'m>,
    /// Set if elements are in memory of their own, as in a list, and not part of the value, as in a struct.
    grows: bool,
}

impl<'m, T> Metered<'m, T> {
    /// Adds a meter to a deserializer.
    pub(crate) fn new(inner: T, meter: &'m Meter<'m>) -> Self {
        Metered { inner, meter, grows: true }
    }

    fn with<U>(&self, inner: U, grows: bool) -> Metered<'m, U> {
        Metered { inner, meter: self.meter, grows }
    }

    fn reserve<E: Error>(&self, bytes: usize) -> Result<(), E> {
        self.meter.read(bytes).map_err(|rejection| E::custom(rejection.text()))
    }
}

macro_rules! forward {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        }
    )*};
}

macro_rules! metered {
    ($($method:ident($($argument:ident: $type:ty),*) = $grows:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.with(visitor, $grows);
            self.inner.$method($($argument,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Metered<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
        deserialize_char deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    metered! {
        deserialize_any() = true;
        deserialize_str() = true;
        deserialize_string() = true;
        deserialize_bytes() = true;
        deserialize_byte_buf() = true;
        deserialize_option() = true;
        deserialize_unit_struct(name: &'static str) = true;
        deserialize_newtype_struct(name: &'static str) = true;
        deserialize_seq() = true;
        deserialize_map() = true;
        deserialize_tuple(length: usize) = false;
        deserialize_tuple_struct(name: &'static str, length: usize) = false;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) = false;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) = false;
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($type:ty))*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Metered<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    visit! {
        visit_bool(bool)
        visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_f32(f32) visit_f64(f64) visit_char(char)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.reserve(block(value.len()))?;
        self.inner.visit_str(value)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.reserve(block(value.len()))?;
        self.inner.visit_borrowed_str(value)
    }

    fn visit_string<E: Error>(self, value: String) -> Result<V::Value, E> {
        self.reserve(block(value.capacity()))?;
        self.inner.visit_string(value)
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<V::Value, E> {
        self.reserve(block(value.len()))?;
        self.inner.visit_bytes(value)
    }

    fn visit_borrowed_bytes<E: Error>(self, value: &'de [u8]) -> Result<V::Value, E> {
        self.reserve(block(value.len()))?;
        self.inner.visit_borrowed_bytes(value)
    }

    fn visit_byte_buf<E: Error>(self, value: Vec<u8>) -> Result<V::Value, E> {
        self.reserve(block(value.capacity()))?;
        self.inner.visit_byte_buf(value)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.with(deserializer, true);
        self.inner.visit_some(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.with(deserializer, true);
        self.inner.visit_newtype_struct(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        let elements = Elements { metered: self.with(elements, self.grows), count: 0, room: 0, moved: 0 };
        self.inner.visit_seq(elements)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        let members = Elements { metered: self.with(members, self.grows), count: 0, room: 0, moved: 0 };
        self.inner.visit_map(members)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        let variant = self.with(variant, false);
        self.inner.visit_enum(variant)
    }
}

/// The elements of a list or the members of a map.
struct Elements<'m, A> {
    metered: Metered<'m, A>,
    /// The number of elements so far.
    count: usize,
    /// The number of elements that a list has room for; the size of a member's name for a map.
    room: usize,
    /// The size of the block that the elements of a list have just left.
    moved: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        if self.metered.grows && self.count == self.room && self.metered.inner.size_hint() != Some(0) {
            // Both the old and the new block, until the elements are in the new one.
            self.moved = self.room.saturating_mul(size_of::<S::Value>());
            self.room += self.room.max(4);
            self.metered.reserve(self.room.saturating_mul(size_of::<S::Value>()))?;
        } else if self.moved > 0 {
            self.metered.meter.release(std::mem::take(&mut self.moved));
        }
        self.count += 1;
        let seed = self.metered.with(seed, true);
        self.metered.inner.next_element_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.metered.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.room = size_of::<K::Value>();
        let seed = self.metered.with(seed, true);
        self.metered.inner.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        if self.metered.grows && self.count.is_multiple_of(NODE.div_ceil(2)) {
            self.metered.reserve(block(NODE * (self.room + size_of::<S::Value>()) + 2 * size_of::<usize>()))?;
        }
        self.count += 1;
        let seed = self.metered.with(seed, true);
        self.metered.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.metered.inner.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Metered<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.with(deserializer, true);
        self.inner.deserialize(deserializer)
    }
}

impl<'de, 'm, A: EnumAccess<'de>> EnumAccess<'de> for Metered<'m, A> {
    type Error = A::Error;
    type Variant = Metered<'m, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let meter = self.meter;
        let (name, variant) = self.inner.variant_seed(seed)?;
        Ok((name, Metered { inner: variant, meter, grows: false }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Metered<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = self.with(seed, true);
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.with(visitor, false);
        self.inner.tuple_variant(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.with(visitor, false);
        self.inner.struct_variant(fields, visitor)
    }
}
