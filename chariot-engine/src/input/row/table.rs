//! The rows of a request that came as tensors: a matrix, or a tensor a column. Rows are read from it where they stand.

use std::collections::HashSet;

use super::{
    cell::Cell,
    fault::{At, Fault},
};
use crate::{
    error::{Error, Rejection},
    protocol::{DataType, InferInput, TensorData, input_label},
};

/// The most rows that one request may hold. A row is an item, which costs about 600 bytes beside its values until it is
/// answered: this many are some 80 MB, where a matrix of one byte a row would make 600 times its size of them.
pub(super) const MOST_ROWS: usize = 131_072;

/// The rows of a request.
#[derive(Debug)]
pub(super) struct Table {
    /// The columns, or the only input of a matrix.
    inputs: Vec<Column>,
    /// How many columns a matrix has.
    matrix: Option<usize>,
    rows: usize,
}

#[derive(Debug)]
struct Column {
    name: String,
    data: TensorData,
}

impl Table {
    /// The inputs of a request as rows.
    ///
    /// # Errors
    /// Shapes that are none of a matrix or of columns, columns of unequal length, and too many rows.
    pub(super) fn of(mut inputs: Vec<InferInput>) -> Result<Self, Rejection> {
        let table = match &mut inputs[..] {
            [only] if only.data.datatype() != DataType::Bytes => Self::of_one(only)?,
            _ => Self::of_columns(inputs)?,
        };
        if table.rows > MOST_ROWS {
            let text = format!("at most {MOST_ROWS} rows in a request are expected, {} came", table.rows);
            return Err(Rejection::new(text));
        }
        Ok(table)
    }

    /// A matrix, or the only column.
    fn of_one(input: &mut InferInput) -> Result<Self, Rejection> {
        let shape = input.shape.take().unwrap_or_default();
        let (rows, matrix) = match shape[..] {
            [rows] => (rows, None),
            [rows, width] => (rows, Some(width)),
            _ => {
                let text = format!("shape [rows, columns] or [rows] is expected, {shape:?} came");
                return Err(Rejection::new(text).at(input.label(0)));
            }
        };
        if rows == 0 || matrix == Some(0) {
            return Err(
                Rejection::new(format!("a dimension of at least 1 is expected, {shape:?} came")).at(input.label(0))
            );
        }
        let data = std::mem::replace(&mut input.data, TensorData::from(Vec::<bool>::new()));
        let column = Column { name: std::mem::take(&mut input.name), data };
        Ok(Table { inputs: vec![column], matrix, rows })
    }

    fn of_columns(inputs: Vec<InferInput>) -> Result<Self, Rejection> {
        let mut names = HashSet::new();
        let mut faults = Vec::new();
        let mut columns: Vec<Column> = Vec::with_capacity(inputs.len());
        let mut rows: Option<(usize, String)> = None;
        for (index, input) in inputs.into_iter().enumerate() {
            let place = input.label(index);
            let mut fault = |text: String| faults.push(format!("{place}: {text}"));
            if !names.insert(input.name.clone()) {
                fault("this input came twice".into());
                continue;
            }
            let (name, length, data) = match column(input) {
                Ok(column) => column,
                Err(rejection) => {
                    fault(rejection.text().into());
                    continue;
                }
            };
            match &rows {
                Some((expected, first)) if *expected != length => {
                    fault(format!("{expected} rows are expected as in {first}, {length} came"));
                }
                Some(_) => {}
                None => rows = Some((length, place)),
            }
            columns.push(Column { name, data });
        }
        Rejection::all(&faults)?;
        Ok(Table { inputs: columns, matrix: None, rows: rows.map_or(0, |(rows, _)| rows) })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn is_matrix(&self) -> bool {
        self.matrix.is_some()
    }

    /// How many values a row has.
    pub(super) fn width(&self) -> usize {
        self.matrix.unwrap_or(self.inputs.len())
    }

    /// The name of a column; those of a matrix have none, but that of a matrix of one has the input's.
    pub(super) fn name(&self, column: usize) -> Option<&str> {
        match self.matrix {
            Some(width) if width > 1 => None,
            _ => self.inputs.get(column).map(|input| &*input.name),
        }
    }

    /// The name of the first input.
    pub(super) fn first_name(&self) -> &str {
        self.inputs.first().map_or("", |input| &input.name)
    }

    /// A value, if it is there.
    pub(super) fn cell(&self, row: usize, column: usize) -> Option<Cell<'_>> {
        match self.matrix {
            Some(width) => Cell::of(&self.inputs.first()?.data, row.checked_mul(width)?.checked_add(column)?),
            None => Cell::of(&self.inputs.get(column)?.data, row),
        }
    }

    /// The error that the caller reads. What is wrong with all rows says nothing of this one, so that it is told once.
    pub(super) fn error(&self, row: usize, fault: Fault) -> Error {
        let first = input_label(self.first_name(), 0);
        let Fault { at, text } = fault;
        let (place, text) = match at {
            At::Row if self.is_matrix() => (format!("{first}, row {row}"), text),
            At::Row => (format!("row {row}"), text),
            At::Cell(column, field) if self.is_matrix() => {
                let field = field.map(|name| format!(" ('{name}')")).unwrap_or_default();
                (format!("{first}, row {row}, column {column}{field}"), text)
            }
            At::Cell(column, _) => {
                let input = self.inputs.get(column).map_or("", |input| &input.name);
                (format!("{}, row {row}", input_label(input, column)), text)
            }
            At::Input(name) => (input_label(&name, 0), text),
            At::Form => (first, text),
            At::Width if self.is_matrix() => {
                (first, format!("shape [rows, {text}] is expected, [{}, {}] came", self.rows, self.width()))
            }
            At::Width => ("inputs".to_owned(), format!("{text} are expected, one a column, {} came", self.width())),
        };
        Error::rejected(text).at(place)
    }
}

/// A column's name, its length, and its elements, flat.
fn column(input: InferInput) -> Result<(String, usize, TensorData), Rejection> {
    let InferInput { name, shape, data, datatype, .. } = input;
    if datatype.is_none() {
        return Err(Rejection::new("a datatype is expected, none came"));
    }
    let Some(shape) = shape else {
        return Err(Rejection::new("a shape is expected, none came"));
    };
    let length = match shape[..] {
        [length] | [length, 1] if length > 0 => length,
        _ => {
            return Err(Rejection::new(format!("shape [rows] or [rows, 1] of a column is expected, {shape:?} came")));
        }
    };
    // Strings that are nested like the shape are made flat; others stay where they are.
    let nested = shape.len() > 1 && data.bytes_element_ref(0).is_some_and(|first| first.is_list());
    let data = if nested { data.flattened(&shape)? } else { data };
    if data.len() != length {
        return Err(Rejection::new(format!("shape {shape:?} needs {length} elements, {} came", data.len())));
    }
    Ok((name, length, data))
}
