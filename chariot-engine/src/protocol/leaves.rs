//! The leaves of nested lists: numbers, booleans and strings, read into a vector and compared with a shape. Used to decode
//! the `data` of an input and to read the strings of a BYTES tensor.

use std::borrow::Cow;

use half::{bf16, f16};

use super::{
    datatype::DataType,
    decimal::FromDecimal,
    fault::{Fault, ReadResult, shape_text},
    meter::block,
    number::{self, NotInteger},
    number_run,
    reader::JsonReader,
};
use crate::error::Expected;

/// A value at the leaves of nested lists.
pub(super) trait Leaf: Sized {
    /// Reads one value, or returns `None` and leaves the reader in place.
    fn read(reader: &mut JsonReader<'_>) -> Option<Self>;
    /// Reads as many values as it can at once, each with the comma behind it, and returns how many.
    #[inline]
    fn read_run(_: &mut JsonReader<'_>, _: &mut Leaves<Self>) -> usize {
        0
    }
    /// Returns the reason why [`read`](Self::read) failed.
    fn fault(reader: &mut JsonReader<'_>) -> Box<Fault>;
}

impl Leaf for bool {
    #[inline]
    fn read(reader: &mut JsonReader<'_>) -> Option<Self> {
        let (word, value) = match reader.peek()? {
            b't' => ("true", true),
            b'f' => ("false", false),
            _ => return None,
        };
        reader.literal(word).ok().map(|()| value)
    }

    fn fault(reader: &mut JsonReader<'_>) -> Box<Fault> {
        reader.unexpected("a boolean")
    }
}

impl Leaf for String {
    fn read(reader: &mut JsonReader<'_>) -> Option<Self> {
        // `fault` finds and reports a fault within the string again.
        let mut ahead = reader.clone();
        let string = match ahead.string("a string").ok()? {
            Cow::Owned(string) => string,
            Cow::Borrowed(text) => {
                ahead.reserve(block(text.len())).ok()?;
                text.to_owned()
            }
        };
        *reader = ahead;
        Some(string)
    }

    fn fault(reader: &mut JsonReader<'_>) -> Box<Fault> {
        reader.unexpected("a string")
    }
}

macro_rules! integers {
    ($($type:ty,)*) => {$(
        impl Leaf for $type {
            #[inline]
            fn read(reader: &mut JsonReader<'_>) -> Option<Self> {
                reader.peek();
                let (value, end) = number::integer(reader.text(), reader.position())?;
                reader.go_to(end);
                Some(value)
            }

            #[inline]
            fn read_run(reader: &mut JsonReader<'_>, leaves: &mut Leaves<Self>) -> usize {
                number_run(reader, leaves)
            }

            fn fault(reader: &mut JsonReader<'_>) -> Box<Fault> {
                integer_fault(reader, <$type>::MIN.into(), <$type>::MAX.into())
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i8, i16, i32, i64,);

macro_rules! floats {
    ($($type:ty: $variant:ident,)*) => {$(
        impl Leaf for $type {
            #[inline]
            fn read(reader: &mut JsonReader<'_>) -> Option<Self> {
                reader.peek();
                let (value, end) = number::float(reader.text(), reader.position())?;
                reader.go_to(end);
                Some(value)
            }

            #[inline]
            fn read_run(reader: &mut JsonReader<'_>, leaves: &mut Leaves<Self>) -> usize {
                number_run(reader, leaves)
            }

            fn fault(reader: &mut JsonReader<'_>) -> Box<Fault> {
                float_fault(reader, DataType::$variant)
            }
        }
    )*};
}
floats!(f16: Fp16, bf16: Bf16, f32: Fp32, f64: Fp64,);

#[inline]
fn number_run<T: FromDecimal>(reader: &mut JsonReader<'_>, leaves: &mut Leaves<T>) -> usize {
    let (count, end) = number_run::read(reader.text(), reader.position(), &mut leaves.kept, leaves.limit);
    reader.go_to(end);
    count
}

#[cold]
fn integer_fault(reader: &mut JsonReader<'_>, min: i128, max: i128) -> Box<Fault> {
    let expected = format!("an integer from {min} to {max}");
    match reader.number_ahead() {
        None => reader.unexpected(&expected),
        Some(text) => {
            let got = match number::not_integer(text) {
                NotInteger::Fraction => "a fraction".into(),
                NotInteger::Range => number::out_of_range(text),
            };
            Fault::at(reader.position(), Expected::new(expected, got))
        }
    }
}

#[cold]
fn float_fault(reader: &mut JsonReader<'_>, datatype: DataType) -> Box<Fault> {
    match reader.number_ahead() {
        None => reader.unexpected("a number"),
        Some(text) => {
            let expected = format_args!("a number within the range of {datatype}");
            Fault::at(reader.position(), Expected::new(expected, number::out_of_range(text)))
        }
    }
}

/// Leaves in reading order. Keeps no more of them than the shape needs.
pub(super) struct Leaves<T> {
    kept: Vec<T>,
    limit: usize,
}

impl<T: Leaf> Leaves<T> {
    /// Reserves memory for `reserved` leaves, at most `limit`.
    pub(super) fn new(reader: &JsonReader<'_>, reserved: usize, limit: usize) -> ReadResult<Self> {
        let reserved = reserved.min(limit);
        reader.reserve(reserved.saturating_mul(size_of::<T>()))?;
        Ok(Leaves { kept: Vec::with_capacity(reserved), limit })
    }

    pub(super) fn into_vec(self) -> Vec<T> {
        self.kept
    }

    /// Reads one leaf.
    #[inline]
    pub(super) fn read(&mut self, reader: &mut JsonReader<'_>) -> ReadResult<()> {
        match T::read(reader) {
            Some(leaf) => {
                if self.kept.len() < self.limit {
                    self.kept.push(leaf);
                }
                Ok(())
            }
            None => Err(T::fault(reader)),
        }
    }
}

/// Reads a list of leaves, flat or nested like `shape`, and returns the number of leaves read. Compares each list of a
/// nested one with `shape`; the caller checks the number of leaves of a flat one with [`check_count`].
pub(super) fn flat_or_nested<T: Leaf>(
    reader: &mut JsonReader<'_>,
    shape: &[usize],
    leaves: &mut Leaves<T>,
) -> ReadResult<usize> {
    if shape.len() > 1 && reader.is_nested_list() {
        nested(reader, shape, leaves)?;
        return product(shape);
    }
    row(reader, leaves)
}

/// Reads lists that are nested exactly like `shape`. Recurses once per dimension; the number of dimensions is limited.
pub(super) fn nested<T: Leaf>(reader: &mut JsonReader<'_>, shape: &[usize], leaves: &mut Leaves<T>) -> ReadResult<()> {
    let Some((length, inner)) = shape.split_first() else {
        return Ok(());
    };
    reader.peek();
    let start = reader.position();
    let count = if inner.is_empty() {
        row(reader, leaves)
    } else {
        reader.list("a list", |reader, _| nested(reader, inner, leaves))
    };
    check_length(*length, count?).map_err(|text| Fault::at(start, text))
}

/// Checks the length of a list against the shape; the error is the message.
pub(super) fn check_length(expected: usize, length: usize) -> Result<(), String> {
    if expected == length {
        return Ok(());
    }
    Err(Expected::new(format_args!("a list of length {expected}"), format_args!("length {length}")).into())
}

fn row<T: Leaf>(reader: &mut JsonReader<'_>, leaves: &mut Leaves<T>) -> ReadResult<usize> {
    reader.runs("a list", |reader, count| {
        *count += T::read_run(reader, leaves);
        leaves.read(reader)
    })
}

/// Returns the number of elements that a shape needs.
pub(super) fn product(shape: &[usize]) -> ReadResult<usize> {
    shape
        .iter()
        .try_fold(1_usize, |product, length| product.checked_mul(*length))
        .ok_or_else(|| Fault::new(format!("shape {} has too many elements", shape_text(shape))))
}

/// Checks the number of elements against the number that the shape needs.
pub(super) fn check_count(shape: &[usize], needed: usize, count: usize) -> ReadResult<()> {
    if needed == count {
        return Ok(());
    }
    let plural = if needed == 1 { "" } else { "s" };
    let expected = format!("{needed} element{plural} for shape {}", shape_text(shape));
    Err(Fault::new(Expected::new(expected, count)))
}
