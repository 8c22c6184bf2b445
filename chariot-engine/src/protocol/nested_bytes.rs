//! The elements of a BYTES tensor that a request nests like its shape: `[["a"],["b"]]` of shape `[2,1]`. Inputs that are
//! split into items call it.

use super::{
    bytes_data::BytesData,
    elements::Elements,
    fault::{Fault, ReadResult},
    leaves::{check_length, product},
    meter::Meter,
    ranges::Ranges,
    reader::JsonReader,
    tensor::{Storage, TensorData},
};
use crate::error::{Expected, Rejection};

impl TensorData {
    /// Returns the elements at the leaves of lists that are nested like `shape`, or `None` if the elements are not nested:
    /// they are not lists, or `shape` has only one dimension. The leaves are slices of the body, like the elements.
    ///
    /// # Errors
    /// Returns an error if the lists are nested in another way, or if there are more than `limit` leaves.
    pub(crate) fn nested_elements(
        &self,
        shape: &[usize],
        limit: usize,
        meter: &Meter<'_>,
    ) -> Result<Option<TensorData>, Rejection> {
        let Storage::Typed(Elements::Bytes(data @ BytesData::Body { body, ranges, .. })) = &self.0 else {
            return Ok(None);
        };
        let Some((length, inner)) = shape.split_first().filter(|(_, inner)| !inner.is_empty()) else {
            return Ok(None);
        };
        if !data.element_ref(0).is_some_and(|first| first.is_list()) {
            return Ok(None);
        }
        let in_data = |fault: Box<Fault>| fault.in_member("data").rejection();
        check_length(*length, ranges.len()).map_err(|text| in_data(Fault::new(text)))?;
        let count = product(shape).map_err(|fault| fault.rejection())?;
        if count > limit {
            let expected = format_args!("at most {limit} elements");
            return Err(Rejection::new(Expected::new(expected, count)));
        }
        let mut leaves = Ranges::default();
        for (index, (start, end)) in ranges.iter().enumerate() {
            // The decoder has checked that the JSON of a body is UTF-8.
            let text = std::str::from_utf8(&body[*start as usize..*end as usize]).unwrap_or_default();
            let read = read(&mut JsonReader::metered(text, meter), inner, *start, &mut leaves);
            read.map_err(|fault| in_data(fault.in_element(index)))?;
        }
        Ok(Some(TensorData::new(Elements::Bytes(BytesData::Body {
            body: body.clone(),
            ranges: leaves,
            is_plain: false,
        }))))
    }
}

/// Reads lists that are nested like `shape` and pushes the range of each leaf, which may be any value. The text of the
/// reader starts at `offset` of the body. Recurses once per dimension; the number of dimensions is limited.
fn read(reader: &mut JsonReader<'_>, shape: &[usize], offset: u32, leaves: &mut Ranges) -> ReadResult<()> {
    let Some((length, inner)) = shape.split_first() else {
        reader.peek();
        let start = reader.position();
        reader.skip()?;
        // Part of the body, whose offsets fit.
        let range = (offset + start as u32, offset + reader.position() as u32);
        return leaves.push(range, |bytes| reader.reserve(bytes));
    };
    let count = reader.list("a list", |reader, _| read(reader, inner, offset, leaves))?;
    check_length(*length, count).map_err(Fault::new)
}
