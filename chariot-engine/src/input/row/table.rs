//! [`Table`]: the rows of a request that brings them as tensors, which are a matrix or one tensor per column.
//!
//! The rows are read in place.

use std::collections::HashSet;

use super::{
    cell::Cell,
    fault::{At, Fault},
};
use crate::{
    error::{Error, Expected, Rejection},
    protocol::{DataType, InferInput, Meter, TensorData, input_label},
};

/// The maximum number of rows in one request.
///
/// A row is an item, which takes about 600 bytes in addition to its values until its output is written. This many rows
/// take about 80 MB. Without the limit a matrix with one byte per row would grow to 600 times its size.
pub(super) const MAX_ROWS: usize = 131_072;

/// The rows of a request.
#[derive(Debug)]
pub(super) struct Table {
    /// The columns, or the only input if it is a matrix.
    inputs: Vec<Column>,
    /// The number of columns if the table is a matrix.
    matrix: Option<usize>,
    rows: usize,
}

#[derive(Debug)]
struct Column {
    name: String,
    data: TensorData,
}

impl Table {
    /// Creates the table from the inputs of a request.
    ///
    /// # Errors
    /// Returns a rejection if the shapes are not those of a matrix or of columns, if columns differ in length, or if there
    /// are too many rows.
    pub(super) fn new(mut inputs: Vec<InferInput>, meter: &Meter<'_>) -> Result<Self, Rejection> {
        let table = match &mut inputs[..] {
            [only] if only.data.datatype() != DataType::Bytes => Self::from_one(only)?,
            _ => Self::from_columns(inputs, meter)?,
        };
        if table.rows > MAX_ROWS {
            let what = format_args!("at most {MAX_ROWS} rows in a request");
            return Err(Rejection::new(Expected::new(what, table.rows)));
        }
        Ok(table)
    }

    /// Creates the table from one input: a matrix, or the only column.
    fn from_one(input: &mut InferInput) -> Result<Self, Rejection> {
        let shape = input.shape.take().unwrap_or_default();
        let (rows, matrix) = match shape[..] {
            [rows] => (rows, None),
            [rows, width] => (rows, Some(width)),
            _ => {
                let what = "shape [rows, columns] or [rows]";
                return Err(Rejection::new(Expected::new(what, format_args!("{shape:?}"))).at(input.label(0)));
            }
        };
        if rows == 0 || matrix == Some(0) {
            let got = format_args!("shape {shape:?}");
            return Err(Rejection::new(Expected::new("dimensions of at least 1", got)).at(input.label(0)));
        }
        let data = std::mem::replace(&mut input.data, TensorData::from(Vec::<bool>::new()));
        let column = Column { name: std::mem::take(&mut input.name), data };
        Ok(Table { inputs: vec![column], matrix, rows })
    }

    fn from_columns(inputs: Vec<InferInput>, meter: &Meter<'_>) -> Result<Self, Rejection> {
        let mut names = HashSet::new();
        let mut faults = Vec::new();
        let mut columns: Vec<Column> = Vec::with_capacity(inputs.len());
        let mut rows: Option<(usize, String)> = None;
        for (index, input) in inputs.into_iter().enumerate() {
            let location = input.label(index);
            let mut fault = |text: String| faults.push(format!("{location}: {text}"));
            if !names.insert(input.name.clone()) {
                fault("duplicate input name".into());
                continue;
            }
            let (name, length, data) = match column(input, meter) {
                Ok(column) => column,
                Err(rejection) => {
                    fault(rejection.text().into());
                    continue;
                }
            };
            match &rows {
                Some((expected, first)) if *expected != length => {
                    fault(Expected::new(format_args!("{expected} rows as in {first}"), length).to_string());
                }
                Some(_) => {}
                None => rows = Some((length, location)),
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

    /// Returns the number of values in a row.
    pub(super) fn width(&self) -> usize {
        self.matrix.unwrap_or(self.inputs.len())
    }

    /// Returns the name of a column. The columns of a matrix have no names, unless there is only one.
    pub(super) fn name(&self, column: usize) -> Option<&str> {
        match self.matrix {
            Some(width) if width > 1 => None,
            _ => self.inputs.get(column).map(|input| &*input.name),
        }
    }

    /// Returns the name of the first input.
    pub(super) fn first_name(&self) -> &str {
        self.inputs.first().map_or("", |input| &input.name)
    }

    /// Returns a value, if it exists.
    pub(super) fn cell(&self, row: usize, column: usize) -> Option<Cell<'_>> {
        match self.matrix {
            Some(width) => Cell::from_data(&self.inputs.first()?.data, row.checked_mul(width)?.checked_add(column)?),
            None => Cell::from_data(&self.inputs.get(column)?.data, row),
        }
    }

    /// Returns the error that the caller reads. A fault in all rows does not name this one, so that it is reported once.
    pub(super) fn error(&self, row: usize, fault: Fault) -> Error {
        let first = input_label(self.first_name(), 0);
        let Fault { at, text } = fault;
        let (location, text) = match at {
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
            At::Width(expected) if self.is_matrix() => {
                let what = expected
                    .map_or_else(|| "another number of columns".into(), |count| format!("shape [rows, {count}]"));
                (first, Expected::new(what, format_args!("[{}, {}]", self.rows, self.width())).to_string())
            }
            At::Width(expected) => {
                let what = expected.map_or_else(
                    || "another number of inputs, one per column".into(),
                    |count| format!("{count}, one per column"),
                );
                ("inputs".to_owned(), Expected::new(what, self.width()).to_string())
            }
        };
        Error::rejected(text).at(location)
    }
}

/// Returns the name of a column, its length, and its elements as a flat list.
fn column(input: InferInput, meter: &Meter<'_>) -> Result<(String, usize, TensorData), Rejection> {
    let InferInput { name, shape, data, datatype, .. } = input;
    if datatype.is_none() {
        return Err(Rejection::new(Expected::new("a datatype", "none")));
    }
    let Some(shape) = shape else {
        return Err(Rejection::new(Expected::new("a shape", "none")));
    };
    let length = match shape[..] {
        [length] | [length, 1] if length > 0 => length,
        _ => {
            let what = "shape [rows] or [rows, 1] for a column";
            return Err(Rejection::new(Expected::new(what, format_args!("{shape:?}"))));
        }
    };
    // Strings that are nested like the shape are flattened. Others stay in place.
    let nested = shape.len() > 1 && data.bytes_element_ref(0).is_some_and(|first| first.is_list());
    let data = if nested { data.flattened(&shape, meter)? } else { data };
    if data.len() != length {
        let what = format_args!("{length} elements for shape {shape:?}");
        return Err(Rejection::new(Expected::new(what, data.len())));
    }
    Ok((name, length, data))
}
