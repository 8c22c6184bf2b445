//! One row of a table, as serde reads it: by the names of its columns, or by their positions.

use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor, value::BorrowedStrDeserializer},
};

use super::{
    cell::Cell,
    fault::{At, Fault},
    table::Table,
};

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowReader<'de> {
    pub(super) table: &'de Table,
    pub(super) row: usize,
}

impl<'de> RowReader<'de> {
    /// The row's value in a column, which is there.
    fn cell(self, column: usize) -> Result<Cell<'de>, Fault> {
        self.table.cell(self.row, column).ok_or_else(|| Fault::of(At::Row, "a value is expected, none came"))
    }

    /// The value of a row of one.
    fn only(self) -> Result<Cell<'de>, Fault> {
        if self.table.width() == 1 { self.cell(0) } else { Err(Fault::width(Some(1))) }
    }

    /// Reads the values in order; `length` is how many the type has at most, if it says so.
    fn by_position<V: Visitor<'de>>(
        self,
        length: Option<usize>,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let width = self.table.width();
        // Other names of the fields may be among them: then it is not known which is whose.
        let names = if names.len() == width { names } else { &[] };
        let mut values = Values { row: self, next: 0, names };
        match visitor.visit_seq(&mut values) {
            Ok(value) if values.next == width => Ok(value),
            Ok(_) => Err(Fault::width(Some(values.next))),
            // A value in the wrong place is no help.
            Err(_) if length.is_some_and(|length| length < width) => Err(Fault::width(length)),
            Err(fault) => Err(fault),
        }
    }

    fn by_name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.table.name(0).is_none() {
            return Err(Fault::of(At::Form, "an input a column, or an object a row, is expected, a matrix came"));
        }
        visitor.visit_map(Columns { row: self, next: 0 })
    }
}

/// The methods of types that are one value.
macro_rules! values {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.only()?.$method(visitor).map_err(|fault| fault.in_cell(0, None))
        }
    )*};
}

impl<'de> Deserializer<'de> for RowReader<'de> {
    type Error = Fault;

    values! {
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.table.is_matrix() { self.by_position(None, &[], visitor) } else { self.by_name(visitor) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        // A matrix of one column is a column too, if its name is one.
        let is_named = self.table.name(0).is_some_and(|name| fields.contains(&name));
        if self.table.is_matrix() && !is_named {
            self.by_position(Some(fields.len()), fields, visitor)
        } else {
            self.by_name(visitor)
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.by_name(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.by_position(None, &[], visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.by_position(Some(length), &[], visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.by_position(Some(length), &[], visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
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
        self.only()?.deserialize_enum(name, variants, visitor).map_err(|fault| fault.in_cell(0, None))
    }

    /// A type that wants nothing takes anything.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

/// The values of a row, in order.
struct Values<'de> {
    row: RowReader<'de>,
    next: usize,
    names: &'static [&'static str],
}

impl<'de> SeqAccess<'de> for Values<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let column = self.next;
        if column == self.row.table.width() {
            return Ok(None);
        }
        self.next += 1;
        let value = self.row.cell(column).and_then(|cell| seed.deserialize(cell));
        value.map(Some).map_err(|fault| fault.in_cell(column, self.names.get(column).copied()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.row.table.width() - self.next)
    }
}

/// The values of a row, with the names of their columns.
struct Columns<'de> {
    row: RowReader<'de>,
    next: usize,
}

impl<'de> MapAccess<'de> for Columns<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        match self.row.table.name(self.next) {
            Some(name) => seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let column = self.next;
        self.next += 1;
        let value = self.row.cell(column).and_then(|cell| seed.deserialize(cell));
        value.map_err(|fault| fault.in_cell(column, None))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.row.table.width() - self.next)
    }
}
