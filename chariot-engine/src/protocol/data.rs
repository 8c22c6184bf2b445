//! The `data` of an input: a list, flat or nested like the shape, straight into the vector of its type. Decoding a
//! request uses it, and asking a BYTES tensor for its strings.

use bytes::Bytes;
use half::{bf16, f16};

use super::{
    DataType, TensorData,
    fault::{Fault, Read, written},
    number::{self, Unfit},
    ranges::Ranges,
    reader::Reader,
    tensor::Elements,
    texts::Texts,
};

/// What can stand at the leaves of nested lists.
pub(super) trait Leaf: Sized {
    /// Reads one, or leaves the reader where it stood.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
    /// Why none could be read.
    fn unfit(reader: &mut Reader<'_>) -> Box<Fault>;
}

impl Leaf for bool {
    #[inline]
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (word, value) = match reader.peek()? {
            b't' => ("true", true),
            b'f' => ("false", false),
            _ => return None,
        };
        reader.literal(word).ok().map(|()| value)
    }

    fn unfit(reader: &mut Reader<'_>) -> Box<Fault> {
        reader.unexpected("true or false")
    }
}

impl Leaf for String {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        // A fault within the string is found again, and told, by `unfit`.
        let mut ahead = reader.clone();
        let string = ahead.string("a string").ok()?;
        *reader = ahead;
        Some(string.into_owned())
    }

    fn unfit(reader: &mut Reader<'_>) -> Box<Fault> {
        reader.unexpected("a string")
    }
}

macro_rules! integers {
    ($($type:ty,)*) => {$(
        impl Leaf for $type {
            #[inline]
            fn read(reader: &mut Reader<'_>) -> Option<Self> {
                reader.peek();
                let (value, end) = number::integer(reader.text(), reader.position())?;
                reader.go_to(end);
                Some(value)
            }

            fn unfit(reader: &mut Reader<'_>) -> Box<Fault> {
                no_integer(reader, <$type>::MIN.into(), <$type>::MAX.into())
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i8, i16, i32, i64,);

macro_rules! floats {
    ($($type:ty,)*) => {$(
        impl Leaf for $type {
            #[inline]
            fn read(reader: &mut Reader<'_>) -> Option<Self> {
                reader.peek();
                let (value, end) = number::float(reader.text(), reader.position())?;
                reader.go_to(end);
                Some(value)
            }

            fn unfit(reader: &mut Reader<'_>) -> Box<Fault> {
                no_float(reader, <$type as super::Element>::DATATYPE)
            }
        }
    )*};
}
floats!(f16, bf16, f32, f64,);

#[cold]
fn no_integer(reader: &mut Reader<'_>, least: i128, most: i128) -> Box<Fault> {
    let expected = format!("an integer from {least} to {most}");
    match reader.number_ahead() {
        None => reader.unexpected(&expected),
        Some(text) => {
            let came = match number::why(text) {
                Unfit::Fraction => "a fraction",
                Unfit::Range => "a number out of this range",
            };
            Fault::at(reader.position(), format!("{expected} is expected, {came} came"))
        }
    }
}

#[cold]
fn no_float(reader: &mut Reader<'_>, datatype: DataType) -> Box<Fault> {
    match reader.number_ahead() {
        None => reader.unexpected("a number"),
        Some(_) => Fault::at(
            reader.position(),
            format!("a number that {datatype} can hold is expected, one beyond its range came"),
        ),
    }
}

/// Leaves in the order in which they come, of which no more are kept than there should be.
pub(super) struct Leaves<T> {
    kept: Vec<T>,
    most: usize,
}

impl<T: Leaf> Leaves<T> {
    /// Room for as many as `reserved`, at most `most`.
    pub(super) fn new(reserved: usize, most: usize) -> Self {
        Leaves { kept: Vec::with_capacity(reserved.min(most)), most }
    }

    pub(super) fn into_vec(self) -> Vec<T> {
        self.kept
    }

    /// Reads one.
    #[inline]
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        match T::read(reader) {
            Some(leaf) => {
                if self.kept.len() < self.most {
                    self.kept.push(leaf);
                }
                Ok(())
            }
            None => Err(T::unfit(reader)),
        }
    }
}

/// Reads a list of leaves, flat or nested like `shape`, and says how many came. In a nested one each list is compared with
/// `shape`; the count of a flat one is left to [`same_count`].
fn leaves<T: Leaf>(reader: &mut Reader<'_>, shape: &[usize], leaves: &mut Leaves<T>) -> Read<usize> {
    if shape.len() > 1 && reader.list_in_list() {
        nested(reader, shape, leaves)?;
        return product(shape);
    }
    row(reader, leaves)
}

/// Reads lists that are nested exactly like `shape`. It recurs once for each dimension, of which there are few.
pub(super) fn nested<T: Leaf>(reader: &mut Reader<'_>, shape: &[usize], leaves: &mut Leaves<T>) -> Read<()> {
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
    same_length(*length, count?).map_err(|text| Fault::at(start, text))
}

/// The length of a list must be the shape's, or the text says what it is.
pub(super) fn same_length(expected: usize, came: usize) -> Result<(), String> {
    if expected == came { Ok(()) } else { Err(format!("a list of {expected} is expected, one of {came} came")) }
}

fn row<T: Leaf>(reader: &mut Reader<'_>, leaves: &mut Leaves<T>) -> Read<usize> {
    reader.list("a list", |reader, _| leaves.read(reader))
}

/// How many elements a shape needs.
pub(super) fn product(shape: &[usize]) -> Read<usize> {
    shape
        .iter()
        .try_fold(1_usize, |product, length| product.checked_mul(*length))
        .ok_or_else(|| Fault::of(format!("shape {} has more elements than can be counted", written(shape))))
}

/// The count of elements must be what the shape needs.
pub(super) fn same_count(shape: &[usize], needed: usize, came: usize) -> Read<()> {
    if needed == came {
        return Ok(());
    }
    Err(Fault::of(format!("shape {} needs {}, {came} came", written(shape), elements(needed))))
}

fn elements(count: usize) -> String {
    if count == 1 { "1 element".to_owned() } else { format!("{count} elements") }
}

/// Reads the `data` of a tensor of numbers or booleans, and says how many came. That a flat list has as many as `shape`
/// needs is left to the caller; more than that are not kept.
pub(super) fn numbers(reader: &mut Reader<'_>, datatype: DataType, shape: &[usize]) -> Read<(TensorData, usize)> {
    fn read<T: Leaf>(reader: &mut Reader<'_>, shape: &[usize], count: &mut usize) -> Read<Vec<T>> {
        let needed = product(shape).unwrap_or(usize::MAX);
        let mut values = Leaves::new(elements_ahead(reader, needed), needed);
        *count = leaves(reader, shape, &mut values)?;
        Ok(values.into_vec())
    }
    let mut came = 0;
    let elements = match datatype {
        DataType::Bool => Elements::Bool(read(reader, shape, &mut came)?),
        DataType::Uint8 => Elements::Uint8(read(reader, shape, &mut came)?),
        DataType::Uint16 => Elements::Uint16(read(reader, shape, &mut came)?),
        DataType::Uint32 => Elements::Uint32(read(reader, shape, &mut came)?),
        DataType::Uint64 => Elements::Uint64(read(reader, shape, &mut came)?),
        DataType::Int8 => Elements::Int8(read(reader, shape, &mut came)?),
        DataType::Int16 => Elements::Int16(read(reader, shape, &mut came)?),
        DataType::Int32 => Elements::Int32(read(reader, shape, &mut came)?),
        DataType::Int64 => Elements::Int64(read(reader, shape, &mut came)?),
        DataType::Fp16 => Elements::Fp16(read(reader, shape, &mut came)?),
        DataType::Bf16 => Elements::Bf16(read(reader, shape, &mut came)?),
        DataType::Fp32 => Elements::Fp32(read(reader, shape, &mut came)?),
        DataType::Fp64 => Elements::Fp64(read(reader, shape, &mut came)?),
        DataType::Bytes => return Err(Fault::of("a data type of numbers is expected, BYTES came")),
    };
    Ok((TensorData::of(elements), came))
}

/// How many numbers to make room for: as many as are needed, but no more than the list ahead can have, whatever its shape
/// says. It has one more than commas, and an element takes two bytes at least.
fn elements_ahead(reader: &Reader<'_>, needed: usize) -> usize {
    /// So few are not worth a look.
    const FEW: usize = 512;
    let ahead = &reader.text().as_bytes()[reader.position()..];
    let most = needed.min(ahead.len() / 2 + 1);
    if most <= FEW {
        return most;
    }
    let mut commas = 0;
    for block in ahead.chunks(1024) {
        // Neither stands in a list of numbers: here it has ended.
        let is_over = block.iter().fold(false, |found, byte| found | (*byte == b'"') | (*byte == b'}'));
        commas += block.iter().filter(|byte| **byte == b',').count();
        if is_over || commas >= most {
            break;
        }
    }
    most.min(commas + 1)
}

/// Reads the `data` of BYTES: a list whose elements may be any JSON value, or one bare string. `body` is what the
/// reader reads.
pub(super) fn texts(reader: &mut Reader<'_>, body: &Bytes) -> Read<TensorData> {
    let mut ranges = Ranges::default();
    let mut element = |reader: &mut Reader<'_>| {
        reader.peek();
        let start = reader.position();
        reader.skip()?;
        let offset = |at: usize| u32::try_from(at).map_err(|_| Fault::at(at, "the body is larger than 4 GiB"));
        ranges.push((offset(start)?, offset(reader.position())?));
        Ok(())
    };
    if reader.peek() == Some(b'"') {
        element(reader)?;
    } else {
        reader.list("a list or a string", |reader, _| element(reader))?;
    }
    Ok(TensorData::of(Elements::Bytes(Texts::Body { body: body.clone(), ranges })))
}
