//! [`RowPayload`]: the payload of one row, and the split of a request into rows.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{reader::RowReader, table::Table};
use crate::{
    error::{Rejection, Result},
    input::{
        context::DecodeContext,
        decode::Input,
        json::Json,
        modality::{self, Modality, sealed},
        payload::{ElementKind, ElementPayload, HasParameters, Slot, SplitItem, Unit, elements},
    },
    protocol::{DataType, InferInput, InferRequest, JsonText, Metered, Origin, Parameters},
};

/// One row of a request, before it is deserialized as a type.
///
/// ```
/// use chariot_engine::{Result, input::{DecodeContext, Input, RowPayload, modality}, reject};
///
/// /// A row of numbers, of which at least one is not NaN.
/// struct Numbers(Vec<f64>);
///
/// impl Input for Numbers {
///     type Modality = modality::Row;
///
///     fn decode(payload: RowPayload, _: &DecodeContext<'_>) -> Result<Self> {
///         let numbers: Vec<f64> = payload.deserialize()?;
///         if numbers.iter().all(|number| number.is_nan()) {
///             reject!("expected at least one number, got only NaN");
///         }
///         Ok(Numbers(numbers))
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RowPayload {
    source: Source,
    parameters: Parameters,
}

#[derive(Clone, Debug)]
enum Source {
    /// A row of a matrix or of columns, by its index.
    Table(Arc<Table>, usize),
    /// A JSON object.
    Element(ElementPayload),
}

impl RowPayload {
    /// Deserializes the row as a type.
    ///
    /// # Errors
    /// Returns a rejection if a value does not fit or if a column is missing. It names input, row and column.
    pub fn deserialize<T: DeserializeOwned + Send + Sync + 'static>(self) -> Result<T> {
        self.decode(&DecodeContext::default())
    }

    /// Deserializes the row as a type, and reserves memory for it.
    pub(super) fn decode<T: DeserializeOwned + Send + Sync + 'static>(self, cx: &DecodeContext<'_>) -> Result<T> {
        match self.source {
            Source::Table(table, row) => {
                let meter = cx.meter();
                let before = meter.held();
                let reader = Metered::new(RowReader { table: &table, row }, meter);
                let value = T::deserialize(reader).map_err(|fault| table.error(row, fault))?;
                meter.keep(meter.held() - before);
                Ok(value)
            }
            Source::Element(element) => Json::<T>::decode(element, cx).map(|Json(value)| value),
        }
    }
}

impl HasParameters for RowPayload {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

impl sealed::Sealed for modality::Row {}

impl Modality for modality::Row {
    type Payload = RowPayload;
    type Encoded = JsonText;
    const ELEMENT: Option<&'static str> = Some("row");
    const MAX_BATCH: usize = 1024;

    fn unit(payload: &RowPayload) -> Unit {
        match &payload.source {
            Source::Element(_) => Unit::Element,
            Source::Table(table, _) if table.is_matrix() => Unit::MatrixRow,
            Source::Table(..) => Unit::TableRow,
        }
    }

    fn split(request: InferRequest, cx: &DecodeContext<'_>) -> Result<Vec<SplitItem<RowPayload>>, Rejection> {
        if are_objects(&request.inputs) {
            let from_element = |(slot, parameters, element): SplitItem<ElementPayload>| {
                let payload = RowPayload { source: Source::Element(element), parameters: parameters.clone() };
                (slot, parameters, payload)
            };
            let items = elements(request, ElementKind::Objects, cx)?;
            cx.meter().read(items.len() * size_of::<SplitItem<RowPayload>>())?;
            return Ok(items.into_iter().map(from_element).collect());
        }
        let parameters = parameters(&request);
        cx.meter().read(request.inputs.iter().map(|input| input.data.unconverted()).sum())?;
        let table = Arc::new(Table::new(request.inputs, cx.meter())?);
        cx.meter().read(table.rows() * size_of::<SplitItem<RowPayload>>())?;
        // The output for columns is named after the action, which is only known when an item is decoded.
        let name: Arc<str> = if table.is_matrix() { table.first_name().into() } else { "".into() };
        let row = |row| {
            let slot = Slot { input: 0, element: row, name: name.clone(), origin: Origin::Inputs };
            (
                slot,
                parameters.clone(),
                RowPayload { source: Source::Table(table.clone(), row), parameters: parameters.clone() },
            )
        };
        Ok((0..table.rows()).map(row).collect())
    }
}

/// Returns `true` if the elements of the inputs are rows, judging by the first element. Inputs that cannot be columns
/// have rows as elements.
fn are_objects(inputs: &[InferInput]) -> bool {
    let Some(first) = inputs.first() else { return true };
    if inputs.iter().any(|input| input.data.datatype() != DataType::Bytes) {
        return false;
    }
    let shape = first.shape.as_deref().unwrap_or_default();
    if first.name.is_empty() || first.datatype.is_none() || shape.is_empty() {
        return true;
    }
    let first = first.data.bytes_element_ref(0);
    first.is_none_or(|element| match element.is_list() {
        false => element.holds_object(),
        true => shape.len() == 1 || element.first_leaf_holds_object(),
    })
}

/// Returns the parameters of all rows: those of the only input or of the request, completed by those of the other.
///
/// Metadata is always that of the first input.
fn parameters(request: &InferRequest) -> Parameters {
    match &request.inputs[..] {
        [only] => only.parameters.completed_by(&request.parameters, &only.parameters),
        [first, ..] => request.parameters.completed_by(&first.parameters, &first.parameters),
        [] => request.parameters.clone(),
    }
}
