//! Functions that do not read the field they are given for.

use chariot_engine::{
    prelude::*,
    settings::{Field, Reader},
};

#[derive(Settings)]
struct Limits {
    #[setting(with = number)]
    longest: u8,
    #[setting(with = text)]
    name: String,
    #[setting(with = missing)]
    shortest: u8,
}

fn number(reader: &mut Reader<'_>, field: Field<u16>) -> Option<u16> {
    reader.field(field)
}

fn text(reader: &mut Reader<'_>, field: Field<String>) -> String {
    reader.field(field).unwrap_or_default()
}

fn main() {}
