//! [`Row`]: structured data, of which an item is one row. Its medium cuts rows from the three forms in which they come.
//!
//! | file | holds |
//! |---|---|
//! | `table` | the rows of a request that came as tensors |
//! | `reader`, `cell` | one row of it, and one value of a row, as serde reads them |
//! | `fault` | what is wrong with a row |
//! | `schema` | the JSON Schema of a type |
//! | `trace`, `tracer` | the columns that a type has, and an example of it: by what serde asks for when it reads it |

mod cell;
mod fault;
mod reader;
pub(crate) mod schema;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod trace;
mod tracer;

use std::sync::Arc;

use serde::de::DeserializeOwned;

use self::{reader::RowReader, table::Table};
use super::{
    DecodeContext, ElementPayload, Input, Json, example, modality,
    modality::{Modality, sealed},
    payload::{HasParameters, Slot, SplitItem, Unit, elements},
};
use crate::{
    error::{Rejection, Result},
    protocol::{DataType, InferInput, InferRequest, JsonText, Origin, Parameters},
    signature::TensorSpec,
};

/// One row of structured data, as a type of your own.
///
/// A request brings rows in one of three forms, told apart by itself:
///
/// | form | inputs | a row is |
/// |---|---|---|
/// | matrix | one of numbers, of shape `[n, columns]` | its values in order: the fields of a struct, a tuple, an array, a `Vec` |
/// | columns | one a column, each of shape `[n]` or `[n, 1]`: numbers, `BOOL`, or `BYTES` that are strings | its values by the columns' names; without names in the type, in the order of the inputs |
/// | objects | `BYTES`, whose elements are JSON objects, or strings that hold one | the element, as [`Json<T>`](Json) reads it |
///
/// The answers to a matrix are one output, which has the input's name, and so are those to columns, under the name of the
/// action (`output`, if there is none); an object is answered as any element is. Action and parameters are those of the
/// only input, else of the request.
///
/// Numbers convert where nothing is lost: `5.0` is an integer too, and an integer is a `f32` if that holds it exactly. Of
/// floating-point numbers a `f32` takes the nearest. A `bool` takes 0 and 1. For an `Option`, `NaN` is `None` (and so is a
/// `null` among strings); for a `f64` it stays what it is. Columns that the type does not have are ignored, unless it says
/// `deny_unknown_fields`. What does not fit is a 400 that names input, row and column.
///
/// A request has at most 131,072 rows as tensors, and 16,384 as objects. One call of `infer` is given at most 1024 of them,
/// unless [`Spec::max_batch`](crate::model::Spec::max_batch) says otherwise.
///
/// ```
/// use chariot_engine::prelude::*;
///
/// #[derive(serde::Deserialize)]
/// struct House {
///     area: f32,
///     rooms: u8,
///     city: Option<String>,
/// }
///
/// struct Estimate;
///
/// impl Model for Estimate {
///     type Settings = ();
///     type Input = Row<House>;
///     type Output = Regression;
///
///     async fn load(_: &LoadContext) -> Result<Self> {
///         Ok(Estimate)
///     }
///
///     async fn infer(&self, batch: Batch<Row<House>>) -> Result<Vec<Regression>> {
///         batch.try_map(|house| Ok((1000.0 * house.0.area + 5000.0 * f32::from(house.0.rooms)).into()))
///     }
/// }
///
/// let engine = chariot_engine::testing::TestEngine::start(Engine::builder().model::<Estimate>("estimate")).unwrap();
/// let answer = engine.infer(
///     r#"{"inputs": [{"name": "area", "datatype": "FP32", "shape": [2], "data": [50, 80.5]},
///                    {"name": "rooms", "datatype": "INT64", "shape": [2], "data": [2, 4]}]}"#,
/// );
/// assert_eq!(answer.json()["outputs"][0]["data"], serde_json::json!([60000.0, 100500.0]));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row<T>(pub T);

impl<T: DeserializeOwned + Send + Sync + 'static> Input for Row<T> {
    type Modality = modality::Row;
    const INLINE: bool = true;

    fn decode(part: RowPayload, _: &DecodeContext<'_>) -> Result<Self> {
        part.read().map(Row)
    }

    fn columns() -> Vec<TensorSpec> {
        trace::columns::<T>()
    }

    fn example() -> Option<JsonText> {
        example::of_element("row", &trace::example::<T>()?)
    }
}

/// One row of a request, before it is read as a type.
///
/// ```
/// use chariot_engine::{Result, input::{DecodeContext, Input, RowPayload, modality}, reject};
///
/// /// A row of numbers, at least one of them.
/// struct Numbers(Vec<f64>);
///
/// impl Input for Numbers {
///     type Modality = modality::Row;
///
///     fn decode(part: RowPayload, _: &DecodeContext<'_>) -> Result<Self> {
///         let numbers: Vec<f64> = part.read()?;
///         if numbers.iter().all(|number| number.is_nan()) {
///             reject!("at least one number is expected, none came");
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
    Table(Arc<Table>, usize),
    Element(ElementPayload),
}

impl RowPayload {
    /// Reads the row as a type.
    ///
    /// # Errors
    /// A value that does not fit, or a column that is missing; the fault names input, row and column.
    pub fn read<T: DeserializeOwned + Send + Sync + 'static>(self) -> Result<T> {
        match self.source {
            Source::Table(table, row) => {
                T::deserialize(RowReader { table: &table, row }).map_err(|fault| table.error(row, fault))
            }
            Source::Element(element) => Json::<T>::decode(element, &DecodeContext::default()).map(|Json(value)| value),
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

    fn unit(part: &RowPayload) -> Unit {
        match &part.source {
            Source::Element(_) => Unit::Element,
            Source::Table(table, _) if table.is_matrix() => Unit::MatrixRow,
            Source::Table(..) => Unit::TableRow,
        }
    }

    fn split(request: InferRequest) -> Result<Vec<SplitItem<RowPayload>>, Rejection> {
        if are_objects(&request.inputs) {
            let of_element = |(slot, parameters, element): SplitItem<ElementPayload>| {
                let part = RowPayload { source: Source::Element(element), parameters: parameters.clone() };
                (slot, parameters, part)
            };
            return Ok(elements(request)?.into_iter().map(of_element).collect());
        }
        let parameters = parameters(&request);
        let table = Arc::new(Table::of(request.inputs)?);
        // The answers to columns are named by the action, which is known when an item is decoded.
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

/// Whether the inputs hold an object a row, by the first element. Inputs that cannot be columns are of items.
fn are_objects(inputs: &[InferInput]) -> bool {
    let Some(first) = inputs.first() else { return true };
    if inputs.iter().any(|input| input.data.datatype() != DataType::Bytes) {
        return false;
    }
    let shape = first.shape.as_deref().unwrap_or_default();
    if first.name.is_empty() || first.datatype.is_none() || shape.is_empty() {
        return true;
    }
    first.data.text_at(0).is_none_or(|element| element.holds_object() || (shape.len() == 1 && element.is_list()))
}

/// The parameters of all rows: those of the only input or of the request, and what the other of the two says besides.
/// Metadata belongs to an input, the first.
fn parameters(request: &InferRequest) -> Parameters {
    match &request.inputs[..] {
        [only] => only.parameters.completed_by(&request.parameters, &only.parameters),
        [first, ..] => request.parameters.completed_by(&first.parameters, &first.parameters),
        [] => request.parameters.clone(),
    }
}
