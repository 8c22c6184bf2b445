//! [`RowReader`]: the serde deserializer of one row of a table, by the names of its columns or by their positions.

use serde::{
    Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor, value::BorrowedStrDeserializer},
};

use super::{
    cell::Cell,
    fault::{At, Fault},
    table::Table,
};
use crate::error::Expected;

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowReader<'de> {
    pub(super) table: &'de Table,
    pub(super) row: usize,
}

impl<'de> RowReader<'de> {
    /// Returns the value in a column, which must exist.
    fn cell(self, column: usize) -> Result<Cell<'de>, Fault> {
        self.table.cell(self.row, column).ok_or_else(|| Fault::new(At::Row, Expected::new("a value", "none")))
    }

    /// Returns the value of a row with one column.
    fn only(self) -> Result<Cell<'de>, Fault> {
        if self.table.width() == 1 { self.cell(0) } else { Err(Fault::width(Some(1))) }
    }

    /// Deserializes the values in order. `length` is the maximum number of values of the type, if it has one.
    fn by_position<V: Visitor<'de>>(
        self,
        length: Option<usize>,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let width = self.table.width();
        // The names may include aliases. Then it is unknown which name belongs to which column.
        let names = if names.len() == width { names } else { &[] };
        let mut values = Values { row: self, next: 0, names };
        match visitor.visit_seq(&mut values) {
            Ok(value) if values.next == width => Ok(value),
            Ok(_) => Err(Fault::width(Some(values.next))),
            // With too many columns a value is in the wrong place, and its fault would mislead.
            Err(_) if length.is_some_and(|length| length < width) => Err(Fault::width(length)),
            Err(fault) => Err(fault),
        }
    }

    /// Deserializes the values by the names of their columns.
    fn by_name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.table.name(0).is_none() {
            let fault = Expected::new("one input per column or one object per row", "a matrix");
            return Err(Fault::new(At::Form, fault));
        }
        visitor.visit_map(Columns { row: self, next: 0 })
    }
}

/// Implements the methods of types that consist of one value.
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
        // A matrix with one column is a column if its name is that of a field.
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

    /// A type without a value accepts any row.
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
